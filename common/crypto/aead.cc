#include "common/crypto/aead.h"

#include <absl/status/status.h>
#include <absl/strings/str_format.h>

#include "common/base/check.h"
#include "common/crypto/openssl_util.h"

namespace continuo::crypto {
namespace {

constexpr size_t kNonceSizeBytes = 12;
constexpr size_t kTagSizeBytes = 16;
static_assert(kSecretOverheadBytes == kNonceSizeBytes + kTagSizeBytes);

const EVP_CIPHER* Aes256Gcm() {
  static const EVP_CIPHER* const cipher = FetchedCipher("AES-256-GCM");
  return cipher;
}

absl::Status CheckKey(std::span<const uint8_t> key) {
  if (key.size() == kSecretKeySizeBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrFormat("secret sealing key has %d bytes instead of %d",
                                                    key.size(), kSecretKeySizeBytes));
}

}  // namespace

absl::StatusOr<Bytes> SealSecret(std::span<const uint8_t> key, std::span<const uint8_t> context,
                                 std::span<const uint8_t> plain, base::RandomSource& random) {
  CONTINUO_RETURN_IF_ERROR(CheckKey(key));
  if (plain.size() > kMaxSecretSizeBytes || context.size() > kMaxSecretSizeBytes) {
    return absl::InvalidArgumentError(
        absl::StrFormat("seal secret: %d bytes are too many", plain.size()));
  }

  Bytes sealed(plain.size() + kSecretOverheadBytes);
  const auto nonce = std::span(sealed).first(kNonceSizeBytes);
  const auto tag = std::span(sealed).last(kTagSizeBytes);
  uint8_t* cipher_text = sealed.data() + kNonceSizeBytes;
  random.Fill(nonce);

  const CipherContext evp = NewCipherContext();
  int written = 0;
  bool ok = EVP_EncryptInit_ex2(evp.get(), Aes256Gcm(), key.data(), nonce.data(), nullptr) == 1;
  ok = ok && (context.empty() || EVP_EncryptUpdate(evp.get(), nullptr, &written, context.data(),
                                                   static_cast<int>(context.size())) == 1);
  ok = ok && (plain.empty() || EVP_EncryptUpdate(evp.get(), cipher_text, &written, plain.data(),
                                                 static_cast<int>(plain.size())) == 1);
  ok = ok && EVP_EncryptFinal_ex(evp.get(), cipher_text + plain.size(), &written) == 1;
  ok = ok && EVP_CIPHER_CTX_ctrl(evp.get(), EVP_CTRL_AEAD_GET_TAG, kTagSizeBytes, tag.data()) == 1;
  CONTINUO_CHECK(ok);
  return sealed;
}

absl::StatusOr<Bytes> OpenSecret(std::span<const uint8_t> key, std::span<const uint8_t> context,
                                 std::span<const uint8_t> sealed) {
  CONTINUO_RETURN_IF_ERROR(CheckKey(key));
  if (sealed.size() < kSecretOverheadBytes ||
      sealed.size() > kMaxSecretSizeBytes + kSecretOverheadBytes ||
      context.size() > kMaxSecretSizeBytes) {
    return absl::DataLossError(absl::StrFormat("open secret: size %d", sealed.size()));
  }
  const auto cipher_text =
      sealed.subspan(kNonceSizeBytes, sealed.size() - kSecretOverheadBytes);
  Bytes tag(sealed.end() - kTagSizeBytes, sealed.end());
  Bytes plain(cipher_text.size());
  uint8_t unused = 0;
  uint8_t* out = plain.empty() ? &unused : plain.data();

  const CipherContext evp = NewCipherContext();
  int written = 0;
  bool ok = EVP_DecryptInit_ex2(evp.get(), Aes256Gcm(), key.data(), sealed.data(), nullptr) == 1;
  ok = ok && (context.empty() || EVP_DecryptUpdate(evp.get(), nullptr, &written, context.data(),
                                                   static_cast<int>(context.size())) == 1);
  ok = ok && (plain.empty() || EVP_DecryptUpdate(evp.get(), out, &written, cipher_text.data(),
                                                 static_cast<int>(cipher_text.size())) == 1);
  ok = ok && EVP_CIPHER_CTX_ctrl(evp.get(), EVP_CTRL_AEAD_SET_TAG, kTagSizeBytes, tag.data()) == 1;
  CONTINUO_CHECK(ok);
  if (EVP_DecryptFinal_ex(evp.get(), out + plain.size(), &written) != 1) {
    return absl::DataLossError("open secret: the tag does not fit the key, context and text");
  }
  return plain;
}

}  // namespace continuo::crypto
