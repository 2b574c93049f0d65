// Internal to common/crypto: owning handles for OpenSSL objects and fetched algorithms.
#pragma once

#include <memory>

#include <openssl/evp.h>

#include "common/base/check.h"

namespace continuo::crypto {

template <auto Free>
struct OpensslFree {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, OpensslFree<EVP_CIPHER_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, OpensslFree<EVP_MD_CTX_free>>;

// Algorithms fetched once per process: an implicit fetch costs a lookup under a lock per message.
const EVP_MD* FetchedMd5();
const EVP_MD* FetchedSha256();
const EVP_MD* FetchedSha512();
const EVP_CIPHER* FetchedCipher(const char* name);

CipherContext NewCipherContext();
DigestContext NewDigestContext();

}  // namespace continuo::crypto
