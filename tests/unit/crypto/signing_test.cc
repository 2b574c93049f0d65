// Goal: signatures are right for every split of a message, and nothing changed passes.
// Method: RFC 4493's CMAC examples through whole messages; messages signed by another
// implementation (Python "cryptography" over OpenSSL's one-shot MACs); every byte changed.
#include "common/crypto/signing.h"

#include <array>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "common/crypto/mac_contexts.h"
#include "tests/unit/crypto/hex.h"

namespace continuo::crypto {
namespace {

TEST_CASE("CMAC: the examples of RFC 4493, however the message is cut",
          "[unit][crypto][RFC4493]") {
  const Bytes key = FromHex("2b7e151628aed2a6abf7158809cf4f3c");
  const Bytes text = FromHex(
      "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
      "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710");
  struct Case { size_t size; const char* mac; };
  const auto c = GENERATE(values<Case>({{0, "bb1d6929e95937287fa37d129b756746"},
                                        {16, "070a16b46b4d4144f79bdd9dd04a287c"},
                                        {40, "dfa66747de9ae63030ca32611497c827"},
                                        {64, "51f0bebf7e3b9d92fc49741779363cfe"}}));
  const auto context = NewMacContext(SigningAlgorithm::kAesCmac, key);
  const auto message = std::span(text).first(c.size);
  for (size_t a = 0; a <= c.size; ++a) {
    for (size_t b = a; b <= c.size; b += 3) {
      CAPTURE(c.size, a, b);
      context->Begin({});
      context->Feed(message.first(a));
      context->Feed(message.subspan(a, b - a));
      context->Feed(message.subspan(b));
      REQUIRE(ToBytes(context->End()) == FromHex(c.mac));
    }
  }
}

// A CANCEL request of 141 bytes, flags SERVER_TO_REDIR|SIGNED, MessageId 0x1234, zero signature.
Bytes SampleMessage() {
  return FromHex(
      "fe534d420405060708090a0b0c000e0f09000000141516173412000000000000"
      "202122232425262728292a2b2c2d2e2f00000000000000000000000000000000"
      "00070e151c232a31383f464d545b626970777e858c939aa1a8afb6bdc4cbd2d9"
      "e0e7eef5fc030a11181f262d343b424950575e656c737a81888f969da4abb2b9"
      "c0c7ced5dce3eaf1f8ff060d14");
}

struct Algorithm {
  SigningAlgorithm algorithm;
  const char* signature;
};
const Algorithm kAlgorithms[] = {
    {SigningAlgorithm::kHmacSha256, "ee38e9f62d298a6c0f82fd7003da7377"},
    {SigningAlgorithm::kAesCmac, "ded4de2a0fd07839629403cbef34a703"},
    {SigningAlgorithm::kAesGmac, "bd6d97f97d774ece89571fde5815f40c"},
};
const Bytes kKey = FromHex("000102030405060708090a0b0c0d0e0f");

TEST_CASE("Signer: signatures of an independent implementation", "[unit][crypto][MS-SMB2:3.1.4.1]") {
  for (const Algorithm& a : kAlgorithms) {
    CAPTURE(static_cast<int>(a.algorithm));
    const Signer signer(a.algorithm, kKey);
    Bytes message = SampleMessage();
    std::fill_n(message.begin() + kSignatureOffset, 16, uint8_t{0xEE});  // Counts as zero.
    signer.Sign(message);
    CHECK(ToBytes(std::span(message).subspan(kSignatureOffset, 16)) == FromHex(a.signature));
    CHECK(signer.Verify(message));

    Bytes head(message.begin(), message.begin() + 80);
    Bytes tail(message.begin() + 80, message.end());
    std::fill_n(head.begin() + kSignatureOffset, 16, uint8_t{0});
    signer.Sign(head, tail);
    CHECK(ToBytes(std::span(head).subspan(kSignatureOffset, 16)) == FromHex(a.signature));
    const std::array<std::span<uint8_t>, 3> parts = {head, std::span(tail).first(7),
                                                     std::span(tail).subspan(7)};
    signer.Sign(parts);
    CHECK(ToBytes(std::span(head).subspan(kSignatureOffset, 16)) == FromHex(a.signature));
  }
}

TEST_CASE("Signer: a change of any byte, and any truncation, fails",
          "[unit][crypto][MS-SMB2:3.1.4.1]") {
  for (const Algorithm& a : kAlgorithms) {
    const Signer signer(a.algorithm, kKey);
    Bytes message = SampleMessage();
    signer.Sign(message);
    for (size_t i = 0; i < message.size(); ++i) {
      CAPTURE(static_cast<int>(a.algorithm), i);
      message[i] ^= 0x40;
      REQUIRE_FALSE(signer.Verify(message));
      message[i] ^= 0x40;
      REQUIRE_FALSE(signer.Verify(std::span(message).first(i)));
    }
    CHECK(signer.Verify(message));
    CHECK_FALSE(Signer(a.algorithm, Bytes(16, 1)).Verify(message));
  }
}

TEST_CASE("Signer: GMAC's nonce differs for the sender's role and for CANCEL",
          "[unit][crypto][MS-SMB2:3.1.4.1]") {
  // Were the nonce the same, the header's change alone would make another tag anyway; so this
  // checks against tags that were made with the nonce given explicitly.
  struct Case { uint8_t command; uint8_t flags; uint8_t low_bits; };
  const auto c = GENERATE(values<Case>({{0x0C, 8, 2}, {0x0C, 9, 3}, {0x08, 8, 0}, {0x08, 9, 1}}));
  Bytes message = SampleMessage();
  message[12] = c.command;
  message[16] = c.flags;
  const auto context = NewMacContext(SigningAlgorithm::kAesGmac, kKey);
  context->Begin({0x34, 0x12, 0, 0, 0, 0, 0, 0, c.low_bits, 0, 0, 0});
  context->Feed(message);
  const Signature expected = context->End();
  Signer(SigningAlgorithm::kAesGmac, kKey).Sign(message);
  CHECK(ToBytes(std::span(message).subspan(kSignatureOffset, 16)) == ToBytes(expected));
}

TEST_CASE("Signer: one object signs from several threads", "[unit][crypto]") {
  const Signer signer(SigningAlgorithm::kAesCmac, kKey);
  const Bytes expected = FromHex(kAlgorithms[1].signature);
  std::array<int, 8> wrong{};
  std::vector<std::thread> threads;
  for (int& mistakes : wrong) {
    threads.emplace_back([&signer, &expected, &mistakes] {
      for (int i = 0; i < 200; ++i) {
        Bytes message = SampleMessage();
        signer.Sign(message);
        if (ToBytes(std::span(message).subspan(kSignatureOffset, 16)) != expected) ++mistakes;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int mistakes : wrong) CHECK(mistakes == 0);
}

}  // namespace
}  // namespace continuo::crypto
