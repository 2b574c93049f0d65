#include "common/smbwire/tree_connect.h"

#include "common/smbwire/body.h"

namespace continuo::smbwire {
namespace {

constexpr uint16_t kRequestStructureSize = 9;
constexpr size_t kRequestFixedEnd = kHeaderSizeBytes + 8;
// TREE_CONNECT Request Extension, [MS-SMB2] 2.2.9.1: TreeConnectContextOffset (4), Count (2),
// Reserved (10), then PathName.
constexpr size_t kExtensionFixedSizeBytes = 16;
constexpr uint16_t kResponseStructureSize = 16;

}  // namespace

NtResult<TreeConnectRequest> DecodeTreeConnectRequest(std::span<const uint8_t> message) {
  internal::BodyReader in(message, kRequestStructureSize);
  TreeConnectRequest request;
  request.flags = in.U16();  // Reserved, hence ignored by the command, before 3.1.1.
  const uint16_t path_offset = in.U16();
  const uint16_t path_size_bytes = in.U16();
  if (!in.valid() || path_size_bytes % 2 != 0) return NtStatus::kInvalidParameter;

  // PathOffset counts from the SMB2 header in both forms; the extension only moves the minimum.
  const bool has_extension = (request.flags & kTreeConnectFlagExtensionPresent) != 0;
  const size_t minimum = kRequestFixedEnd + (has_extension ? kExtensionFixedSizeBytes : 0);
  const auto path = internal::VariablePart(message, minimum, path_offset, path_size_bytes);
  if (!path) return NtStatus::kInvalidParameter;
  request.path_utf16le = *path;
  return request;
}

void EncodeTreeConnectResponse(const TreeConnectResponse& response, bytes::ByteWriter& out) {
  out.U16(kResponseStructureSize);
  out.U8(response.share_type);
  out.U8(0);
  out.U32(response.share_flags);
  out.U32(response.capabilities);
  out.U32(response.maximal_access);
}

NtStatus DecodeTreeDisconnectRequest(std::span<const uint8_t> message) {
  return internal::DecodeEmptyBody(message);
}
void EncodeTreeDisconnectResponse(bytes::ByteWriter& out) { internal::EncodeEmptyBody(out); }

}  // namespace continuo::smbwire
