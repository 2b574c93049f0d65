// SMB2 QUERY_DIRECTORY.
//
// Source: [MS-SMB2] 2.2.33, 2.2.34. The entries are built by fscc_directory.h. Threading: pure.
#pragma once

#include <cstdint>
#include <span>

#include "common/bytes/byte_writer.h"
#include "common/ntstatus/ntstatus.h"
#include "common/smbwire/header.h"

namespace continuo::smbwire {

inline constexpr uint8_t kQueryDirectoryRestartScans = 0x01;
inline constexpr uint8_t kQueryDirectoryReturnSingleEntry = 0x02;
inline constexpr uint8_t kQueryDirectoryIndexSpecified = 0x04;
inline constexpr uint8_t kQueryDirectoryReopen = 0x10;

struct QueryDirectoryRequest {
  uint8_t info_class = 0;  // fscc.h, kDirectory...
  uint8_t flags = 0;
  uint32_t file_index = 0;
  FileId file_id;
  std::span<const uint8_t> pattern_utf16le;
  uint32_t output_buffer_size_bytes = 0;
};
NtResult<QueryDirectoryRequest> DecodeQueryDirectoryRequest(std::span<const uint8_t> message);

// QUERY_DIRECTORY, QUERY_INFO and CHANGE_NOTIFY answer in one shape: StructureSize 9, an offset, a
// size and the buffer.
inline constexpr size_t kOutputBufferResponseFixedSizeBytes = 8;
void EncodeOutputBufferResponse(std::span<const uint8_t> buffer, bytes::ByteWriter& out);
// For building in place: writes the fixed part, the caller appends its data to `out`, and
// FinishOutputBufferResponse sets the offset and size. Returns where the body starts.
size_t BeginOutputBufferResponse(bytes::ByteWriter& out);
void FinishOutputBufferResponse(size_t body_start, bytes::ByteWriter& out);

}  // namespace continuo::smbwire
