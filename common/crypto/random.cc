#include "common/crypto/random.h"

#include <algorithm>
#include <climits>

#include <openssl/rand.h>

#include "common/base/check.h"

namespace continuo::crypto {

void SystemRandom::Fill(std::span<uint8_t> out) {
  while (!out.empty()) {
    const size_t size_bytes = std::min<size_t>(out.size(), INT_MAX);
    const int filled = RAND_bytes(out.data(), static_cast<int>(size_bytes));
    CONTINUO_CHECK(filled == 1);
    out = out.subspan(size_bytes);
  }
}

}  // namespace continuo::crypto
