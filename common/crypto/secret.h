// Keys and other secrets in memory, and the two operations on them that a compiler must not improve.
//
// Threading: free functions are pure; a SecretBytes belongs to one owner.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "common/base/bytes.h"
#include "common/base/check.h"

namespace continuo::crypto {

// Overwrites `secret` with zeros in a way that is never optimised out.
void SecureWipe(std::span<uint8_t> secret);

// Whether both hold the same bytes, in a time that depends on the sizes alone.
// Different sizes are unequal at once: sizes are not secret.
bool ConstantTimeEqual(std::span<const uint8_t> a, std::span<const uint8_t> b);

// A key of at most kMaxSizeBytes that is wiped when it goes away. Copyable, so that each copy
// wipes itself.
class SecretBytes {
 public:
  static constexpr size_t kMaxSizeBytes = 64;

  SecretBytes() = default;
  // Requires: key.size() <= kMaxSizeBytes.
  explicit SecretBytes(std::span<const uint8_t> key) : size_bytes_(key.size()) {
    CONTINUO_CHECK(key.size() <= kMaxSizeBytes);
    std::copy(key.begin(), key.end(), bytes_.begin());
  }
  SecretBytes(const SecretBytes&) = default;
  SecretBytes& operator=(const SecretBytes&) = default;
  ~SecretBytes() { SecureWipe(bytes_); }

  size_t size() const { return size_bytes_; }
  bool empty() const { return size_bytes_ == 0; }
  std::span<const uint8_t> view() const { return std::span(bytes_).first(size_bytes_); }

 private:
  std::array<uint8_t, kMaxSizeBytes> bytes_{};
  size_t size_bytes_ = 0;
};

}  // namespace continuo::crypto
