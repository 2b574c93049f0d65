// Goal: the computations agree with the published vectors, and no length a client sends is trusted.
#include <catch2/catch.hpp>

#include "services/auth-service/ntlm/ntlm_acceptor.h"
#include "tests/unit/auth/auth_test_support.h"

namespace continuo::auth::ntlm {
namespace {

using testing::CountingRandom;
using testing::FakeClock;
using testing::FromHex;
using testing::NtlmClient;

Key ToKey(std::string_view hex) {
  Key key{};
  const Bytes bytes = FromHex(hex);
  std::copy(bytes.begin(), bytes.end(), key.begin());
  return key;
}

TEST_CASE("NTLMv2: keys and proof are those of the specification's example",
          "[unit][auth][MS-NLMP:4.2.4]") {
  const auto hash = userdb::NtHashOfPassword("Password");
  REQUIRE(hash.ok());
  CHECK(*hash == ToKey("a4f49c406510bdcab6824ee7c30fd852"));
  const Bytes domain = *bytes::Utf8ToUtf16Le("Domain");
  const Key response_key = NtOwfV2(*hash, "User", domain);
  CHECK(response_key == ToKey("0c868a403bfd7a93a3001ef22ef02e3f"));
  const Bytes temp = FromHex(
      "01010000000000000000000000000000aaaaaaaaaaaaaaaa0000000002000c0044006f006d00610069006e00"
      "01000c005300650072007600650072000000000000000000");
  const Key proof = NtProof(response_key, FromHex("0123456789abcdef"), temp);
  CHECK(proof == ToKey("68cd0ab851e51c96aabc927bebef6a1c"));
  const Key base_key = SessionBaseKey(response_key, proof);
  CHECK(base_key == ToKey("8de40ccadbc14a82f15cb0ad0de95ca3"));
  const Key wrapped = ToKey("c5dad2544fc9799094ce1ce90bc9d03e");
  CHECK(UnwrapSessionKey(base_key, std::span<const uint8_t, 16>(wrapped)) ==
        ToKey("55555555555555555555555555555555"));
}

struct Exchange {
  NtlmClient client;
  CountingRandom random;
  FakeClock clock;
  NtlmAcceptor acceptor{testing::MakeDirectory()->policy.ntlm_names};

  NtResult<Key> Run(const char* password_in_database) {
    const auto challenge = acceptor.Negotiate(client.Negotiate(), random, clock.Now());
    if (!challenge.ok()) return challenge.status();
    const NtStatus parsed = acceptor.Authenticate(client.Authenticate(*challenge));
    if (!parsed.ok()) return parsed;
    if (password_in_database == nullptr) return acceptor.Verify(nullptr, random);
    const auto hash = userdb::NtHashOfPassword(password_in_database);
    return acceptor.Verify(&*hash, random);
  }
};

TEST_CASE("NTLM acceptor: the right password yields the client's exported session key",
          "[unit][auth][MS-NLMP:3.2.5.1.2]") {
  Exchange exchange;
  exchange.client.with_mic = GENERATE(true, false);
  const auto key = exchange.Run("Secret-1");
  REQUIRE(key.ok());
  CHECK(*key == exchange.client.exported_key);
}

TEST_CASE("NTLM acceptor: wrong password and unknown user get one status",
          "[unit][auth][MS-NLMP:3.2.5.1.2]") {
  Exchange wrong;
  CHECK(wrong.Run("Secret-2").status() == NtStatus::kLogonFailure);
  Exchange unknown;
  CHECK(unknown.Run(nullptr).status() == NtStatus::kLogonFailure);
}

TEST_CASE("NTLM acceptor: a changed MIC is refused though the password is right",
          "[unit][auth][MS-NLMP:3.2.5.1.2]") {
  Exchange exchange;
  exchange.client.break_mic = true;
  CHECK(exchange.Run("Secret-1").status() == NtStatus::kLogonFailure);
}

TEST_CASE("NTLM acceptor: a mutilated NTLMv2 response is not taken for a wrong password",
          "[unit][auth][MS-NLMP:3.2.5.1.2]") {
  Exchange exchange;
  exchange.client.break_pairs = true;
  CHECK(exchange.Run("Secret-1").status() == NtStatus::kInvalidParameter);
}

TEST_CASE("NTLM acceptor: messages out of turn are refused", "[unit][auth][MS-NLMP:3.2.5.1]") {
  Exchange exchange;
  CHECK(exchange.acceptor.Authenticate(FromHex("4e544c4d53535000")) ==
        NtStatus::kInvalidParameter);
  REQUIRE(exchange.Run("Secret-1").ok());
  CHECK(exchange.acceptor.Negotiate(exchange.client.Negotiate(), exchange.random, absl::Now())
            .status() == NtStatus::kInvalidParameter);
  CHECK(exchange.acceptor.Verify(nullptr, exchange.random).status() ==
        NtStatus::kInvalidParameter);
}

TEST_CASE("NTLM acceptor: NTLMv1 and LM responses are refused", "[unit][auth][MS-NLMP:3.3.1]") {
  CHECK_FALSE(DecodeNtlmv2Response(Bytes(24, 7)));
  Bytes v1_shaped(60, 0);
  v1_shaped[16] = 2;  // A response type that does not exist.
  CHECK_FALSE(DecodeNtlmv2Response(v1_shaped));
}

TEST_CASE("NTLM NEGOTIATE: the short forms that clients send are taken",
          "[unit][auth][MS-NLMP:2.2.1.1]") {
  NtlmClient client;
  const Bytes with_names = client.Negotiate();
  REQUIRE(with_names.size() == 32);
  CHECK(DecodeNegotiate(with_names)->flags == client.flags);
  CHECK(DecodeNegotiate(std::span(with_names).first(16)));
  for (size_t size = 0; size < 16; ++size) {
    CAPTURE(size);
    CHECK_FALSE(DecodeNegotiate(std::span(with_names).first(size)));
  }
}

Bytes ValidAuthenticate() {
  NtlmClient client;
  client.Negotiate();
  return client.Authenticate(Bytes(64, 1));
}

TEST_CASE("NTLM AUTHENTICATE: every truncation is refused", "[unit][auth][MS-NLMP:2.2.1.3]") {
  const Bytes valid = ValidAuthenticate();
  REQUIRE(DecodeAuthenticate(valid));
  for (size_t size = 0; size < valid.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(DecodeAuthenticate(std::span(valid).first(size)));
  }
}

TEST_CASE("NTLM AUTHENTICATE: offsets and lengths that lie are refused",
          "[unit][auth][hostile-9][MS-NLMP:2.2.1.3]") {
  struct Case {
    const char* why;
    uint16_t size_bytes;
    uint32_t offset;
  };
  const auto c = GENERATE(values<Case>({
      {"past the end", 16, 0x0000FFFF},
      {"offset + length wraps 32 bits", 0x20, 0xFFFFFFF0},
      {"largest of both", 0xFFFF, 0xFFFFFFFF},
      {"length alone past the end", 0xFFFF, 88},
  }));
  const size_t field = GENERATE(12u, 20u, 28u, 36u, 44u, 52u);
  CAPTURE(c.why, field);
  Bytes message = ValidAuthenticate();
  bytes::StoreU16(message, field, c.size_bytes);
  bytes::StoreU32(message, field + 4, c.offset);
  CHECK_FALSE(DecodeAuthenticate(message));
}

TEST_CASE("NTLMv2 response: AV_PAIRs that do not end are refused",
          "[unit][auth][hostile-9][MS-NLMP:2.2.2.7]") {
  Bytes response(16 + 28, 0);
  response[16] = response[17] = 1;
  CHECK_FALSE(DecodeNtlmv2Response(response));  // No MsvAvEOL.
  Bytes ended = response;
  ended.insert(ended.end(), {0, 0, 0, 0});
  CHECK(DecodeNtlmv2Response(ended));
  Bytes lying = response;
  lying.insert(lying.end(), {7, 0, 0xFF, 0xFF, 1, 2, 3});
  CHECK_FALSE(DecodeNtlmv2Response(lying));
  Bytes many = response;
  for (int i = 0; i < 10'000; ++i) many.insert(many.end(), {9, 0, 0, 0});
  many.insert(many.end(), {0, 0, 0, 0});
  CHECK_FALSE(DecodeNtlmv2Response(many));
}

}  // namespace
}  // namespace continuo::auth::ntlm
