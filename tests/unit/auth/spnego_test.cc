// Goal: tokens of real clients decode; malformed ones are refused; mech choice and mechListMIC
// follow RFC 4178. The golden tokens were captured from smbclient.
#include <catch2/catch.hpp>

#include "services/auth-service/spnego/spnego_acceptor.h"
#include "services/auth-service/spnego/der.h"
#include "tests/unit/auth/auth_test_support.h"

namespace continuo::auth::spnego {
namespace {

using testing::FromHex;
using testing::ReadGolden;

// Accepts any token after `legs` of them; its MIC is the reversed data.
class FakeMechanism final : public Mechanism {
 public:
  explicit FakeMechanism(int legs) : legs_left_(legs) {}
  NtResult<MechStep> Step(std::span<const uint8_t> token) override {
    if (token.empty()) return NtStatus::kLogonFailure;
    return MechStep{--legs_left_ > 0 ? Progress::kContinue : Progress::kDone, {0xAB}};
  }
  bool HasIntegrity() const override { return true; }
  Bytes MakeMic(std::span<const uint8_t> data) override { return {data.rbegin(), data.rend()}; }
  bool CheckMic(std::span<const uint8_t> data, std::span<const uint8_t> mic) override {
    return MakeMic(data) == Bytes(mic.begin(), mic.end());
  }

 private:
  int legs_left_;
};

SpnegoAcceptor MakeAcceptor(int legs) {
  return SpnegoAcceptor([legs](Mech mech) -> std::unique_ptr<Mechanism> {
    if (mech != Mech::kNtlmssp) return nullptr;
    return std::make_unique<FakeMechanism>(legs);
  });
}

Bytes Join(std::initializer_list<Bytes> parts) {
  Bytes out;
  for (const Bytes& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

Bytes MechTypes(std::initializer_list<std::span<const uint8_t>> oids) {
  Bytes list;
  for (const auto oid : oids) list = Join({list, Der(kTagOid, oid)});
  return Der(kTagSequence, list);
}

Bytes Init(const Bytes& mech_types, const Bytes& mech_token) {
  Bytes fields = Der(ContextTag(0), mech_types);
  if (!mech_token.empty()) {
    fields = Join({fields, Der(ContextTag(2), Der(kTagOctetString, mech_token))});
  }
  return Der(kTagApplication0,
             Join({Der(kTagOid, kSpnegoOid), Der(ContextTag(0), Der(kTagSequence, fields))}));
}

Bytes Resp(const Bytes& token, const std::optional<Bytes>& mic) {
  NegTokenResp message;
  message.response_token = token;
  message.mech_list_mic = mic;
  return EncodeNegTokenResp(message);
}

TEST_CASE("SPNEGO: the tokens of smbclient decode", "[unit][auth][RFC4178]") {
  const auto golden = ReadGolden("smbclient_4_17_ntlmv2.txt");
  CHECK(KindOf(golden[0]) == TokenKind::kNegTokenInit);
  const auto init = DecodeNegTokenInit(golden[0]);
  REQUIRE(init);
  REQUIRE(init->mech_types.size() == 1);
  CHECK(MechOfOid(init->mech_types[0]) == Mech::kNtlmssp);
  CHECK(KindOf(*init->mech_token) == TokenKind::kRawNtlmssp);
  const auto response = DecodeNegTokenResp(golden[1]);
  REQUIRE(response);
  CHECK(response->mech_list_mic->size() == 16);
}

TEST_CASE("SPNEGO: every truncation of a real token is refused", "[unit][auth][RFC4178]") {
  const auto golden = ReadGolden("smbclient_4_17_ntlmv2.txt");
  for (size_t size = 0; size < golden[0].size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(DecodeNegTokenInit(std::span(golden[0]).first(size)));
  }
  for (size_t size = 0; size < golden[1].size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(DecodeNegTokenResp(std::span(golden[1]).first(size)));
  }
}

TEST_CASE("SPNEGO: the server's first token is the known constant", "[unit][auth][MS-SPNG:2.2.1]") {
  // As Windows Server and Samba send it, with NTLMSSP alone.
  CHECK(EncodeServerNegTokenInit2(KerberosOffer::kNo) ==
        FromHex("604806062b0601050502a03e303ca00e300c060a2b06010401823702020aa32a3028a0261b246e6f745f"
                "646566696e65645f696e5f5246433431373840706c656173655f69676e6f7265"));
  const auto with_kerberos =
      DecodeNegTokenInit(EncodeServerNegTokenInit2(KerberosOffer::kYes));
  REQUIRE(with_kerberos);
  REQUIRE(with_kerberos->mech_types.size() == 3);
  CHECK(MechOfOid(with_kerberos->mech_types[0]) == Mech::kMsKerberos);
}

TEST_CASE("SPNEGO acceptor: an optimistic token for our mechanism is used at once",
          "[unit][auth][RFC4178:4.1]") {
  auto acceptor = MakeAcceptor(2);
  const auto first = acceptor.Step(Init(MechTypes({kNtlmsspOid}), {1}));
  CHECK(first.status == NtStatus::kMoreProcessingRequired);
  const auto answer = DecodeNegTokenResp(first.token);
  REQUIRE(answer);
  CHECK(answer->neg_state == NegState::kAcceptIncomplete);
  CHECK(answer->supported_mech == Mech::kNtlmssp);
  CHECK(answer->response_token == Bytes{0xAB});
  const auto second = acceptor.Step(Resp({2}, std::nullopt));
  CHECK(second.status.ok());
  CHECK(DecodeNegTokenResp(second.token)->neg_state == NegState::kAcceptCompleted);
  CHECK(acceptor.Step(Resp({2}, std::nullopt)).status == NtStatus::kInvalidParameter);
}

TEST_CASE("SPNEGO acceptor: another first choice means a MIC is due",
          "[unit][auth][RFC4178:5]") {
  const Bytes types = MechTypes({kKerberosOid, kNtlmsspOid});
  const auto begin = [&](SpnegoAcceptor& acceptor) {
    const auto first = acceptor.Step(Init(types, {1}));
    REQUIRE(first.status == NtStatus::kMoreProcessingRequired);
    const auto answer = DecodeNegTokenResp(first.token);
    REQUIRE(answer);
    CHECK(answer->neg_state == NegState::kRequestMic);
    CHECK(answer->supported_mech == Mech::kNtlmssp);
    CHECK_FALSE(answer->response_token);
  };
  const Bytes good_mic(types.rbegin(), types.rend());
  SECTION("a good one ends the logon and is answered") {
    auto acceptor = MakeAcceptor(1);
    begin(acceptor);
    const auto step = acceptor.Step(Resp({2}, good_mic));
    CHECK(step.status.ok());
    CHECK(DecodeNegTokenResp(step.token)->mech_list_mic == good_mic);
  }
  SECTION("none is refused") {
    auto acceptor = MakeAcceptor(1);
    begin(acceptor);
    CHECK(acceptor.Step(Resp({2}, std::nullopt)).status == NtStatus::kLogonFailure);
  }
  SECTION("a bad one is refused") {
    auto acceptor = MakeAcceptor(1);
    begin(acceptor);
    CHECK(acceptor.Step(Resp({2}, Bytes{1})).status == NtStatus::kLogonFailure);
  }
}

TEST_CASE("SPNEGO acceptor: what nobody can use is refused and ends the negotiation",
          "[unit][auth][hostile-9]") {
  const Bytes unknown_oid = {0x2A, 0x03, 0x04};
  struct Case {
    const char* why;
    Bytes token;
  };
  Bytes many_oids;
  for (int i = 0; i < 5'000; ++i) many_oids = Join({many_oids, Der(kTagOid, unknown_oid)});
  const Case cases[] = {
      {"empty", {}},
      {"no known mech", Init(MechTypes({unknown_oid}), {1})},
      {"empty mech list", Init(Der(kTagSequence, {}), {1})},
      {"thousands of mechs", Init(Der(kTagSequence, many_oids), {1})},
      {"a response first", Resp({1}, std::nullopt)},
      {"an indefinite length", FromHex("6080060062b0000000")},
      {"a length of five bytes", FromHex("608500000000010600")},
      {"more than 64 KiB", Bytes(kTokenMaxBytes + 1, 0x60)},
      {"SMB1 garbage", FromHex("ff534d4272000000")},
  };
  for (const Case& c : cases) {
    CAPTURE(c.why);
    auto acceptor = MakeAcceptor(1);
    CHECK(acceptor.Step(c.token).status == NtStatus::kInvalidParameter);
    CHECK(acceptor.Step(Init(MechTypes({kNtlmsspOid}), {1})).status ==
          NtStatus::kInvalidParameter);
  }
}

TEST_CASE("SPNEGO acceptor: raw NTLMSSP goes through without SPNEGO", "[unit][auth]") {
  auto acceptor = MakeAcceptor(2);
  const auto first = acceptor.Step(FromHex("4e544c4d5353500001000000"));
  CHECK(first.status == NtStatus::kMoreProcessingRequired);
  CHECK(first.token == Bytes{0xAB});
  CHECK(acceptor.Step(FromHex("4e544c4d5353500003000000")).status.ok());
}

}  // namespace
}  // namespace continuo::auth::spnego
