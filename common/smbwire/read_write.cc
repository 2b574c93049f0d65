#include "common/smbwire/read_write.h"

#include <algorithm>

#include "common/smbwire/body.h"

namespace continuo::smbwire {
namespace {

constexpr uint16_t kRequestStructureSize = 49;  // READ and WRITE alike.
constexpr size_t kRequestBufferOffset = kHeaderSizeBytes + 48;
constexpr uint16_t kResponseStructureSize = 17;

}  // namespace

NtResult<ReadRequest> DecodeReadRequest(std::span<const uint8_t> message) {
  internal::BodyReader in(message, kRequestStructureSize);
  ReadRequest request;
  request.padding = in.U8();
  request.flags = in.U8();
  request.length_bytes = in.U32();
  request.offset = in.U64();
  request.file_id = internal::ReadFileId(in);
  request.minimum_count_bytes = in.U32();
  request.channel = in.U32();
  request.remaining_bytes = in.U32();
  in.Skip(2 + 2);  // ReadChannelInfoOffset, ReadChannelInfoLength.
  if (!in.valid()) return NtStatus::kInvalidParameter;
  return request;
}

void EncodeReadResponseHead(uint32_t data_size_bytes,
                            std::span<uint8_t, kReadResponseFixedSizeBytes> out) {
  std::ranges::fill(out, uint8_t{0});
  bytes::StoreU16(out, 0, kResponseStructureSize);
  out[2] = kReadResponseDataOffset;
  bytes::StoreU32(out, 4, data_size_bytes);
  // DataRemaining (8) and Reserved2 or Flags (12) stay zero.
}

void EncodeReadResponseHead(uint32_t data_size_bytes, bytes::ByteWriter& out) {
  std::array<uint8_t, kReadResponseFixedSizeBytes> head{};
  EncodeReadResponseHead(data_size_bytes, std::span<uint8_t, kReadResponseFixedSizeBytes>(head));
  out.Append(head);
}

void EncodeReadResponse(const ReadResponse& response, bytes::ByteWriter& out) {
  EncodeReadResponseHead(static_cast<uint32_t>(response.data.size()), out);
  out.Append(response.data);
}

NtResult<WriteRequest> DecodeWriteRequest(std::span<const uint8_t> message) {
  internal::BodyReader in(message, kRequestStructureSize);
  const uint16_t data_offset = in.U16();
  const uint32_t length_bytes = in.U32();
  WriteRequest request;
  request.offset = in.U64();
  request.file_id = internal::ReadFileId(in);
  request.channel = in.U32();
  request.remaining_bytes = in.U32();
  in.Skip(2 + 2);  // WriteChannelInfoOffset, WriteChannelInfoLength.
  request.flags = in.U32();
  if (!in.valid()) return NtStatus::kInvalidParameter;
  const auto data =
      internal::VariablePart(message, kRequestBufferOffset, data_offset, length_bytes);
  if (!data) return NtStatus::kInvalidParameter;
  request.data = *data;
  return request;
}

void EncodeWriteResponse(const WriteResponse& response, bytes::ByteWriter& out) {
  out.U16(kResponseStructureSize);
  out.U16(0);  // Reserved.
  out.U32(response.count_bytes);
  out.Zeros(4 + 2 + 2);  // Remaining, WriteChannelInfoOffset, WriteChannelInfoLength.
}

}  // namespace continuo::smbwire
