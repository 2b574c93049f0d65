#include "common/smbwire/query_info.h"

#include "common/smbwire/body.h"

namespace continuo::smbwire {
namespace {

constexpr uint16_t kQueryStructureSize = 41;
constexpr size_t kQueryBufferOffset = kHeaderSizeBytes + 40;
constexpr uint16_t kSetStructureSize = 33;
constexpr size_t kSetBufferOffset = kHeaderSizeBytes + 32;

}  // namespace

NtResult<QueryInfoRequest> DecodeQueryInfoRequest(std::span<const uint8_t> message) {
  internal::BodyReader in(message, kQueryStructureSize);
  QueryInfoRequest request;
  request.info_type = static_cast<InfoType>(in.U8());
  request.info_class = in.U8();
  request.output_buffer_size_bytes = in.U32();
  const uint16_t input_offset = in.U16();
  in.Skip(2);  // Reserved.
  const uint32_t input_size_bytes = in.U32();
  request.additional_information = in.U32();
  request.flags = in.U32();
  request.file_id = internal::ReadFileId(in);
  if (!in.valid()) return NtStatus::kInvalidParameter;
  const auto input =
      internal::VariablePart(message, kQueryBufferOffset, input_offset, input_size_bytes);
  if (!input) return NtStatus::kInvalidParameter;
  request.input = *input;
  return request;
}

NtResult<SetInfoRequest> DecodeSetInfoRequest(std::span<const uint8_t> message) {
  internal::BodyReader in(message, kSetStructureSize);
  SetInfoRequest request;
  request.info_type = static_cast<InfoType>(in.U8());
  request.info_class = in.U8();
  const uint32_t buffer_size_bytes = in.U32();
  const uint16_t buffer_offset = in.U16();
  in.Skip(2);  // Reserved.
  request.additional_information = in.U32();
  request.file_id = internal::ReadFileId(in);
  if (!in.valid()) return NtStatus::kInvalidParameter;
  const auto buffer =
      internal::VariablePart(message, kSetBufferOffset, buffer_offset, buffer_size_bytes);
  if (!buffer) return NtStatus::kInvalidParameter;
  request.buffer = *buffer;
  return request;
}

void EncodeSetInfoResponse(bytes::ByteWriter& out) { out.U16(2); }

}  // namespace continuo::smbwire
