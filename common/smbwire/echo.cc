#include "common/smbwire/echo.h"

#include "common/smbwire/body.h"

namespace continuo::smbwire {

NtStatus DecodeEchoRequest(std::span<const uint8_t> message) {
  return internal::DecodeEmptyBody(message);
}
void EncodeEchoResponse(bytes::ByteWriter& out) { internal::EncodeEmptyBody(out); }

NtStatus DecodeCancelRequest(std::span<const uint8_t> message) {
  return internal::DecodeEmptyBody(message);
}

}  // namespace continuo::smbwire
