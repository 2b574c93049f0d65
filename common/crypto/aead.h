// AES-256-GCM for small secrets at rest (password hashes in the user database).
//
// Shape: sealed = 12-byte random nonce ++ ciphertext of plain.size() bytes ++ 16-byte tag.
// Not for SMB messages: those have counters instead of random nonces (sealing.h).
// Threading: pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <absl/status/statusor.h>

#include "common/base/bytes.h"
#include "common/base/clock.h"

namespace continuo::crypto {

inline constexpr size_t kSecretKeySizeBytes = 32;
inline constexpr size_t kSecretOverheadBytes = 12 + 16;
inline constexpr size_t kMaxSecretSizeBytes = 1 << 20;

// `context` is bound to the secret but not stored in it (user name, format version): a sealed
// secret that was moved to another place does not open there.
//
// Requires:  key.size() == kSecretKeySizeBytes; plain.size() <= kMaxSecretSizeBytes. A key seals
//            fewer than 2^32 secrets (random nonces, NIST SP 800-38D 8.3).
// Errors:    InvalidArgument for a wrong key or plain size.
absl::StatusOr<Bytes> SealSecret(std::span<const uint8_t> key, std::span<const uint8_t> context,
                                 std::span<const uint8_t> plain, base::RandomSource& random);

// Errors:    InvalidArgument for a wrong key size; DataLoss when `sealed` was not made by this key
//            and context, or was changed.
absl::StatusOr<Bytes> OpenSecret(std::span<const uint8_t> key, std::span<const uint8_t> context,
                                 std::span<const uint8_t> sealed);

}  // namespace continuo::crypto
