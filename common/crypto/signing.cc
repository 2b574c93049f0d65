#include "common/crypto/signing.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/bytes/byte_reader.h"
#include "common/crypto/context_pool.h"
#include "common/crypto/mac_contexts.h"
#include "common/crypto/secret.h"

namespace continuo::crypto {
namespace {

constexpr size_t kCommandOffset = 12;
constexpr size_t kFlagsOffset = 16;
constexpr size_t kMessageIdOffset = 24;
constexpr uint16_t kCommandCancel = 0x000C;
constexpr uint32_t kFlagServerToRedirector = 0x00000001;
constexpr size_t kAesKeySizeBytes = 16;

// [MS-SMB2] 3.1.4.1: MessageId, then 32 bits of which the lowest says "from the server" and the
// next "a CANCEL request", which shares its MessageId with the request that it cancels.
GmacNonce NonceOf(std::span<const uint8_t> header) {
  bytes::ByteReader command_in(header.subspan(kCommandOffset));
  bytes::ByteReader flags_in(header.subspan(kFlagsOffset));
  const bool is_cancel = command_in.U16() == kCommandCancel;
  const bool is_from_server = (flags_in.U32() & kFlagServerToRedirector) != 0;
  GmacNonce nonce{};
  std::copy_n(header.begin() + kMessageIdOffset, 8, nonce.begin());
  nonce[8] = static_cast<uint8_t>((is_from_server ? 1 : 0) | (is_cancel ? 2 : 0));
  return nonce;
}

}  // namespace

class Signer::Impl {
 public:
  Impl(SigningAlgorithm algorithm, std::span<const uint8_t> key)
      : algorithm_(algorithm), key_(key) {}

  SigningAlgorithm algorithm() const { return algorithm_; }

  // `header_part` starts with the header; `rest` are the further parts.
  template <typename Span>
  Signature Compute(std::span<const uint8_t> header_part, std::span<const Span> rest) {
    std::array<uint8_t, kSmb2HeaderSizeBytes> header;
    std::copy_n(header_part.begin(), header.size(), header.begin());
    std::fill_n(header.begin() + kSignatureOffset, kSignatureSizeBytes, uint8_t{0});

    auto context = pool_.Borrow([this] { return NewMacContext(algorithm_, key_.view()); });
    context->Begin(NonceOf(header));
    context->Feed(header);
    context->Feed(header_part.subspan(header.size()));
    for (const Span part : rest) context->Feed(part);
    return context->End();
  }

 private:
  const SigningAlgorithm algorithm_;
  const SecretBytes key_;
  ContextPool<MacContext> pool_;
};

Signer::Signer(SigningAlgorithm algorithm, std::span<const uint8_t> key) {
  CONTINUO_CHECK(algorithm == SigningAlgorithm::kHmacSha256 || key.size() == kAesKeySizeBytes);
  impl_ = std::make_unique<Impl>(algorithm, key);
}
Signer::~Signer() = default;

SigningAlgorithm Signer::algorithm() const { return impl_->algorithm(); }

void Signer::Sign(std::span<const std::span<uint8_t>> parts) const {
  CONTINUO_CHECK(!parts.empty());
  CONTINUO_CHECK(parts[0].size() >= kSmb2HeaderSizeBytes);
  const Signature signature = impl_->Compute(std::span<const uint8_t>(parts[0]), parts.subspan(1));
  std::copy(signature.begin(), signature.end(), parts[0].begin() + kSignatureOffset);
}

void Signer::Sign(std::span<uint8_t> message) const { Sign(message, {}); }

void Signer::Sign(std::span<uint8_t> header_and_fixed_part, std::span<const uint8_t> data) const {
  CONTINUO_CHECK(header_and_fixed_part.size() >= kSmb2HeaderSizeBytes);
  const std::array<std::span<const uint8_t>, 1> rest = {data};
  const Signature signature = impl_->Compute<std::span<const uint8_t>>(header_and_fixed_part, rest);
  std::copy(signature.begin(), signature.end(), header_and_fixed_part.begin() + kSignatureOffset);
}

bool Signer::Verify(std::span<const std::span<const uint8_t>> parts) const {
  if (parts.empty() || parts[0].size() < kSmb2HeaderSizeBytes) return false;
  const Signature expected = impl_->Compute(parts[0], parts.subspan(1));
  return ConstantTimeEqual(parts[0].subspan(kSignatureOffset, kSignatureSizeBytes), expected);
}

bool Signer::Verify(std::span<const uint8_t> message) const {
  const std::array<std::span<const uint8_t>, 1> parts = {message};
  return Verify(parts);
}

}  // namespace continuo::crypto
