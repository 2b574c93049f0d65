#include "common/crypto/openssl_util.h"

namespace continuo::crypto {
namespace {

const EVP_MD* FetchDigest(const char* name) {
  EVP_MD* digest = EVP_MD_fetch(nullptr, name, nullptr);
  CONTINUO_CHECK(digest != nullptr);
  return digest;  // For the life of the process.
}

}  // namespace

const EVP_MD* FetchedMd5() {
  static const EVP_MD* const digest = FetchDigest("MD5");
  return digest;
}

const EVP_MD* FetchedSha256() {
  static const EVP_MD* const digest = FetchDigest("SHA2-256");
  return digest;
}

const EVP_MD* FetchedSha512() {
  static const EVP_MD* const digest = FetchDigest("SHA2-512");
  return digest;
}

const EVP_CIPHER* FetchedCipher(const char* name) {
  EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, name, nullptr);
  CONTINUO_CHECK(cipher != nullptr);
  return cipher;  // For the life of the process: callers keep it in a static.
}

CipherContext NewCipherContext() {
  CipherContext context(EVP_CIPHER_CTX_new());
  CONTINUO_CHECK(context != nullptr);
  return context;
}

DigestContext NewDigestContext() {
  DigestContext context(EVP_MD_CTX_new());
  CONTINUO_CHECK(context != nullptr);
  return context;
}

}  // namespace continuo::crypto
