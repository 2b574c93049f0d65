// SMB2 READ and WRITE.
//
// Source: [MS-SMB2] 2.2.19 to 2.2.22. Threading: pure; nothing here allocates beyond the writer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/bytes/byte_writer.h"
#include "common/ntstatus/ntstatus.h"
#include "common/smbwire/header.h"

namespace continuo::smbwire {

inline constexpr uint8_t kReadFlagUnbuffered = 0x01;
inline constexpr uint8_t kReadFlagCompressed = 0x02;
inline constexpr uint32_t kWriteFlagWriteThrough = 0x00000001;
inline constexpr uint32_t kWriteFlagUnbuffered = 0x00000002;
inline constexpr uint32_t kChannelNone = 0;
inline constexpr uint32_t kChannelRdmaV1 = 1;
inline constexpr uint32_t kChannelRdmaV1Invalidate = 2;
inline constexpr uint32_t kChannelRdmaTransform = 3;

// The channel blob is not looked at: only RDMA connections use it.
struct ReadRequest {
  uint8_t padding = 0;  // The client's wish for the data's offset in the response.
  uint8_t flags = 0;
  uint32_t length_bytes = 0;
  uint64_t offset = 0;
  FileId file_id;
  uint32_t minimum_count_bytes = 0;
  uint32_t channel = kChannelNone;
  uint32_t remaining_bytes = 0;
};
NtResult<ReadRequest> DecodeReadRequest(std::span<const uint8_t> message);

// The fixed 16 bytes of a READ response; the data follows directly after them, from wherever it
// comes: DataOffset is kReadResponseDataOffset.
inline constexpr size_t kReadResponseFixedSizeBytes = 16;
inline constexpr size_t kReadResponseDataOffset = kHeaderSizeBytes + kReadResponseFixedSizeBytes;
void EncodeReadResponseHead(uint32_t data_size_bytes, bytes::ByteWriter& out);
// The same into memory that already exists, in front of data that is already there.
void EncodeReadResponseHead(uint32_t data_size_bytes,
                            std::span<uint8_t, kReadResponseFixedSizeBytes> out);

struct ReadResponse {
  std::span<const uint8_t> data;
};
void EncodeReadResponse(const ReadResponse& response, bytes::ByteWriter& out);

struct WriteRequest {
  uint64_t offset = 0;
  FileId file_id;
  uint32_t channel = kChannelNone;
  uint32_t remaining_bytes = 0;
  uint32_t flags = 0;
  std::span<const uint8_t> data;  // Borrowed.
};
// With Length 0, DataOffset is not looked at. Errors: InvalidParameter when the data is outside
// the message or inside the fixed part.
NtResult<WriteRequest> DecodeWriteRequest(std::span<const uint8_t> message);

struct WriteResponse {
  uint32_t count_bytes = 0;
};
void EncodeWriteResponse(const WriteResponse& response, bytes::ByteWriter& out);

}  // namespace continuo::smbwire
