#include "common/smbwire/negotiate.h"

#include <algorithm>

#include "common/smbwire/body.h"

namespace continuo::smbwire {
namespace {

constexpr uint16_t kRequestStructureSize = 36;
constexpr uint16_t kResponseStructureSize = 65;
constexpr size_t kRequestDialectsOffset = kHeaderSizeBytes + 36;

}  // namespace

bool NegotiateRequest::OffersDialect(uint16_t dialect) const {
  return std::ranges::find(dialects, dialect) != dialects.end();
}

NtResult<NegotiateRequest> DecodeNegotiateRequest(std::span<const uint8_t> message) {
  internal::BodyReader in(message, kRequestStructureSize);
  const uint16_t dialect_count = in.U16();
  NegotiateRequest request;
  request.security_mode = in.U16();
  in.Skip(2);  // Reserved.
  request.capabilities = in.U32();
  request.client_guid = in.Array<16>();
  const uint32_t contexts_offset = in.U32();  // ClientStartTime unless 3.1.1 is offered.
  const uint16_t context_count = in.U16();
  in.Skip(2);  // Reserved2.
  if (!in.valid() || dialect_count == 0 || dialect_count > kMaxDialects ||
      dialect_count > in.remaining() / 2) {
    return NtStatus::kInvalidParameter;
  }
  for (size_t i = 0; i < dialect_count; ++i) request.dialects.push_back(in.U16());

  if (!request.OffersDialect(kDialect311)) return request;
  if (contexts_offset % 8 != 0 ||
      contexts_offset < kRequestDialectsOffset + 2u * dialect_count ||
      contexts_offset > message.size()) {
    return NtStatus::kInvalidParameter;
  }
  CONTINUO_ASSIGN_OR_RETURN(
      request.contexts, DecodeNegotiateContexts(message.subspan(contexts_offset), context_count));
  if (!request.contexts.preauth_integrity) return NtStatus::kInvalidParameter;
  return request;
}

void EncodeNegotiateResponse(const NegotiateResponse& response, bytes::ByteWriter& out) {
  const size_t start = out.size();
  out.U16(kResponseStructureSize);
  out.U16(response.security_mode);
  out.U16(response.dialect);
  out.U16(0);  // NegotiateContextCount, set below.
  out.Append(response.server_guid);
  out.U32(response.capabilities);
  out.U32(response.max_transact_size_bytes);
  out.U32(response.max_read_size_bytes);
  out.U32(response.max_write_size_bytes);
  internal::WriteFileTime(response.system_time, out);
  internal::WriteFileTime(response.server_start_time, out);
  out.U16(kHeaderSizeBytes + 64);
  out.U16(static_cast<uint16_t>(response.security_buffer.size()));
  out.U32(0);  // NegotiateContextOffset, set below.
  out.Append(response.security_buffer);
  if (response.dialect != kDialect311) return;

  out.AlignTo(8, start);
  const size_t contexts_offset = kHeaderSizeBytes + (out.size() - start);
  const uint16_t count = EncodeNegotiateContexts(response.contexts, out);
  out.PatchU16(start + 6, count);
  out.PatchU32(start + 60, static_cast<uint32_t>(contexts_offset));
}

}  // namespace continuo::smbwire
