// Goal: what one message costs, beside raw OpenSSL on the same bytes. Hidden: run it with
//   test_crypto "[.benchmark]"
#include <chrono>
#include <cstdio>

#include <catch2/catch.hpp>

#include <openssl/evp.h>

#include "common/base/bytes.h"
#include "common/crypto/sealing.h"
#include "common/crypto/signing.h"

namespace continuo::crypto {
namespace {

template <typename Work>
double NanosecondsEach(const Work& work) {
  using Clock = std::chrono::steady_clock;
  int count = 0;
  const auto start = Clock::now();
  const auto end = start + std::chrono::milliseconds(200);
  while (Clock::now() < end) {
    for (int i = 0; i < 10; ++i) work();
    count += 10;
  }
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count() / count;
}

TEST_CASE("cost of signing and sealing one message", "[.benchmark]") {
  const Bytes key(16, 1);
  for (const size_t size : {size_t{100}, size_t{65536 + 80}}) {
    Bytes message(size + kTransformHeaderSizeBytes, 3);
    const auto plain = std::span(message).first(size);
    for (const auto algorithm : {SigningAlgorithm::kHmacSha256, SigningAlgorithm::kAesCmac,
                                 SigningAlgorithm::kAesGmac}) {
      const Signer signer(algorithm, key);
      std::printf("sign  algorithm %d size %6zu: %8.0f ns\n", static_cast<int>(algorithm), size,
                  NanosecondsEach([&] { signer.Sign(plain); }));
    }
    for (const auto cipher : {Cipher::kAes128Ccm, Cipher::kAes128Gcm}) {
      const Sealer sealer(cipher, key);
      std::printf("seal  cipher    %d size %6zu: %8.0f ns\n", static_cast<int>(cipher), size,
                  NanosecondsEach([&] { (void)sealer.SealInPlace(1, message); }));
    }
    EVP_CIPHER_CTX* raw = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex(raw, EVP_aes_128_gcm(), nullptr, key.data(), nullptr);
    std::printf("raw GCM            size %6zu: %8.0f ns\n", size, NanosecondsEach([&] {
                  int written = 0;
                  EVP_EncryptInit_ex(raw, nullptr, nullptr, nullptr, key.data());
                  EVP_EncryptUpdate(raw, message.data(), &written, message.data(),
                                    static_cast<int>(size));
                  EVP_EncryptFinal_ex(raw, message.data(), &written);
                }));
    EVP_CIPHER_CTX_free(raw);
  }
}

}  // namespace
}  // namespace continuo::crypto
