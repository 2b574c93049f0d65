#include "common/crypto/mac_contexts.h"

#include <algorithm>
#include <climits>

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "common/base/check.h"
#include "common/crypto/secret.h"

namespace continuo::crypto {
namespace {

constexpr size_t kBlockSizeBytes = 16;
using Block = std::array<uint8_t, kBlockSizeBytes>;

int ToInt(size_t size_bytes) {
  CONTINUO_CHECK(size_bytes <= INT_MAX);
  return static_cast<int>(size_bytes);
}

// The first 16 of HMAC-SHA256's 32 bytes. The hash states after the key's two blocks are kept.
class HmacContext final : public MacContext {
 public:
  explicit HmacContext(std::span<const uint8_t> key) {
    std::array<uint8_t, 64> block{};
    if (key.size() > block.size()) {
      const Sha256Digest short_key = Sha256Of(key);
      std::copy(short_key.begin(), short_key.end(), block.begin());
    } else {
      std::copy(key.begin(), key.end(), block.begin());
    }
    for (uint8_t& byte : block) byte ^= 0x36;
    Start(inner_.get(), block);
    for (uint8_t& byte : block) byte ^= 0x36 ^ 0x5c;
    Start(outer_.get(), block);
    SecureWipe(block);
  }

  void Begin(const GmacNonce&) override { Copy(inner_.get()); }
  void Feed(std::span<const uint8_t> piece) override {
    const int fed = EVP_DigestUpdate(working_.get(), piece.data(), piece.size());
    CONTINUO_CHECK(fed == 1);
  }
  Signature End() override {
    const Sha256Digest inner = Finish();
    Copy(outer_.get());
    Feed(inner);
    const Sha256Digest mac = Finish();
    Signature signature{};
    std::copy_n(mac.begin(), signature.size(), signature.begin());
    return signature;
  }

 private:
  using Sha256Digest = std::array<uint8_t, 32>;

  Sha256Digest Sha256Of(std::span<const uint8_t> data) {
    Start(working_.get(), data);
    return Finish();
  }
  static void Start(EVP_MD_CTX* context, std::span<const uint8_t> block) {
    const int started = EVP_DigestInit_ex2(context, FetchedSha256(), nullptr);
    CONTINUO_CHECK(started == 1);
    const int fed = EVP_DigestUpdate(context, block.data(), block.size());
    CONTINUO_CHECK(fed == 1);
  }
  void Copy(const EVP_MD_CTX* from) {
    const int copied = EVP_MD_CTX_copy_ex(working_.get(), from);
    CONTINUO_CHECK(copied == 1);
  }
  Sha256Digest Finish() {
    Sha256Digest digest{};
    const int finished = EVP_DigestFinal_ex(working_.get(), digest.data(), nullptr);
    CONTINUO_CHECK(finished == 1);
    return digest;
  }

  DigestContext inner_ = NewDigestContext();
  DigestContext outer_ = NewDigestContext();
  DigestContext working_ = NewDigestContext();
};

// RFC 4493. OpenSSL's CMAC encrypts block by block, which is several times slower than its CBC over
// many blocks; CMAC is exactly CBC with a treated last block, so CBC it is.
class CmacContext final : public MacContext {
 public:
  explicit CmacContext(std::span<const uint8_t> key) {
    static const EVP_CIPHER* const cipher = FetchedCipher("AES-128-CBC");
    const Block zeros{};
    const int started =
        EVP_EncryptInit_ex2(context_.get(), cipher, key.data(), zeros.data(), nullptr);
    CONTINUO_CHECK(started == 1);
    (void)EVP_CIPHER_CTX_set_padding(context_.get(), 0);
    Block l = EncryptBlock(zeros);
    k1_ = Double(l);
    k2_ = Double(k1_);
    SecureWipe(l);
  }
  ~CmacContext() override {
    SecureWipe(k1_);
    SecureWipe(k2_);
    SecureWipe(held_);
  }

  void Begin(const GmacNonce&) override {
    const Block zeros{};
    const int started =
        EVP_EncryptInit_ex2(context_.get(), nullptr, nullptr, zeros.data(), nullptr);
    CONTINUO_CHECK(started == 1);
    held_size_ = 0;
  }

  // Always holds back the last 1 to 16 bytes: only End() knows that they are the last.
  void Feed(std::span<const uint8_t> piece) override {
    if (held_size_ > 0 || piece.size() <= kBlockSizeBytes) {
      const size_t taken = std::min(piece.size(), kBlockSizeBytes - held_size_);
      std::copy_n(piece.begin(), taken, held_.begin() + static_cast<ptrdiff_t>(held_size_));
      held_size_ += taken;
      piece = piece.subspan(taken);
      if (piece.empty()) return;
      (void)EncryptBlock(held_);
      held_size_ = 0;
    }
    const size_t whole_size_bytes = (piece.size() - 1) / kBlockSizeBytes * kBlockSizeBytes;
    EncryptBlocks(piece.first(whole_size_bytes));
    piece = piece.subspan(whole_size_bytes);
    std::copy(piece.begin(), piece.end(), held_.begin());
    held_size_ = piece.size();
  }

  Signature End() override {
    const bool is_whole = held_size_ == kBlockSizeBytes;
    if (!is_whole) {
      held_[held_size_] = 0x80;
      std::fill(held_.begin() + static_cast<ptrdiff_t>(held_size_) + 1, held_.end(), uint8_t{0});
    }
    const Block& subkey = is_whole ? k1_ : k2_;
    for (size_t i = 0; i < held_.size(); ++i) held_[i] ^= subkey[i];
    return EncryptBlock(held_);
  }

 private:
  static Block Double(const Block& in) {
    Block out{};
    for (size_t i = 0; i < out.size(); ++i) {
      const unsigned carry = i + 1 < in.size() ? unsigned{in[i + 1]} >> 7 : 0u;
      out[i] = static_cast<uint8_t>((unsigned{in[i]} << 1) | carry);
    }
    if ((in[0] & 0x80) != 0) out[15] ^= 0x87;
    return out;
  }
  Block EncryptBlock(const Block& block) {
    Block out{};
    int written = 0;
    const int encrypted = EVP_EncryptUpdate(context_.get(), out.data(), &written, block.data(),
                                            ToInt(block.size()));
    CONTINUO_CHECK(encrypted == 1);
    return out;
  }
  // The ciphertext is not wanted, only the chaining state; a small output stays in the cache.
  void EncryptBlocks(std::span<const uint8_t> blocks) {
    std::array<uint8_t, 4096> discarded;
    while (!blocks.empty()) {
      const size_t size_bytes = std::min(blocks.size(), discarded.size());
      int written = 0;
      const int encrypted = EVP_EncryptUpdate(context_.get(), discarded.data(), &written,
                                              blocks.data(), ToInt(size_bytes));
      CONTINUO_CHECK(encrypted == 1);
      blocks = blocks.subspan(size_bytes);
    }
  }

  CipherContext context_ = NewCipherContext();
  Block k1_{};
  Block k2_{};
  Block held_{};
  size_t held_size_ = 0;
};

// AES-128-GCM over the message as additional data, with nothing encrypted.
class GmacContext final : public MacContext {
 public:
  explicit GmacContext(std::span<const uint8_t> key) {
    static const EVP_CIPHER* const cipher = FetchedCipher("AES-128-GCM");
    const int started = EVP_EncryptInit_ex2(context_.get(), cipher, key.data(), nullptr, nullptr);
    CONTINUO_CHECK(started == 1);
  }
  void Begin(const GmacNonce& nonce) override {
    const int started =
        EVP_EncryptInit_ex2(context_.get(), nullptr, nullptr, nonce.data(), nullptr);
    CONTINUO_CHECK(started == 1);
  }
  void Feed(std::span<const uint8_t> piece) override {
    if (piece.empty()) return;
    int written = 0;
    const int fed = EVP_EncryptUpdate(context_.get(), nullptr, &written, piece.data(),
                                      ToInt(piece.size()));
    CONTINUO_CHECK(fed == 1);
  }
  Signature End() override {
    Signature signature{};
    int written = 0;
    const int finished = EVP_EncryptFinal_ex(context_.get(), signature.data(), &written);
    CONTINUO_CHECK(finished == 1);
    const int got = EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG,
                                        ToInt(signature.size()), signature.data());
    CONTINUO_CHECK(got == 1);
    return signature;
  }

 private:
  CipherContext context_ = NewCipherContext();
};

}  // namespace

std::unique_ptr<MacContext> NewMacContext(SigningAlgorithm algorithm,
                                          std::span<const uint8_t> key) {
  switch (algorithm) {
    case SigningAlgorithm::kHmacSha256: return std::make_unique<HmacContext>(key);
    case SigningAlgorithm::kAesCmac: return std::make_unique<CmacContext>(key);
    case SigningAlgorithm::kAesGmac: return std::make_unique<GmacContext>(key);
  }
  CONTINUO_CHECK(false);
  return nullptr;
}

}  // namespace continuo::crypto
