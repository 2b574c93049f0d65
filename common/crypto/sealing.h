// Encrypting and decrypting SMB 3 messages in place, with a prepared key.
//
// One Sealer per session and direction. The server seals with SessionKeys::encryption and opens
// with SessionKeys::decryption; a client the other way round.
//
// Source:    [MS-SMB2] 2.2.41 (TRANSFORM_HEADER), 3.1.4.3 (procedure).
// Shape:     sealed message = 52-byte transform header ++ ciphertext, of the same size as the plain
//            message: the tag travels in the header's Signature. AAD is the header from Nonce on.
// Threading: any number of threads at once; contexts are lent without a lock and the nonce counter
//            is atomic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "common/crypto/algorithms.h"

namespace continuo::crypto {

inline constexpr size_t kTransformHeaderSizeBytes = 52;
inline constexpr size_t kTransformSignatureOffset = 4;
inline constexpr size_t kTransformNonceOffset = 20;
inline constexpr size_t kTransformOriginalSizeOffset = 36;
inline constexpr size_t kTransformFlagsOffset = 42;
inline constexpr size_t kTransformSessionIdOffset = 44;

// Messages sealed under one key. Far below what GCM and CCM allow by nonce space, and low enough
// for the bounds of NIST SP 800-38D on the amount of data: a session that reaches it must end.
inline constexpr uint64_t kMaxMessagesPerKey = uint64_t{1} << 36;

// The largest plain message: the largest I/O (8 MiB) with headers and compound neighbours.
inline constexpr size_t kMaxSealedMessageSizeBytes = 16u << 20;

// What a transform header says before anything about it has been verified.
struct TransformHeader {
  uint32_t original_message_size_bytes = 0;
  uint16_t flags = 0;
  uint64_t session_id = 0;
};

// Whether the first four bytes are those of a transform header (0xFD 'S' 'M' 'B').
bool IsTransformHeader(std::span<const uint8_t> message);

// Reads the header so that the session, and through it the key, can be found.
// Errors: InvalidArgument when it is too short, has another ProtocolId, Flags other than 1
//         (Encrypted), or an OriginalMessageSize that is not exactly what follows.
absl::StatusOr<TransformHeader> PeekTransformHeader(std::span<const uint8_t> sealed);

class Sealer {
 public:
  // Requires: cipher != kNone; key.size() == CipherKeySizeBytes(cipher).
  //
  // `first_nonce` is where the counter starts. Zero is right for a key that no other Sealer has
  // used: nonces are unique because the keys of a session are (each logon and each reconnect
  // derives new ones).
  Sealer(Cipher cipher, std::span<const uint8_t> key, uint64_t first_nonce = 0);
  ~Sealer();
  Sealer(const Sealer&) = delete;
  Sealer& operator=(const Sealer&) = delete;

  // Seals one message, or one whole compound, for the wire.
  //
  // Shape:    bytes [0, 52) become the transform header, whatever they held; the rest is the plain
  //           message and becomes the ciphertext.
  // Requires: 52 < size <= 52 + kMaxSealedMessageSizeBytes.
  // Errors:   ResourceExhausted after kMaxMessagesPerKey messages: end the session. On an error
  //           nothing of the buffer may be sent.
  absl::Status SealInPlace(uint64_t session_id, std::span<uint8_t> transform_and_message) const;

  // The same for a message whose parts lie apart; parts[0] starts with the room for the transform
  // header. Each part is encrypted where it lies.
  // Requires: 1 to 16 parts, parts[0].size() >= 52. CCM ciphers need the message in one piece and therefore copy
  //           it through a scratch buffer when there is more than one part.
  absl::Status SealInPlace(uint64_t session_id, std::span<const std::span<uint8_t>> parts) const;

  // Verifies and decrypts one sealed message.
  //
  // Shape:    the result is the plain message, inside `sealed` after its transform header.
  // Errors:   InvalidArgument as PeekTransformHeader; PermissionDenied when the tag does not fit
  //           the key, the header and the ciphertext. The buffer then holds nothing of use.
  absl::StatusOr<std::span<uint8_t>> OpenInPlace(std::span<uint8_t> sealed) const;

  // How many messages have been sealed, for the session's counters.
  uint64_t sealed_count() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace continuo::crypto
