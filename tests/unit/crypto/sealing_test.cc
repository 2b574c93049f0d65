// Goal: sealed messages are what Windows sends and accepts; nothing changed opens.
// Method: captures that Microsoft published, messages sealed by another implementation (Python
// "cryptography") with the nonce our counter gives, every byte changed, every truncation.
#include "common/crypto/sealing.h"

#include <array>

#include <catch2/catch.hpp>

#include "common/bytes/byte_writer.h"
#include "tests/unit/crypto/hex.h"

namespace continuo::crypto {
namespace {

Bytes OpenCopy(const Sealer& sealer, const Bytes& sealed) {
  Bytes copy = sealed;
  const auto plain = sealer.OpenInPlace(copy);
  return plain.ok() ? ToBytes(*plain) : Bytes{};
}

TEST_CASE("Sealer: opens what Windows sealed", "[unit][crypto][MS-SMB2:3.1.4.3]") {
  struct Case { const char* what; Cipher cipher; const char* key; const char* sealed; const char* plain; };
  const auto c = GENERATE(values<Case>({
      {"SMB 3.0 WRITE request", Cipher::kAes128Ccm, "261B72350558F2E9DCF613070383EDBF",
       "FD534D4281A286535415445DAE393921E44FA42E66E69A111892584FB5ED524A"
       "744DA3EE87000000000001001100001400E4080025C8FEE16605A437832D1CD5"
       "2DA9F4645333482A175FE5384563F45FCDAFAEF38BC62BA4D5C62897996625A4"
       "4C29BE5658DE2E6117585779E7B59FFD971278D08580D7FA899E410E910EABF5"
       "AA1DB43050B33B49182637759AC15D84BFCDF5B6B238993C0F4CF4D6012023F6"
       "C627297075D84B7803912D0A9639634453595EF3E33FFE4E7AC2AB",
       "FE534D4240000100000000000900400008000000000000000400000000000000"
       "FFFE0000010000001100001400E4080000000000000000000000000000000000"
       "3100700017000000000000000000000015010000390000020100000039020000"
       "00000000000000007000000000000000536D623320656E6372797074696F6E20"
       "74657374696E67"},
      {"SMB 3.0 WRITE response", Cipher::kAes128Ccm, "8FE2B57EC34D2DB5B1A9727F526BBDB5",
       "FD534D42A6015530A18F6D9AFFE22AFAE8E66484860000000000000011000014"
       "00E4080050000000000001001100001400E40800DBF46435C5F14169293CE079"
       "E344479BF670227E49873F458672C3098DAC467DD5809F369D67409166515787"
       "1483E01F7BECD02064EAC3E235F913668BBC2F097980D4B378F1993EFF6E60D1"
       "77309E5B",
       "FE534D4240000100000000000900210009000000000000000400000000000000"
       "FFFE0000010000001100001400E4080000000000000000000000000000000000"
       "11000000170000000000000000000000"},
      {"SMB 3.1.1 WRITE request", Cipher::kAes128Gcm, "A2F5E80E5D59103034F32E52F698E5EC",
       "FD534D42BD73D97D2BC9001BCAFAC0FDFF5FEEBCC7D6822D269CAF48904C664C0000000087000000"
       "0000010025000000001000006ECDD2A7AFC7B47763057A041B8FD4DAFFE990B70C9E09D36C084E02"
       "D14EF247F8BDE38ACF6256F8B1D3B56F77FBDEB312FEA5E92CBCC1ED8FB2EBBFAA75E49A4A394BB4"
       "4576545567C24D4C014D47C9FBDFDAFD2C4F9B72F8D256452620A299F48E29E53D6B61D1C13A19E9"
       "1AF013F00D17E3ABC2FC3D36C8C1B6B93973253852DBD442E46EE8",
       "FE534D4240000100000000000900010008000000000000000500000000000000FFFE000001000000"
       "25000000001000000000000000000000000000000000000031007000170000000000000000000000"
       "0600000004000000010000000400000000000000000000007000000000000000536D623320656E63"
       "72797074696F6E2074657374696E67"},
      {"SMB 3.1.1 WRITE response", Cipher::kAes128Gcm, "748C50868C90F302962A5C35F5F9A8BF",
       "FD534D42ACBE1CB7ED343ADF1725EF144D90D4B0E06831DD2E8EB7B4000000000000000050000000"
       "00000100250000000010000026BBBF949983A6C1C796559D0F2C510CB651D1F7B6AC8DED32A2A0B8"
       "F2D793A815C6F6B848D69767A215841A42D400AE6DDB5F0B44173A014973321FDD7950DA6179159B"
       "82E03C9E18A050FF0EA1C967",
       "FE534D4240000100000000000900010001000000000000000500000000000000FFFE000001000000"
       "25000000001000000000000000000000000000000000000011000000170000000000000000000000"},
  }));
  CAPTURE(c.what);
  const Sealer sealer(c.cipher, FromHex(c.key));
  CHECK(OpenCopy(sealer, FromHex(c.sealed)) == FromHex(c.plain));
}

struct Golden { Cipher cipher; const char* sealed; };
const Golden kGolden[] = {
    {Cipher::kAes128Ccm,
     "fd534d426d0fc76e8bf6c8ff0efe0fc346b15347080706050403020100000000000000006400000000000100"
     "887766554433221161cd6684d6091efd4b10b86e3970f4b5a15ec717eaa369ead9cec558807448f80238b807"
     "a191c4d9a8add86b75a63d06e8a41a8af6d1bac3010f9c1c687c274a900d9dd3686f7a08cd5f4fbb7247bf66"
     "719397c373e37cebe995ec2f60bf01eb385e45c6"},
    {Cipher::kAes128Gcm,
     "fd534d42784be36e9d18add92dfb6ca519b2f008080706050403020100000000000000006400000000000100"
     "88776655443322115868f212694141d5b5f6e1e87034d0c9b07aeb1edc6503cdee1d19eb0ce0214bf73bf07b"
     "a068c4c330e9d07f8e389d8e15cab8d370ab87593e2ef97f676efe81e7cf8303efd521d18ae810fb3a5349b6"
     "f39a3b189477689071961b113b805222496f20ea"},
    {Cipher::kAes256Ccm,
     "fd534d429be06e1eda4e95bb5a997ec7b67ecaeb080706050403020100000000000000006400000000000100"
     "8877665544332211e5f3efad18eaa7e1d053128f0a7b828fc814be1d66f289b844b26970b3c30b09bd0a4936"
     "471b5409b6dc5a375c4cd40b46ce1977aa98036166efbff74bf74bfed5a6460cc6569c63e2fd70ea9bd8becc"
     "3eb8ddb936d73647b58e5c2f28a033e6b004360c"},
    {Cipher::kAes256Gcm,
     "fd534d425b7a054db70afaa026ab61315785a9e8080706050403020100000000000000006400000000000100"
     "887766554433221149ec3c279643646d1d92e120d29892c529558bdddd3e02f2c237698b22561b7d092c921e"
     "76c46075e65b10a214fdc640c1ee6384ab1a66401e7b01f868fe4e04ca7cb73b4c429e690a6ef9f030ff9333"
     "c52bcac97a681b10122712b052cf815069feb205"},
};
constexpr uint64_t kGoldenNonce = 0x0102030405060708;
constexpr uint64_t kGoldenSession = 0x1122334455667788;

Bytes Key(Cipher cipher) {
  Bytes key;
  for (size_t i = 0; i < CipherKeySizeBytes(cipher); ++i) key.push_back(static_cast<uint8_t>(i));
  return key;
}

// 52 bytes of room that hold rubbish, then the plain message.
Bytes PlainWithRoom() {
  Bytes message(kTransformHeaderSizeBytes, 0xEE);
  for (const char c : std::string("\xfeSMB")) message.push_back(static_cast<uint8_t>(c));
  for (uint8_t i = 4; i < 100; ++i) message.push_back(i);
  return message;
}

TEST_CASE("Sealer: seals byte for byte as an independent implementation",
          "[unit][crypto][MS-SMB2:2.2.41]") {
  for (const Golden& golden : kGolden) {
    CAPTURE(static_cast<int>(golden.cipher));
    const Sealer whole(golden.cipher, Key(golden.cipher), kGoldenNonce);
    Bytes message = PlainWithRoom();
    REQUIRE(whole.SealInPlace(kGoldenSession, message).ok());
    CHECK(message == FromHex(golden.sealed));
    CHECK(whole.sealed_count() == 1);

    const Sealer scattered(golden.cipher, Key(golden.cipher), kGoldenNonce);
    Bytes parts_of = PlainWithRoom();
    const std::span<uint8_t> all(parts_of);
    const std::array<std::span<uint8_t>, 3> parts = {all.first(60), all.subspan(60, 33),
                                                     all.subspan(93)};
    REQUIRE(scattered.SealInPlace(kGoldenSession, parts).ok());
    CHECK(parts_of == FromHex(golden.sealed));
  }
}

TEST_CASE("Sealer: a change of any byte, and any truncation, is refused",
          "[unit][crypto][MS-SMB2:3.3.5.2.1.1]") {
  for (const Golden& golden : kGolden) {
    const Sealer sealer(golden.cipher, Key(golden.cipher));
    const Bytes sealed = FromHex(golden.sealed);
    REQUIRE(OpenCopy(sealer, sealed).size() == 100);
    for (size_t i = 0; i < sealed.size(); ++i) {
      CAPTURE(static_cast<int>(golden.cipher), i);
      Bytes changed = sealed;
      changed[i] ^= 0x10;
      REQUIRE_FALSE(sealer.OpenInPlace(changed).ok());
      Bytes shorter(sealed.begin(), sealed.begin() + static_cast<ptrdiff_t>(i));
      REQUIRE_FALSE(sealer.OpenInPlace(shorter).ok());
    }
    // A refusal leaves the prepared context usable.
    CHECK(OpenCopy(sealer, sealed).size() == 100);
  }
}

TEST_CASE("Sealer: nonces count up and are never repeated", "[unit][crypto][MS-SMB2:2.2.41]") {
  const Sealer sealer(Cipher::kAes128Gcm, Key(Cipher::kAes128Gcm));
  for (uint8_t i = 0; i < 3; ++i) {
    Bytes message = PlainWithRoom();
    REQUIRE(sealer.SealInPlace(1, message).ok());
    CHECK(message[kTransformNonceOffset] == i);
    CHECK(OpenCopy(sealer, message).size() == 100);
  }
}

TEST_CASE("transform header: sizes and flags that lie are refused before any key is used",
          "[unit][crypto][MS-SMB2:2.2.41]") {
  const Bytes good = FromHex(kGolden[1].sealed);
  REQUIRE(PeekTransformHeader(good).ok());
  CHECK(PeekTransformHeader(good)->session_id == kGoldenSession);
  struct Case { const char* why; size_t offset; uint32_t value; };
  const auto c = GENERATE(values<Case>({
      {"size one more than follows", kTransformOriginalSizeOffset, 101},
      {"size one less than follows", kTransformOriginalSizeOffset, 99},
      {"size of 4 GiB", kTransformOriginalSizeOffset, 0xFFFFFFFF},
      {"size zero", kTransformOriginalSizeOffset, 0},
      {"flags zero", kTransformFlagsOffset - 2, 0},
      {"plain SMB2 ProtocolId", 0, 0x424D53FE},
  }));
  CAPTURE(c.why);
  Bytes bad = good;
  bytes::StoreU32(bad, c.offset, c.value);
  CHECK(PeekTransformHeader(bad).status().code() == absl::StatusCode::kInvalidArgument);
  const Bytes header_only(good.begin(), good.begin() + 52);
  CHECK_FALSE(PeekTransformHeader(header_only).ok());
}

}  // namespace
}  // namespace continuo::crypto
