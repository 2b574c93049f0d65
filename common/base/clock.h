// Time and randomness as interfaces, so that simulations and unit tests own them.
#pragma once

#include <cstdint>
#include <span>

#include <absl/time/time.h>

namespace continuo::base {

// Threading: implementations may be called from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() = 0;
};

// Source of unpredictable bytes; the real one is OpenSSL's (common/crypto/random.h).
// Threading: implementations may be called from any thread.
class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual void Fill(std::span<uint8_t> out) = 0;
};

}  // namespace continuo::base
