// Internal to common/crypto: one prepared computation for each signing algorithm.
//
//   context.Begin(nonce);  context.Feed(piece);  …  const Signature s = context.End();
//
// A context keeps the key schedule and is used for one message after the other by one call at a
// time (context_pool.h).
#pragma once

#include <array>
#include <memory>
#include <span>

#include "common/crypto/openssl_util.h"
#include "common/crypto/signing.h"

namespace continuo::crypto {

// 8 bytes of MessageId and 4 of role and command; only GMAC uses it.
using GmacNonce = std::array<uint8_t, 12>;

class MacContext {
 public:
  virtual ~MacContext() = default;
  virtual void Begin(const GmacNonce& nonce) = 0;
  virtual void Feed(std::span<const uint8_t> piece) = 0;
  virtual Signature End() = 0;
};

std::unique_ptr<MacContext> NewMacContext(SigningAlgorithm algorithm,
                                          std::span<const uint8_t> key);

}  // namespace continuo::crypto
