// SMB2 CLOSE and FLUSH.
//
// Source: [MS-SMB2] 2.2.15 to 2.2.18. Threading: pure.
#pragma once

#include <cstdint>
#include <span>

#include "common/bytes/byte_writer.h"
#include "common/ntstatus/ntstatus.h"
#include "common/smbwire/filetime.h"
#include "common/smbwire/header.h"

namespace continuo::smbwire {

inline constexpr uint16_t kCloseFlagPostqueryAttributes = 0x0001;

struct CloseRequest {
  uint16_t flags = 0;
  FileId file_id;
};
NtResult<CloseRequest> DecodeCloseRequest(std::span<const uint8_t> message);

// All zero but flags unless the client asked for kCloseFlagPostqueryAttributes.
struct CloseResponse {
  uint16_t flags = 0;
  FileTime creation_time;
  FileTime last_access_time;
  FileTime last_write_time;
  FileTime change_time;
  uint64_t allocation_size_bytes = 0;
  uint64_t end_of_file = 0;
  uint32_t file_attributes = 0;
};
void EncodeCloseResponse(const CloseResponse& response, bytes::ByteWriter& out);

struct FlushRequest {
  FileId file_id;
};
NtResult<FlushRequest> DecodeFlushRequest(std::span<const uint8_t> message);
void EncodeFlushResponse(bytes::ByteWriter& out);

}  // namespace continuo::smbwire
