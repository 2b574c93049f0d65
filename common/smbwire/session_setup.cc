#include "common/smbwire/session_setup.h"

#include "common/smbwire/body.h"

namespace continuo::smbwire {
namespace {

constexpr uint16_t kRequestStructureSize = 25;
constexpr size_t kRequestBufferOffset = kHeaderSizeBytes + 24;
constexpr uint16_t kResponseStructureSize = 9;

}  // namespace

NtResult<SessionSetupRequest> DecodeSessionSetupRequest(std::span<const uint8_t> message) {
  internal::BodyReader in(message, kRequestStructureSize);
  SessionSetupRequest request;
  request.flags = in.U8();
  request.security_mode = in.U8();
  request.capabilities = in.U32();
  in.Skip(4);  // Channel: not used.
  const uint16_t buffer_offset = in.U16();
  const uint16_t buffer_size_bytes = in.U16();
  request.previous_session_id = SessionId(in.U64());
  if (!in.valid()) return NtStatus::kInvalidParameter;
  const auto buffer =
      internal::VariablePart(message, kRequestBufferOffset, buffer_offset, buffer_size_bytes);
  if (!buffer) return NtStatus::kInvalidParameter;
  request.security_buffer = *buffer;
  return request;
}

void EncodeSessionSetupResponse(const SessionSetupResponse& response, bytes::ByteWriter& out) {
  out.U16(kResponseStructureSize);
  out.U16(response.session_flags);
  out.U16(kHeaderSizeBytes + 8);
  out.U16(static_cast<uint16_t>(response.security_buffer.size()));
  out.Append(response.security_buffer);
}

NtStatus DecodeLogoffRequest(std::span<const uint8_t> message) {
  return internal::DecodeEmptyBody(message);
}
void EncodeLogoffResponse(bytes::ByteWriter& out) { internal::EncodeEmptyBody(out); }

}  // namespace continuo::smbwire
