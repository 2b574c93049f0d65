#include "common/crypto/sealing.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <climits>

#include <absl/strings/str_format.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/bytes/byte_reader.h"
#include "common/bytes/byte_writer.h"
#include "common/crypto/context_pool.h"
#include "common/crypto/openssl_util.h"
#include "common/crypto/secret.h"

namespace continuo::crypto {
namespace {

constexpr std::array<uint8_t, 4> kTransformProtocolId = {0xFD, 'S', 'M', 'B'};
constexpr uint16_t kFlagEncrypted = 0x0001;
constexpr size_t kTagSizeBytes = 16;
constexpr size_t kAadSizeBytes = kTransformHeaderSizeBytes - kTransformNonceOffset;
static_assert(kAadSizeBytes == 32);
static_assert(kMaxSealedMessageSizeBytes <= INT_MAX);

struct CipherTraits {
  const EVP_CIPHER* cipher;
  int nonce_size_bytes;  // OpenSSL counts in int.
  bool is_ccm;
};

CipherTraits TraitsOf(Cipher cipher) {
  static const EVP_CIPHER* const ccm_128 = FetchedCipher("AES-128-CCM");
  static const EVP_CIPHER* const gcm_128 = FetchedCipher("AES-128-GCM");
  static const EVP_CIPHER* const ccm_256 = FetchedCipher("AES-256-CCM");
  static const EVP_CIPHER* const gcm_256 = FetchedCipher("AES-256-GCM");
  switch (cipher) {
    case Cipher::kAes128Ccm: return {ccm_128, 11, true};
    case Cipher::kAes128Gcm: return {gcm_128, 12, false};
    case Cipher::kAes256Ccm: return {ccm_256, 11, true};
    case Cipher::kAes256Gcm: return {gcm_256, 12, false};
    case Cipher::kNone: break;
  }
  CONTINUO_CHECK(false);
  return {};
}

enum class Direction : int { kOpen = 0, kSeal = 1 };

// One prepared cipher in one direction; the key schedule stays from message to message.
class AeadContext {
 public:
  AeadContext(const CipherTraits& traits, std::span<const uint8_t> key, Direction direction)
      : is_ccm_(traits.is_ccm), direction_(direction) {
    bool ok = EVP_CipherInit_ex2(evp_.get(), traits.cipher, nullptr, nullptr,
                                 static_cast<int>(direction), nullptr) == 1;
    ok = ok && EVP_CIPHER_CTX_ctrl(evp_.get(), EVP_CTRL_AEAD_SET_IVLEN, traits.nonce_size_bytes,
                                   nullptr) == 1;
    // CCM mixes the tag's size into the first block, so that it must be known before the key.
    ok = ok && (!is_ccm_ || EVP_CIPHER_CTX_ctrl(evp_.get(), EVP_CTRL_AEAD_SET_TAG, kTagSizeBytes,
                                                nullptr) == 1);
    ok = ok && EVP_CipherInit_ex2(evp_.get(), nullptr, key.data(), nullptr, -1, nullptr) == 1;
    CONTINUO_CHECK(ok);
  }

  // `expected_tag` is used when opening only.
  bool Begin(std::span<const uint8_t> aad, size_t text_size_bytes,
             std::span<const uint8_t> expected_tag) {
    // AAD starts with the nonce; the cipher takes the first 11 or 12 bytes of it.
    if (EVP_CipherInit_ex2(evp_.get(), nullptr, nullptr, aad.data(), -1, nullptr) != 1) return false;
    if (direction_ == Direction::kOpen) {
      std::array<uint8_t, kTagSizeBytes> tag{};
      std::copy_n(expected_tag.begin(), tag.size(), tag.begin());
      if (EVP_CIPHER_CTX_ctrl(evp_.get(), EVP_CTRL_AEAD_SET_TAG, kTagSizeBytes, tag.data()) != 1) {
        return false;
      }
    }
    int written = 0;
    if (is_ccm_ && EVP_CipherUpdate(evp_.get(), nullptr, &written, nullptr,
                                    static_cast<int>(text_size_bytes)) != 1) {
      return false;
    }
    return EVP_CipherUpdate(evp_.get(), nullptr, &written, aad.data(),
                            static_cast<int>(aad.size())) == 1;
  }

  // False for CCM also when the tag does not fit: it is verified here.
  bool Text(std::span<uint8_t> text) {
    if (text.empty()) return true;
    int written = 0;
    return EVP_CipherUpdate(evp_.get(), text.data(), &written, text.data(),
                            static_cast<int>(text.size())) == 1;
  }

  bool End(std::span<uint8_t> tag_out) {
    std::array<uint8_t, kTagSizeBytes> unused{};
    int written = 0;
    // CCM has nothing to finish when it opens: Text() has verified.
    if (!(is_ccm_ && direction_ == Direction::kOpen) &&
        EVP_CipherFinal_ex(evp_.get(), unused.data(), &written) != 1) {
      return false;
    }
    return direction_ == Direction::kOpen ||
           EVP_CIPHER_CTX_ctrl(evp_.get(), EVP_CTRL_AEAD_GET_TAG, kTagSizeBytes, tag_out.data()) ==
               1;
  }

 private:
  const bool is_ccm_;
  const Direction direction_;
  const CipherContext evp_ = NewCipherContext();
};

void FillTransformHeader(std::span<uint8_t> header, uint64_t nonce, size_t message_size_bytes,
                         uint64_t session_id) {
  std::fill_n(header.begin(), kTransformHeaderSizeBytes, uint8_t{0});
  std::copy(kTransformProtocolId.begin(), kTransformProtocolId.end(), header.begin());
  bytes::StoreU64(header, kTransformNonceOffset, nonce);
  bytes::StoreU32(header, kTransformOriginalSizeOffset, static_cast<uint32_t>(message_size_bytes));
  bytes::StoreU16(header, kTransformFlagsOffset, kFlagEncrypted);
  bytes::StoreU64(header, kTransformSessionIdOffset, session_id);
}

}  // namespace

bool IsTransformHeader(std::span<const uint8_t> message) {
  return message.size() >= kTransformProtocolId.size() &&
         std::equal(kTransformProtocolId.begin(), kTransformProtocolId.end(), message.begin());
}

absl::StatusOr<TransformHeader> PeekTransformHeader(std::span<const uint8_t> sealed) {
  bytes::ByteReader in(sealed);
  in.Skip(kTransformOriginalSizeOffset);
  TransformHeader header;
  header.original_message_size_bytes = in.U32();
  in.Skip(2);  // Reserved.
  header.flags = in.U16();
  header.session_id = in.U64();
  if (!in.ok() || !IsTransformHeader(sealed)) {
    return absl::InvalidArgumentError("transform header: too short or another ProtocolId");
  }
  if (header.flags != kFlagEncrypted) {
    return absl::InvalidArgumentError(
        absl::StrFormat("transform header: flags 0x%x are not Encrypted", header.flags));
  }
  if (header.original_message_size_bytes == 0 ||
      header.original_message_size_bytes > kMaxSealedMessageSizeBytes ||
      header.original_message_size_bytes != in.remaining()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("transform header: original size %d of a message of %d",
                        header.original_message_size_bytes, in.remaining()));
  }
  return header;
}

class Sealer::Impl {
 public:
  Impl(Cipher cipher, std::span<const uint8_t> key, uint64_t first_nonce)
      : traits_(TraitsOf(cipher)), key_(key), first_nonce_(first_nonce) {}

  // `text` are the parts of the plain message.
  absl::Status Seal(uint64_t session_id, std::span<uint8_t> header,
                    std::span<const std::span<uint8_t>> text) {
    size_t size_bytes = 0;
    for (const auto part : text) size_bytes += part.size();
    CONTINUO_CHECK(size_bytes > 0);
    CONTINUO_CHECK(size_bytes <= kMaxSealedMessageSizeBytes);

    const uint64_t count = sealed_count_.fetch_add(1, std::memory_order_relaxed);
    if (count >= kMaxMessagesPerKey) {
      sealed_count_.store(kMaxMessagesPerKey, std::memory_order_relaxed);
      return absl::ResourceExhaustedError(
          absl::StrFormat("seal: session 0x%x has used its key for %d messages", session_id,
                          kMaxMessagesPerKey));
    }
    FillTransformHeader(header, first_nonce_ + count, size_bytes, session_id);

    auto context = seal_pool_.Borrow(
        [this] { return std::make_unique<AeadContext>(traits_, key_.view(), Direction::kSeal); });
    bool ok = context->Begin(header.subspan(kTransformNonceOffset, kAadSizeBytes), size_bytes, {});
    ok = ok && (traits_.is_ccm && text.size() > 1 ? SealGathered(*context, text, size_bytes)
                                                  : SealEach(*context, text));
    ok = ok && context->End(header.subspan(kTransformSignatureOffset, kTagSizeBytes));
    CONTINUO_CHECK(ok);
    return absl::OkStatus();
  }

  absl::StatusOr<std::span<uint8_t>> Open(std::span<uint8_t> sealed) {
    const auto header = PeekTransformHeader(sealed);
    if (!header.ok()) return header.status();
    const auto text = sealed.subspan(kTransformHeaderSizeBytes);
    auto context = open_pool_.Borrow(
        [this] { return std::make_unique<AeadContext>(traits_, key_.view(), Direction::kOpen); });
    const bool began =
        context->Begin(sealed.subspan(kTransformNonceOffset, kAadSizeBytes), text.size(),
                       sealed.subspan(kTransformSignatureOffset, kTagSizeBytes));
    CONTINUO_CHECK(began);
    if (!context->Text(text) || !context->End({})) {
      return absl::PermissionDeniedError(absl::StrFormat(
          "open: the signature does not fit the message of session 0x%x", header->session_id));
    }
    return text;
  }

  uint64_t sealed_count() const { return sealed_count_.load(std::memory_order_relaxed); }

 private:
  static bool SealEach(AeadContext& context, std::span<const std::span<uint8_t>> text) {
    for (const auto part : text) {
      if (!context.Text(part)) return false;
    }
    return true;
  }

  // OpenSSL's CCM takes the whole text in one call.
  static bool SealGathered(AeadContext& context, std::span<const std::span<uint8_t>> text,
                           size_t size_bytes) {
    Bytes gathered;
    gathered.reserve(size_bytes);
    for (const auto part : text) gathered.insert(gathered.end(), part.begin(), part.end());
    if (!context.Text(gathered)) return false;
    auto from = gathered.begin();
    for (const auto part : text) {
      std::copy_n(from, part.size(), part.begin());
      from += static_cast<ptrdiff_t>(part.size());
    }
    return true;
  }

  const CipherTraits traits_;
  const SecretBytes key_;
  const uint64_t first_nonce_;
  std::atomic<uint64_t> sealed_count_{0};
  ContextPool<AeadContext> seal_pool_;
  ContextPool<AeadContext> open_pool_;
};

Sealer::Sealer(Cipher cipher, std::span<const uint8_t> key, uint64_t first_nonce) {
  CONTINUO_CHECK(cipher != Cipher::kNone);
  CONTINUO_CHECK(key.size() == CipherKeySizeBytes(cipher));
  impl_ = std::make_unique<Impl>(cipher, key, first_nonce);
}
Sealer::~Sealer() = default;

absl::Status Sealer::SealInPlace(uint64_t session_id,
                                 std::span<uint8_t> transform_and_message) const {
  const std::array<std::span<uint8_t>, 1> parts = {transform_and_message};
  return SealInPlace(session_id, parts);
}

absl::Status Sealer::SealInPlace(uint64_t session_id,
                                 std::span<const std::span<uint8_t>> parts) const {
  constexpr size_t kMaxParts = 16;
  CONTINUO_CHECK(!parts.empty());
  CONTINUO_CHECK(parts.size() <= kMaxParts);
  CONTINUO_CHECK(parts[0].size() >= kTransformHeaderSizeBytes);
  std::array<std::span<uint8_t>, kMaxParts> text;
  std::copy(parts.begin(), parts.end(), text.begin());
  text[0] = parts[0].subspan(kTransformHeaderSizeBytes);
  return impl_->Seal(session_id, parts[0].first(kTransformHeaderSizeBytes),
                     std::span(text).first(parts.size()));
}

absl::StatusOr<std::span<uint8_t>> Sealer::OpenInPlace(std::span<uint8_t> sealed) const {
  return impl_->Open(sealed);
}

uint64_t Sealer::sealed_count() const { return impl_->sealed_count(); }

}  // namespace continuo::crypto
