#include "services/auth-service/ntlm/ntlm_crypto.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/bytes/byte_reader.h"
#include "common/bytes/byte_writer.h"
#include "common/bytes/utf16.h"
#include "common/crypto/hash.h"
#include "services/auth-service/ntlm/ntlm_messages.h"

namespace continuo::auth::ntlm {

namespace {

constexpr char kClientSign[] = "session key to client-to-server signing key magic constant";
constexpr char kServerSign[] = "session key to server-to-client signing key magic constant";
constexpr char kClientSeal[] = "session key to client-to-server sealing key magic constant";
constexpr char kServerSeal[] = "session key to server-to-client sealing key magic constant";

// The constants include their terminating zero.
template <size_t N>
Key DeriveKey(std::span<const uint8_t> key, const char (&magic)[N]) {
  std::array<uint8_t, N> constant{};
  std::copy(std::begin(magic), std::end(magic), constant.begin());
  return crypto::Md5({key, constant});
}

// SEALKEY shortens the key when 128 bits were not negotiated, 3.4.5.3.
std::span<const uint8_t> SealInput(const Key& key, uint32_t flags) {
  const std::span<const uint8_t> all(key);
  if ((flags & k128) != 0) return all;
  return (flags & k56) != 0 ? all.first(7) : all.first(5);
}

}  // namespace

Key NtOwfV2(const userdb::NtHash& nt_hash, std::string_view user,
            std::span<const uint8_t> domain_utf16le) {
  std::u16string upper = bytes::Utf8ToUtf16(user).value_or(std::u16string());
  for (char16_t& unit : upper) unit = bytes::FoldUpper(unit);
  bytes::ByteWriter name;
  for (const char16_t unit : upper) name.U16(static_cast<uint16_t>(unit));
  return crypto::HmacMd5(nt_hash, {name.view(), domain_utf16le});
}

Key NtProof(const Key& response_key, std::span<const uint8_t> server_challenge,
            std::span<const uint8_t> client_challenge) {
  return crypto::HmacMd5(response_key, {server_challenge, client_challenge});
}

Key SessionBaseKey(const Key& response_key, const Key& proof) {
  return crypto::HmacMd5(response_key, {proof});
}

Key UnwrapSessionKey(const Key& key_exchange_key, std::span<const uint8_t, 16> encrypted) {
  Key key{};
  std::copy(encrypted.begin(), encrypted.end(), key.begin());
  crypto::Rc4(key_exchange_key).Apply(key);
  return key;
}

Key MessageIntegrityCode(const Key& exported_session_key, std::span<const uint8_t> negotiate,
                         std::span<const uint8_t> challenge,
                         std::span<const uint8_t> authenticate) {
  CONTINUO_CHECK(authenticate.size() >= kMicOffset + kMicSizeBytes);
  constexpr std::array<uint8_t, kMicSizeBytes> kZeros{};
  return crypto::HmacMd5(exported_session_key,
                         {negotiate, challenge, authenticate.first(kMicOffset), kZeros,
                          authenticate.subspan(kMicOffset + kMicSizeBytes)});
}

std::array<uint8_t, 16> FirstSignature(const Key& exported_session_key, uint32_t negotiated_flags,
                                       Direction direction, std::span<const uint8_t> message) {
  const bool from_client = direction == Direction::kClientToServer;
  const Key sign_key = from_client ? DeriveKey(exported_session_key, kClientSign)
                                   : DeriveKey(exported_session_key, kServerSign);
  constexpr std::array<uint8_t, 4> kSequence{};
  const auto digest = crypto::HmacMd5(sign_key, {kSequence, message});
  std::array<uint8_t, 8> checksum{};
  std::copy_n(digest.begin(), checksum.size(), checksum.begin());
  if ((negotiated_flags & kKeyExchange) != 0) {
    const auto input = SealInput(exported_session_key, negotiated_flags);
    const Key seal_key =
        from_client ? DeriveKey(input, kClientSeal) : DeriveKey(input, kServerSeal);
    crypto::Rc4(seal_key).Apply(checksum);
  }
  std::array<uint8_t, 16> signature{};
  signature[0] = 1;  // Version.
  std::copy(checksum.begin(), checksum.end(), signature.begin() + 4);
  return signature;  // The last four bytes are the sequence number, 0.
}

}  // namespace continuo::auth::ntlm
