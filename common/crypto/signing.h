// Signing and verifying SMB2 messages with a prepared key.
//
//   const Signer signer(SigningAlgorithm::kAesCmac, keys.signing.view());
//   signer.Sign(message);            // SMB2_FLAGS_SIGNED is already set by the caller.
//   if (!signer.Verify(request)) …
//
// Source:    [MS-SMB2] 3.1.4.1.
// Threading: one Signer is used by any number of threads at once. It keeps a few prepared
//            contexts (the key schedule is computed once) and lends one to each call without a lock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "common/crypto/algorithms.h"

namespace continuo::crypto {

inline constexpr size_t kSmb2HeaderSizeBytes = 64;
inline constexpr size_t kSignatureOffset = 48;
inline constexpr size_t kSignatureSizeBytes = 16;
using Signature = std::array<uint8_t, kSignatureSizeBytes>;

// Which algorithm a dialect signs with when none was negotiated.
constexpr SigningAlgorithm DefaultSigningAlgorithm(Dialect dialect) {
  return dialect >= Dialect::kSmb300 ? SigningAlgorithm::kAesCmac : SigningAlgorithm::kHmacSha256;
}

class Signer {
 public:
  // Requires: 16 key bytes (HMAC-SHA256 takes any size).
  Signer(SigningAlgorithm algorithm, std::span<const uint8_t> key);
  ~Signer();
  Signer(const Signer&) = delete;
  Signer& operator=(const Signer&) = delete;

  // Writes the signature of `message` into its header. Everything else in the message, the SIGNED
  // flag too, is final before: it is part of what is signed.
  //
  // Shape:    one SMB2 message or one element of a compound with its padding, from ProtocolId on.
  //           GMAC takes its nonce from the message: MessageId, SMB2_FLAGS_SERVER_TO_REDIR and
  //           whether the command is CANCEL ([MS-SMB2] 3.1.4.1).
  // Requires: message.size() >= kSmb2HeaderSizeBytes.
  void Sign(std::span<uint8_t> message) const;

  // The same for a message whose parts lie apart (header here, file data in a pooled buffer).
  // Requires: parts[0] holds at least the whole 64-byte header.
  void Sign(std::span<const std::span<uint8_t>> parts) const;
  void Sign(std::span<uint8_t> header_and_fixed_part, std::span<const uint8_t> data) const;

  // Whether the header's signature is the right one. False too for a message that is shorter than
  // a header. The message is not changed.
  bool Verify(std::span<const uint8_t> message) const;
  bool Verify(std::span<const std::span<const uint8_t>> parts) const;

  SigningAlgorithm algorithm() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace continuo::crypto
