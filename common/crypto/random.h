// Unpredictable bytes from OpenSSL's generator.
#pragma once

#include "common/base/clock.h"

namespace continuo::crypto {

// Threading: any thread. Aborts when the system has no entropy: no safe answer exists.
class SystemRandom final : public base::RandomSource {
 public:
  void Fill(std::span<uint8_t> out) override;
};

}  // namespace continuo::crypto
