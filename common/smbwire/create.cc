#include "common/smbwire/create.h"

#include "common/smbwire/body.h"

namespace continuo::smbwire {
namespace {

constexpr uint16_t kRequestStructureSize = 57;  // 56 fixed bytes + 1 byte of Buffer.
constexpr size_t kRequestBufferOffset = kHeaderSizeBytes + 56;
static_assert(kRequestBufferOffset == 120);
constexpr uint16_t kResponseStructureSize = 89;
constexpr size_t kResponseFixedSizeBytes = 88;

}  // namespace

NtResult<CreateRequest> DecodeCreateRequest(std::span<const uint8_t> message) {
  internal::BodyReader in(message, kRequestStructureSize);
  in.Skip(1);  // SecurityFlags: reserved, ignored on receipt.
  CreateRequest request;
  request.oplock_level = in.U8();
  request.impersonation_level = in.U32();
  in.Skip(8 + 8);  // SmbCreateFlags, Reserved.
  request.desired_access = in.U32();
  request.file_attributes = in.U32();
  request.share_access = in.U32();
  request.create_disposition = in.U32();
  request.create_options = in.U32();
  const uint16_t name_offset = in.U16();
  const uint16_t name_size_bytes = in.U16();
  const uint32_t contexts_offset = in.U32();
  const uint32_t contexts_size_bytes = in.U32();
  if (!in.valid() || message.size() < kHeaderSizeBytes + kRequestStructureSize) {
    return NtStatus::kInvalidParameter;
  }

  if (name_size_bytes % 2 != 0) return NtStatus::kInvalidParameter;
  const auto name =
      internal::VariablePart(message, kRequestBufferOffset, name_offset, name_size_bytes);
  if (!name) return NtStatus::kInvalidParameter;
  request.name_utf16le = *name;

  if (contexts_size_bytes == 0) return request;
  if (contexts_offset % 8 != 0) return NtStatus::kInvalidParameter;
  const auto contexts =
      internal::VariablePart(message, kRequestBufferOffset, contexts_offset, contexts_size_bytes);
  if (!contexts) return NtStatus::kInvalidParameter;
  CONTINUO_ASSIGN_OR_RETURN(request.contexts, DecodeCreateContexts(*contexts));
  return request;
}

void EncodeCreateResponse(const CreateResponse& response, bytes::ByteWriter& out) {
  const size_t start = out.size();
  out.U16(kResponseStructureSize);
  out.U8(response.oplock_level);
  out.U8(response.flags);
  out.U32(response.create_action);
  internal::WriteFileTime(response.creation_time, out);
  internal::WriteFileTime(response.last_access_time, out);
  internal::WriteFileTime(response.last_write_time, out);
  internal::WriteFileTime(response.change_time, out);
  out.U64(response.allocation_size_bytes);
  out.U64(response.end_of_file);
  out.U32(response.file_attributes);
  out.U32(0);  // Reserved2.
  internal::WriteFileId(response.file_id, out);
  out.U32(0);  // CreateContextsOffset and CreateContextsLength, set below.
  out.U32(0);
  static_assert((kHeaderSizeBytes + kResponseFixedSizeBytes) % 8 == 0);
  EncodeCreateResponseContexts(response.contexts, out);
  const size_t contexts_size_bytes = out.size() - start - kResponseFixedSizeBytes;
  if (contexts_size_bytes == 0) return;
  out.PatchU32(start + 80, kHeaderSizeBytes + kResponseFixedSizeBytes);
  out.PatchU32(start + 84, static_cast<uint32_t>(contexts_size_bytes));
}

}  // namespace continuo::smbwire
