#include "common/smbwire/close.h"

#include "common/smbwire/body.h"

namespace continuo::smbwire {
namespace {

constexpr uint16_t kRequestStructureSize = 24;
constexpr uint16_t kCloseResponseStructureSize = 60;

}  // namespace

NtResult<CloseRequest> DecodeCloseRequest(std::span<const uint8_t> message) {
  internal::BodyReader in(message, kRequestStructureSize);
  CloseRequest request;
  request.flags = in.U16();
  in.Skip(4);  // Reserved.
  request.file_id = internal::ReadFileId(in);
  if (!in.valid()) return NtStatus::kInvalidParameter;
  return request;
}

void EncodeCloseResponse(const CloseResponse& response, bytes::ByteWriter& out) {
  out.U16(kCloseResponseStructureSize);
  out.U16(response.flags);
  out.U32(0);  // Reserved.
  internal::WriteFileTime(response.creation_time, out);
  internal::WriteFileTime(response.last_access_time, out);
  internal::WriteFileTime(response.last_write_time, out);
  internal::WriteFileTime(response.change_time, out);
  out.U64(response.allocation_size_bytes);
  out.U64(response.end_of_file);
  out.U32(response.file_attributes);
}

NtResult<FlushRequest> DecodeFlushRequest(std::span<const uint8_t> message) {
  internal::BodyReader in(message, kRequestStructureSize);
  in.Skip(2 + 4);  // Reserved1, Reserved2.
  FlushRequest request;
  request.file_id = internal::ReadFileId(in);
  if (!in.valid()) return NtStatus::kInvalidParameter;
  return request;
}

void EncodeFlushResponse(bytes::ByteWriter& out) { internal::EncodeEmptyBody(out); }

}  // namespace continuo::smbwire
