// The SMB2 ERROR response.
//
// Source: [MS-SMB2] 2.2.2. Threading: pure.
#pragma once

#include <cstdint>
#include <span>

#include "common/bytes/byte_writer.h"
#include "common/ntstatus/ntstatus.h"

namespace continuo::smbwire {

// kContext wraps the data in one SMB2 ERROR Context, which 3.1.1 alone knows ([MS-SMB2] 2.2.2.1).
enum class ErrorFraming { kPlain, kContext };

struct ErrorResponse {
  std::span<const uint8_t> error_data;
  ErrorFraming framing = ErrorFraming::kPlain;
};
// Without data one zero byte stands in its place, as the specification demands.
void EncodeErrorResponse(const ErrorResponse& response, bytes::ByteWriter& out);
inline void EncodeErrorResponse(bytes::ByteWriter& out) { EncodeErrorResponse({}, out); }

// With STATUS_BUFFER_TOO_SMALL: the size that would have sufficed.
void EncodeBufferTooSmallResponse(uint32_t required_size_bytes, ErrorFraming framing,
                                  bytes::ByteWriter& out);

// With STATUS_STOPPED_ON_SYMLINK, [MS-SMB2] 2.2.2.2.1.
inline constexpr uint32_t kSymlinkFlagRelative = 0x00000001;
struct SymlinkError {
  uint16_t unparsed_path_size_bytes = 0;  // The tail of the name that follows the link.
  uint32_t flags = 0;
  std::span<const uint8_t> substitute_name_utf16le;
  std::span<const uint8_t> print_name_utf16le;
};
void EncodeSymlinkErrorResponse(const SymlinkError& error, ErrorFraming framing,
                                bytes::ByteWriter& out);

}  // namespace continuo::smbwire
