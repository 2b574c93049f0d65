// Goal: each digest and MAC gives the values its own RFC prints. Method: the RFCs' test suites.
#include "common/crypto/hash.h"

#include <catch2/catch.hpp>

#include "common/crypto/aead.h"
#include "common/crypto/random.h"
#include "common/crypto/secret.h"
#include "tests/unit/crypto/hex.h"

namespace continuo::crypto {
namespace {

TEST_CASE("MD4: the test suite of RFC 1320 A.5", "[unit][crypto][RFC1320]") {
  struct Case { const char* text; const char* digest; };
  const auto c = GENERATE(values<Case>({
      {"", "31d6cfe0d16ae931b73c59d7e0c089c0"},
      {"a", "bde52cb31de33e46245e05fbdbd6fb24"},
      {"abc", "a448017aaf21d8525fc10ae87aa6729d"},
      {"message digest", "d9130a8164549fe818874806e1c7014b"},
      {"abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9"},
      {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
       "043f8582f241db351ce627e153e7f0e4"},
      {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
       "e33b4ddc9c38f2199c3e7b164fcc0536"},
  }));
  CAPTURE(c.text);
  CHECK(ToBytes(Md4(FromText(c.text))) == FromHex(c.digest));
}

TEST_CASE("MD4: the NT hash of [MS-NLMP] 4.2.2.1.2's password", "[unit][crypto][MS-NLMP:4.2.2]") {
  Bytes password;
  for (const char c : std::string("Password")) {
    password.push_back(static_cast<uint8_t>(c));
    password.push_back(0);
  }
  CHECK(ToBytes(Md4(password)) == FromHex("a4f49c406510bdcab6824ee7c30fd852"));
}

TEST_CASE("MD5 and SHA-2: published values, whole and in pieces", "[unit][crypto]") {
  CHECK(ToBytes(Md5({FromText("message digest")})) == FromHex("f96b697d7cb7938d525a2f31aaf161d0"));
  CHECK(ToBytes(Sha256({FromText("a"), FromText("bc")})) ==
        FromHex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
  const Bytes abc512 = FromHex(
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
      "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
  CHECK(ToBytes(Sha512Of({FromText("abc")})) == abc512);
  Sha512 incremental;
  for (int round = 0; round < 2; ++round) {  // Finish() leaves it as new.
    incremental.Update(FromText("ab"));
    incremental.Update(FromText("c"));
    CHECK(ToBytes(incremental.Finish()) == abc512);
  }
}

TEST_CASE("HMAC-SHA256: RFC 4231 cases 1, 2, 6", "[unit][crypto][RFC4231]") {
  CHECK(ToBytes(HmacSha256(Bytes(20, 0x0b), {FromText("Hi There")})) ==
        FromHex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"));
  CHECK(ToBytes(HmacSha256(FromText("Jefe"), {FromText("what do ya want "), FromText("for nothing?")})) ==
        FromHex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
  CHECK(ToBytes(HmacSha256(Bytes(131, 0xaa),
                           {FromText("Test Using Larger Than Block-Size Key - Hash Key First")})) ==
        FromHex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"));
}

TEST_CASE("HMAC-MD5: RFC 2202 cases 1, 2, 6", "[unit][crypto][RFC2202]") {
  CHECK(ToBytes(HmacMd5(Bytes(16, 0x0b), {FromText("Hi There")})) ==
        FromHex("9294727a3638bb1c13f48ef8158bfc9d"));
  CHECK(ToBytes(HmacMd5(FromText("Jefe"), {FromText("what do ya want for nothing?")})) ==
        FromHex("750c783e6ab0b503eaa86e310a5db738"));
  CHECK(ToBytes(HmacMd5(Bytes(80, 0xaa),
                        {FromText("Test Using Larger Than Block-Size Key - Hash Key First")})) ==
        FromHex("6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd"));
}

TEST_CASE("RC4: RFC 6229's 40-bit key stream, in one call and in two", "[unit][crypto][RFC6229]") {
  const Bytes stream = FromHex("b2396305f03dc027ccc3524a0a1118a8");
  Bytes whole(16, 0);
  Rc4(FromHex("0102030405")).Apply(whole);
  CHECK(whole == stream);
  Bytes parts(16, 0);
  Rc4 rc4(FromHex("0102030405"));
  rc4.Apply(std::span(parts).first(5));
  rc4.Apply(std::span(parts).subspan(5));
  CHECK(parts == stream);
}

TEST_CASE("secrets at rest: open what was sealed, refuse everything else", "[unit][crypto]") {
  SystemRandom random;
  const Bytes key = FromHex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  const Bytes context = FromText("user=alice");
  const Bytes plain = FromText("the hash");
  const auto sealed = SealSecret(key, context, plain, random);
  REQUIRE(sealed.ok());
  CHECK(sealed->size() == plain.size() + kSecretOverheadBytes);
  REQUIRE(OpenSecret(key, context, *sealed).ok());
  CHECK(*OpenSecret(key, context, *sealed) == plain);

  CHECK_FALSE(OpenSecret(key, FromText("user=mallory"), *sealed).ok());
  for (size_t i = 0; i < sealed->size(); ++i) {
    Bytes changed = *sealed;
    changed[i] ^= 1;
    CAPTURE(i);
    CHECK(OpenSecret(key, context, changed).status().code() == absl::StatusCode::kDataLoss);
    CHECK_FALSE(OpenSecret(key, context, std::span(*sealed).first(i)).ok());
  }
  const auto nothing = SealSecret(key, {}, {}, random);
  REQUIRE(nothing.ok());
  REQUIRE(OpenSecret(key, {}, *nothing).ok());
  CHECK(OpenSecret(key, {}, *nothing)->empty());
  CHECK_FALSE(SealSecret(std::span(key).first(16), {}, plain, random).ok());
}

TEST_CASE("constant-time compare: equal bytes and equal sizes only", "[unit][crypto]") {
  CHECK(ConstantTimeEqual(FromText("abc"), FromText("abc")));
  CHECK_FALSE(ConstantTimeEqual(FromText("abc"), FromText("abd")));
  CHECK_FALSE(ConstantTimeEqual(FromText("abc"), FromText("ab")));
  CHECK(ConstantTimeEqual({}, {}));
}

}  // namespace
}  // namespace continuo::crypto
