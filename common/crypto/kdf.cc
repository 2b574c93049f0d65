#include "common/crypto/kdf.h"

#include <algorithm>
#include <array>

#include "common/base/check.h"
#include "common/bytes/byte_writer.h"

namespace continuo::crypto {
namespace {

using namespace std::string_view_literals;

// Label and context of one key. For 3.1.1 the context is the preauthentication hash.
struct Derivation {
  std::string_view label_300;
  std::string_view context_300;
  std::string_view label_311;
};

// [MS-SMB2] 3.3.5.5.3. Every text carries its terminating zero byte; the blank at the end of
// "ServerIn " is the specification's.
constexpr Derivation kSigning = {"SMB2AESCMAC\0"sv, "SmbSign\0"sv, "SMBSigningKey\0"sv};
constexpr Derivation kEncryption = {"SMB2AESCCM\0"sv, "ServerOut\0"sv, "SMBS2CCipherKey\0"sv};
constexpr Derivation kDecryption = {"SMB2AESCCM\0"sv, "ServerIn \0"sv, "SMBC2SCipherKey\0"sv};
constexpr Derivation kApplication = {"SMB2APP\0"sv, "SmbRpc\0"sv, "SMBAppKey\0"sv};

std::span<const uint8_t> AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

SecretBytes Derive(const SessionKeyInputs& inputs, const Derivation& derivation,
                   const SecretBytes& key, size_t size_bytes) {
  if (inputs.dialect == Dialect::kSmb311) {
    return DeriveKey(key.view(), derivation.label_311, inputs.preauth_hash, size_bytes);
  }
  return DeriveKey(key.view(), derivation.label_300, AsBytes(derivation.context_300), size_bytes);
}

}  // namespace

SecretBytes DeriveKey(std::span<const uint8_t> key, std::string_view label,
                      std::span<const uint8_t> context, size_t size_bytes) {
  CONTINUO_CHECK(size_bytes == 16 || size_bytes == 32);
  // One round is enough: HMAC-SHA256 gives 32 bytes. Input: i ++ label ++ 0 ++ context ++ L.
  std::array<uint8_t, 4> counter = {0, 0, 0, 1};
  std::array<uint8_t, 1> separator = {0};
  const auto size_bits = static_cast<uint16_t>(size_bytes * 8);
  std::array<uint8_t, 4> length = {0, 0, static_cast<uint8_t>(size_bits >> 8),
                                   static_cast<uint8_t>(size_bits)};
  Sha256Digest mac = HmacSha256(key, {counter, AsBytes(label), separator, context, length});
  SecretBytes derived(std::span<const uint8_t>(mac).first(size_bytes));
  SecureWipe(mac);
  return derived;
}

SessionKeys DeriveSessionKeys(const SessionKeyInputs& inputs) {
  SessionKeys keys;
  if (inputs.dialect < Dialect::kSmb300) {
    keys.signing = inputs.session_key;
    keys.application = inputs.session_key;
    return keys;
  }

  keys.signing = Derive(inputs, kSigning, inputs.session_key, 16);
  keys.application = Derive(inputs, kApplication, inputs.session_key, 16);
  // 3.0 and 3.0.2 know AES-128-CCM alone, and it needs no negotiation.
  const size_t negotiated_size_bytes = CipherKeySizeBytes(inputs.cipher);
  const size_t sealing_size_bytes = std::max<size_t>(negotiated_size_bytes, 16);
  const bool takes_full_key = sealing_size_bytes == 32 && !inputs.full_session_key.empty();
  const SecretBytes& base = takes_full_key ? inputs.full_session_key : inputs.session_key;
  keys.encryption = Derive(inputs, kEncryption, base, sealing_size_bytes);
  keys.decryption = Derive(inputs, kDecryption, base, sealing_size_bytes);
  return keys;
}

SecretBytes DeriveChannelSigningKey(const SessionKeyInputs& inputs) {
  if (inputs.dialect < Dialect::kSmb300) return inputs.session_key;
  return Derive(inputs, kSigning, inputs.session_key, 16);
}

SecretBytes ToSessionKey(std::span<const uint8_t> full_session_key) {
  std::array<uint8_t, kSessionKeySizeBytes> key{};
  const size_t size_bytes = std::min(full_session_key.size(), key.size());
  std::copy_n(full_session_key.begin(), size_bytes, key.begin());
  SecretBytes result(key);
  SecureWipe(key);
  return result;
}

}  // namespace continuo::crypto
