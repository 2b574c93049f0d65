// The algorithm numbers of SMB 3 as they travel in negotiate contexts.
//
// Source: [MS-SMB2] 2.2.3.1.2 (ciphers), 2.2.3.1.7 (signing algorithms), 2.2.4 (dialects).
#pragma once

#include <cstdint>

namespace continuo::crypto {

enum class Dialect : uint16_t {
  kSmb202 = 0x0202,
  kSmb210 = 0x0210,
  kSmb300 = 0x0300,
  kSmb302 = 0x0302,
  kSmb311 = 0x0311,
};

enum class SigningAlgorithm : uint16_t { kHmacSha256 = 0, kAesCmac = 1, kAesGmac = 2 };

enum class Cipher : uint16_t {
  kNone = 0,
  kAes128Ccm = 1,
  kAes128Gcm = 2,
  kAes256Ccm = 3,
  kAes256Gcm = 4,
};

// 16 or 32; 0 for kNone.
constexpr uint16_t CipherKeySizeBytes(Cipher cipher) {
  switch (cipher) {
    case Cipher::kAes128Ccm:
    case Cipher::kAes128Gcm: return 16;
    case Cipher::kAes256Ccm:
    case Cipher::kAes256Gcm: return 32;
    case Cipher::kNone: break;
  }
  return 0;
}

}  // namespace continuo::crypto
