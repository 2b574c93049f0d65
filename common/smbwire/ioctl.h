// SMB2 IOCTL: the frame. The payloads are in fsctl.h.
//
// Source: [MS-SMB2] 2.2.31, 2.2.32. Threading: pure; spans borrow from the message.
#pragma once

#include <cstdint>
#include <span>

#include "common/bytes/byte_writer.h"
#include "common/ntstatus/ntstatus.h"
#include "common/smbwire/header.h"

namespace continuo::smbwire {

inline constexpr uint32_t kIoctlFlagIsFsctl = 0x00000001;

struct IoctlRequest {
  uint32_t ctl_code = 0;
  FileId file_id;
  std::span<const uint8_t> input;
  uint32_t max_input_response_bytes = 0;
  uint32_t max_output_response_bytes = 0;
  uint32_t flags = 0;
};
// OutputOffset and OutputCount of a request are ignored ([MS-SMB2] 2.2.31: both SHOULD be 0).
NtResult<IoctlRequest> DecodeIoctlRequest(std::span<const uint8_t> message);

struct IoctlResponse {
  uint32_t ctl_code = 0;
  FileId file_id;
  std::span<const uint8_t> input;  // Almost always empty.
  std::span<const uint8_t> output;
  uint32_t flags = 0;
};
void EncodeIoctlResponse(const IoctlResponse& response, bytes::ByteWriter& out);

}  // namespace continuo::smbwire
