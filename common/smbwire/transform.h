// The transform headers in front of encrypted and compressed messages.
//
// Source: [MS-SMB2] 2.2.41 (encryption), 2.2.42 (compression).
// Threading: pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/ntstatus/ntstatus.h"
#include "common/smbwire/header.h"

namespace continuo::smbwire {

inline constexpr size_t kTransformHeaderSizeBytes = 52;
// The bytes that the AEAD authenticates besides the ciphertext: Nonce up to the header's end.
inline constexpr size_t kTransformAadOffset = 20;
inline constexpr size_t kTransformAadSizeBytes = 32;
static_assert(kTransformAadOffset + kTransformAadSizeBytes == kTransformHeaderSizeBytes);
inline constexpr size_t kTransformNonceSizeBytes = 16;
inline constexpr uint16_t kTransformEncrypted = 0x0001;

struct TransformHeader {
  std::array<uint8_t, kSignatureSizeBytes> signature{};
  std::array<uint8_t, kTransformNonceSizeBytes> nonce{};  // CCM uses 11 of them, GCM 12.
  uint32_t original_message_size_bytes = 0;
  uint16_t flags = kTransformEncrypted;  // EncryptionAlgorithm in 3.0 and 3.0.2, also 1.
  SessionId session_id;
};

struct SealedMessage {
  TransformHeader header;
  std::span<const uint8_t> associated_data;  // 32 bytes, borrowed.
  std::span<const uint8_t> ciphertext;       // original_message_size_bytes bytes, borrowed.
};

// Errors: InvalidParameter (disconnect, [MS-SMB2] 3.3.5.2.1.1) when the message is no transform
// message, Flags is not 1, OriginalMessageSize is below an SMB2 header's or is not exactly the
// number of bytes that follow.
NtResult<SealedMessage> DecodeTransformHeader(std::span<const uint8_t> message);

void EncodeTransformHeader(const TransformHeader& header,
                           std::span<uint8_t, kTransformHeaderSizeBytes> out);

inline constexpr size_t kCompressionTransformHeaderSizeBytes = 16;

// The unchained form; Continuo recognises compressed messages so that it can refuse them.
struct CompressionTransformHeader {
  uint32_t original_compressed_segment_size_bytes = 0;
  uint16_t compression_algorithm = 0;
  uint16_t flags = 0;  // 1: chained, the rest of the header differs.
  uint32_t offset = 0;
};
NtResult<CompressionTransformHeader> DecodeCompressionTransformHeader(
    std::span<const uint8_t> message);

}  // namespace continuo::smbwire
