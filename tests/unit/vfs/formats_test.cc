// The xattr formats against values that smbd 4.17.12 wrote (captured with getfattr).
#include <catch2/catch.hpp>

#include "common/security/sddl.h"
#include "services/smb-frontend/vfs/dos_attributes.h"
#include "services/smb-frontend/vfs/ntacl.h"
#include "tests/support/hex.h"

namespace continuo::vfs {
namespace {

using test::FromHex;

// A file of root's, mode 0775 with the POSIX ACL below.
const char kFileNtacl[] =
    "0400040000000200040002000100d747835223b51e017e29e936269a701d40777d52da9c933b0b2d1d9a4812ebf9"
    "0000000000000000000000000000000000000000000000000000000000000000706f7369785f61636c0046f25f0a"
    "9b79dd015dd2b193e43b4dc35157ee98c7526c731dd3e007cf250e67358da2c7ca90748e00000000000000000000"
    "0000000000000000000000000000000000000000000001000480b4000000d000000000000000ec00000001050000"
    "00000005150000000f74ef7bb3d53a51d36785e0e80300000105000000000005150000000f74ef7bb3d53a51d367"
    "85e001020000020064000300000000002400ff011f000105000000000005150000000f74ef7bb3d53a51d36785e0"
    "e803000000002400a90012000105000000000005150000000f74ef7bb3d53a51d36785e00102000000001400a900"
    "1200010100000000000100000000";
const char kPosixAcl[] =
    "0200000001000700ffffffff020007000000000004000500ffffffff080005000000000010000700ffffffff"
    "20000500ffffffff";
// A directory beside it, with the same entries as default ACL.
const char kDirectoryPosixHash[] =
    "0da4270ae6b917c1692ed2e29bf473082239edf9883d68cb10aecc5e00e7ee07";

}  // namespace

TEST_CASE("DOS attributes: what smbd wrote, and our own writing of it", "[unit][vfs]") {
  const Bytes samba = FromHex("000005000500000011000000200000009cd15f0a9b79dd01");
  const auto stored = DecodeDosAttributes(samba);
  REQUIRE(stored.has_value());
  CHECK(stored->attributes == kAttributeArchive);
  CHECK(stored->creation_time == 0x01dd799b0a5fd19cu);
  CHECK(EncodeDosAttributes(*stored, DosAttributesFormat::kV5) == samba);
  for (const auto format :
       {DosAttributesFormat::kV3, DosAttributesFormat::kV4, DosAttributesFormat::kV5}) {
    const auto again = DecodeDosAttributes(EncodeDosAttributes(*stored, format));
    REQUIRE(again.has_value());
    CHECK(again->attributes == stored->attributes);
    CHECK(again->creation_time == stored->creation_time);
  }
  const auto oldest = DecodeDosAttributes(FromHex("3078323100"));  // "0x21"
  REQUIRE(oldest.has_value());
  CHECK(oldest->attributes == 0x21u);
}

TEST_CASE("DOS attributes: damaged values are refused", "[unit][vfs][hostile-22]") {
  const Bytes valid = FromHex("000005000500000011000000200000009cd15f0a9b79dd01");
  for (size_t size = 0; size < valid.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(DecodeDosAttributes(std::span(valid).first(size)).has_value());
  }
  CHECK_FALSE(DecodeDosAttributes(FromHex("000005000400000011000000200000009cd15f0a9b79dd01")));
  CHECK_FALSE(DecodeDosAttributes(FromHex("000009000900000011000000200000009cd15f0a9b79dd01")));
}

TEST_CASE("NTACL: a version 4 value of smbd reads and is written back byte for byte but for order",
          "[unit][vfs]") {
  const Bytes samba = FromHex(kFileNtacl);
  const auto stored = DecodeNtacl(samba);
  REQUIRE(stored.ok());
  CHECK(stored->version == 4);
  CHECK(stored->description == "posix_acl");
  REQUIRE(stored->descriptor.dacl.has_value());
  CHECK(stored->descriptor.dacl->aces.size() == 3);
  CHECK(stored->descriptor.owner.rid() == 1000u);
  const Bytes ours = EncodeNtacl(*stored, NtaclFormat::kV4);
  // Up to the descriptor's offsets (we place the DACL first) all bytes agree.
  REQUIRE(ours.size() == samba.size());
  CHECK(Bytes(ours.begin(), ours.begin() + 164) == Bytes(samba.begin(), samba.begin() + 164));
  const auto again = DecodeNtacl(ours);
  REQUIRE(again.ok());
  CHECK(again->descriptor == stored->descriptor);
  CHECK(again->posix_hash == stored->posix_hash);
}

TEST_CASE("NTACL: the hash over the POSIX ACL is the one that smbd stored", "[unit][vfs]") {
  const auto stored = DecodeNtacl(FromHex(kFileNtacl));
  REQUIRE(stored.ok());
  const auto acl = security::DecodePosixAcl(FromHex(kPosixAcl));
  REQUIRE(acl.size() == 6);
  const PosixPermissions file{.mode = 0100775, .uid = 0, .gid = 0, .access = acl,
                              .default_entries = {}};
  CHECK(PosixPermissionsHash(file) == stored->posix_hash);
  const PosixPermissions directory{.mode = 040775, .uid = 0, .gid = 0, .access = acl,
                                   .default_entries = acl};
  const auto hash = PosixPermissionsHash(directory);
  CHECK(Bytes(hash.begin(), hash.end()) == FromHex(kDirectoryPosixHash));
}

TEST_CASE("NTACL: without POSIX ACLs the hash is over what the mode stands for", "[unit][vfs]") {
  // smbd accepted descriptors stored with these hashes, and ignored others.
  const auto plain_directory = PosixPermissionsHash(
      {.mode = 040755, .uid = 0, .gid = 0, .access = {}, .default_entries = {}});
  CHECK(Bytes(plain_directory.begin(), plain_directory.end()) ==
        FromHex("cd6af5f9910940b526b039daa3cf990206afe7e772cdf77f27a8153482c8abd4"));
  const auto plain_file = PosixPermissionsHash(
      {.mode = 0100755, .uid = 0, .gid = 0, .access = {}, .default_entries = {}});
  CHECK(Bytes(plain_file.begin(), plain_file.end()) ==
        FromHex("ba3799a31c6c0598a256ceb33c1c4e8db12df7e361d5d5d2f52a1d05f1778157"));
}

TEST_CASE("NTACL: every truncation is refused", "[unit][vfs][hostile-22]") {
  const Bytes valid = FromHex(kFileNtacl);
  for (size_t size = 0; size < valid.size() - 4; ++size) {
    CAPTURE(size);
    CHECK_FALSE(DecodeNtacl(std::span(valid).first(size)).ok());
  }
}

TEST_CASE("NTACL: version 3 round trip without a hash", "[unit][vfs]") {
  StoredNtacl stored;
  stored.descriptor = *security::ParseSddl("O:BAG:SYD:(A;;FA;;;WD)", {});
  const auto again = DecodeNtacl(EncodeNtacl(stored, NtaclFormat::kV3));
  REQUIRE(again.ok());
  CHECK(again->version == 3);
  CHECK_FALSE(again->descriptor_hash.has_value());
  CHECK(again->descriptor == stored.descriptor);
}

}  // namespace continuo::vfs
