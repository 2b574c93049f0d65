#include "common/smbwire/query_directory.h"

#include "common/smbwire/body.h"

namespace continuo::smbwire {
namespace {

constexpr uint16_t kRequestStructureSize = 33;
constexpr size_t kRequestBufferOffset = kHeaderSizeBytes + 32;
constexpr uint16_t kResponseStructureSize = 9;
constexpr uint16_t kResponseBufferOffset = kHeaderSizeBytes + kOutputBufferResponseFixedSizeBytes;

}  // namespace

NtResult<QueryDirectoryRequest> DecodeQueryDirectoryRequest(std::span<const uint8_t> message) {
  internal::BodyReader in(message, kRequestStructureSize);
  QueryDirectoryRequest request;
  request.info_class = in.U8();
  request.flags = in.U8();
  request.file_index = in.U32();
  request.file_id = internal::ReadFileId(in);
  const uint16_t name_offset = in.U16();
  const uint16_t name_size_bytes = in.U16();
  request.output_buffer_size_bytes = in.U32();
  if (!in.valid() || name_size_bytes % 2 != 0) return NtStatus::kInvalidParameter;
  const auto pattern =
      internal::VariablePart(message, kRequestBufferOffset, name_offset, name_size_bytes);
  if (!pattern) return NtStatus::kInvalidParameter;
  request.pattern_utf16le = *pattern;
  return request;
}

void EncodeOutputBufferResponse(std::span<const uint8_t> buffer, bytes::ByteWriter& out) {
  const size_t body_start = BeginOutputBufferResponse(out);
  out.Append(buffer);
  FinishOutputBufferResponse(body_start, out);
}

size_t BeginOutputBufferResponse(bytes::ByteWriter& out) {
  const size_t body_start = out.size();
  out.U16(kResponseStructureSize);
  out.Zeros(2 + 4);
  return body_start;
}

void FinishOutputBufferResponse(size_t body_start, bytes::ByteWriter& out) {
  CONTINUO_CHECK(out.size() - body_start >= kOutputBufferResponseFixedSizeBytes);
  const size_t size_bytes = out.size() - body_start - kOutputBufferResponseFixedSizeBytes;
  out.PatchU16(body_start + 2, size_bytes == 0 ? uint16_t{0} : kResponseBufferOffset);
  out.PatchU32(body_start + 4, static_cast<uint32_t>(size_bytes));
}

}  // namespace continuo::smbwire
