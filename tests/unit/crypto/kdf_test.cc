// Goal: the keys of a session are the ones Windows derives. Method: the exchanges that Microsoft
// published ("Encryption in SMB 3.0: a protocol perspective", 2012; "SMB 3.1.1 Encryption in
// Windows 10" and "SMB 3.1.1 Pre-authentication integrity in Windows 10", 2015).
#include "common/crypto/kdf.h"

#include <catch2/catch.hpp>

#include "tests/unit/crypto/hex.h"

namespace continuo::crypto {
namespace {

Sha512Digest ToHash(const Bytes& data) {
  Sha512Digest hash{};
  std::copy_n(data.begin(), hash.size(), hash.begin());
  return hash;
}

TEST_CASE("session keys: SMB 3.0", "[unit][crypto][MS-SMB2:3.1.4.2]") {
  SessionKeyInputs inputs;
  inputs.dialect = Dialect::kSmb300;
  inputs.session_key = SecretBytes(FromHex("B4546771B515F766A86735532DD6C4F0"));
  const SessionKeys keys = DeriveSessionKeys(inputs);
  CHECK(ToBytes(keys.decryption.view()) == FromHex("261B72350558F2E9DCF613070383EDBF"));
  CHECK(ToBytes(keys.encryption.view()) == FromHex("8FE2B57EC34D2DB5B1A9727F526BBDB5"));
}

TEST_CASE("session keys: SMB 3.1.1 sealing keys", "[unit][crypto][MS-SMB2:3.1.4.2]") {
  SessionKeyInputs inputs;
  inputs.dialect = Dialect::kSmb311;
  inputs.cipher = Cipher::kAes128Gcm;
  inputs.session_key = SecretBytes(FromHex("419FDDF34C1E001909D362AE7FB6AF79"));
  inputs.preauth_hash = ToHash(FromHex(
      "B23F3CBFD69487D9832B79B1594A367CDD950909B774C3A4C412B4FCEA9EDDDBA7DB256BA2EA30E9"
      "77F11F9B113247578E0E915C6D2A513B8F2FCA5707DC8770"));
  const SessionKeys keys = DeriveSessionKeys(inputs);
  CHECK(ToBytes(keys.decryption.view()) == FromHex("A2F5E80E5D59103034F32E52F698E5EC"));
  CHECK(ToBytes(keys.encryption.view()) == FromHex("748C50868C90F302962A5C35F5F9A8BF"));
  // The longer cipher takes the full key when there is one; signing never does.
  SessionKeyInputs longer = inputs;
  longer.cipher = Cipher::kAes256Gcm;
  longer.full_session_key = SecretBytes(Bytes(32, 7));
  const SessionKeys long_keys = DeriveSessionKeys(longer);
  CHECK(long_keys.encryption.size() == 32);
  CHECK(ToBytes(long_keys.encryption.view()) ==
        ToBytes(DeriveKey(Bytes(32, 7), std::string_view("SMBS2CCipherKey\0", 16),
                          inputs.preauth_hash, 32)
                    .view()));
  CHECK(ToBytes(long_keys.signing.view()) == ToBytes(keys.signing.view()));
}

TEST_CASE("session keys: SMB 3.1.1 signing key through the preauthentication hash",
          "[unit][crypto][MS-SMB2:3.3.5.5.3]") {
  // NEGOTIATE request, of the published exchange.
  Sha512Digest hash{};
  hash = NextPreauthHash(
      hash,
      FromHex("FE534D4240000100000000000000800000000000000000000100000000000000FFFE000000000000"
              "00000000000000000000000000000000000000000000000024000500000000003F000000ECD86F32"
              "6276024F9F7752B89BB33F3A70000000020000000202100200030203110300000100260000000000"
              "010020000100FA49E6578F1F3A9F4CD3E9CC14A67AA884B3D05844E0E5A118225C15887F32FF0000"
              "0200060000000000020002000100"));
  CHECK(ToBytes(hash) ==
        FromHex("DD94EFC5321BB618A2E208BA8920D2F422992526947A409B5037DE1E0FE8C7362B8C47122594CDE0"
                "CE26AA9DFC8BCDBDE0621957672623351A7540F1E54A0426"));

  SessionKeyInputs inputs;
  inputs.dialect = Dialect::kSmb311;
  inputs.session_key = SecretBytes(FromHex("270E1BA896585EEB7AF3472D3B4C75A7"));
  // After the last SESSION_SETUP request of the same exchange.
  inputs.preauth_hash = ToHash(FromHex(
      "0DD13628CC3ED218EF9DF9772D436D0887AB9814BFAE63A80AA845F36909DB7928622DDDAD522D97"
      "51640A459762C5A9D6BB084CBB3CE6BDADEF5D5BCE3C6C01"));
  const Bytes expected = FromHex("73FE7A9A77BEF0BDE49C650D8CCB5F76");
  CHECK(ToBytes(DeriveSessionKeys(inputs).signing.view()) == expected);
  CHECK(ToBytes(DeriveChannelSigningKey(inputs).view()) == expected);
}

TEST_CASE("session keys: below 3.0 the session key itself signs and nothing seals",
          "[unit][crypto][MS-SMB2:3.3.5.5.3]") {
  SessionKeyInputs inputs;
  inputs.dialect = Dialect::kSmb210;
  inputs.session_key = ToSessionKey(FromHex("0102030405"));
  const SessionKeys keys = DeriveSessionKeys(inputs);
  CHECK(ToBytes(keys.signing.view()) == FromHex("01020304050000000000000000000000"));
  CHECK(keys.encryption.empty());
  CHECK(keys.decryption.empty());
  CHECK(ToBytes(DeriveChannelSigningKey(inputs).view()) == ToBytes(keys.application.view()));
}

}  // namespace
}  // namespace continuo::crypto
