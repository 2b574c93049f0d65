// One open named pipe of IPC$: bytes in, messages out, a DCE/RPC server behind it.
//
//   auto pipe = OpenPipe("srvsvc", environment);          // CREATE
//   (*pipe)->Write(data);                                  // WRITE
//   PipeRead read = (*pipe)->Read(length);                 // READ: send read.data, read.status
//   PipeRead read = (*pipe)->Transceive(input, max);       // FSCTL_PIPE_TRANSCEIVE
//
// Source:    [MS-SMB2] 3.3.5.9 (pipe CREATE), 3.3.5.12 (READ), 3.3.5.13 (WRITE), 3.3.5.15.10
//            (FSCTL_PIPE_TRANSCEIVE); message mode as pipes for RPC have it: [MS-RPCE] 2.1.1.2.
// Threading: one call at a time; the open's owner serialises. Calls never block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "common/base/bytes.h"
#include "common/ntstatus/ntstatus.h"
#include "services/smb-frontend/pipes/pipe_environment.h"

namespace continuo::pipes {

// Bytes of responses that a client may leave unread before its next request is refused.
inline constexpr size_t kMaxUnreadBytes = 16u << 20;

struct PipeRead {
  // STATUS_SUCCESS: `data` is a whole message or the rest of one. STATUS_BUFFER_OVERFLOW: `data`
  // is as much as was asked for and more of the same message follows; the response carries the
  // data with this status. Anything else: an error response without data.
  NtStatus status;
  Bytes data;
};

class PipeEndpoint {
 public:
  virtual ~PipeEndpoint() = default;

  // Takes all of `data`; answers to what became complete are ready when it returns.
  // Errors: PIPE_DISCONNECTED after a client broke the RPC protocol;
  //         INSUFFICIENT_RESOURCES beyond kMaxUnreadBytes.
  virtual NtStatus Write(std::span<const uint8_t> data) = 0;

  // Errors: PIPE_EMPTY when nothing is ready (answers are made inside Write, so none will become
  //         ready by waiting); PIPE_DISCONNECTED as Write, once everything has been read.
  virtual PipeRead Read(size_t max_size_bytes) = 0;

  // Write and Read as one. Errors: theirs; PIPE_BUSY when an earlier answer has not been read.
  virtual PipeRead Transceive(std::span<const uint8_t> input, size_t max_output_bytes) = 0;

  // For FilePipeLocalInformation and FSCTL_PIPE_PEEK: bytes and messages that wait to be read.
  virtual size_t ReadableBytes() const = 0;
  virtual size_t ReadableMessages() const = 0;
};

// `name` as CREATE on IPC$ carries it, without regard to case and with or without a leading
// backslash or "PIPE\": "srvsvc", "\\SRVSVC", "PIPE\\wkssvc".
// Errors: OBJECT_NAME_NOT_FOUND for every other name.
NtResult<std::unique_ptr<PipeEndpoint>> OpenPipe(std::string_view name,
                                                 std::shared_ptr<const PipeEnvironment> environment);

// Whether OpenPipe knows the name; for FSCTL_PIPE_WAIT.
bool IsKnownPipe(std::string_view name);

}  // namespace continuo::pipes
