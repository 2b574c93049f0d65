#include "common/crypto/secret.h"

#include <openssl/crypto.h>

namespace continuo::crypto {

void SecureWipe(std::span<uint8_t> secret) { OPENSSL_cleanse(secret.data(), secret.size()); }

bool ConstantTimeEqual(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  if (a.size() != b.size()) return false;
  return a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace continuo::crypto
