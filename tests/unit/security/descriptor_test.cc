// The self-relative codec against a descriptor that smbd 4.17 stored, and against bytes that lie.
#include <catch2/catch.hpp>

#include "common/security/security_descriptor.h"
#include "tests/support/hex.h"

namespace continuo::security {
namespace {

using test::FromHex;

// The descriptor part of security.NTACL as smbd 4.17.12 wrote it for a file of mode 0755.
const char kSambaDescriptor[] =
    "01000480b4000000d000000000000000ec0000000105000000000005150000000f74ef7bb3d53a51d36785e0e803"
    "00000105000000000005150000000f74ef7bb3d53a51d36785e001020000020064000300000000002400ff011f00"
    "0105000000000005150000000f74ef7bb3d53a51d36785e0e803000000002400a900120001050000000000051500"
    "00000f74ef7bb3d53a51d36785e00102000000001400a9001200010100000000000100000000";

// Offsets in Samba's layout count from the start of its whole xattr's descriptor: the captured one
// has them moved by this much.
Bytes MakeDescriptor() {
  SecurityDescriptor sd;
  sd.owner = *Sid::Parse("S-1-5-21-1-2-3-1000");
  sd.group = *Sid::Parse("S-1-5-21-1-2-3-513");
  Acl dacl;
  dacl.aces.push_back({.type = AceType::kAccessAllowed, .flags = 0, .mask = kFileAllAccess,
                       .sid = sd.owner, .object = {}, .opaque = {}});
  dacl.aces.push_back({.type = AceType::kAccessDenied, .flags = kAceObjectInherit,
                       .mask = kFileWriteData, .sid = kEveryoneSid, .object = {}, .opaque = {}});
  sd.SetDacl(std::move(dacl));
  return EncodeSecurityDescriptor(sd);
}

}  // namespace

TEST_CASE("SID: text and packet form of well-known and domain SIDs agree",
          "[unit][security][MS-DTYP:2.4.2]") {
  const auto sid = Sid::Parse("S-1-5-21-2079290383-1362810291-3766839251-1000");
  REQUIRE(sid.has_value());
  bytes::ByteWriter out;
  sid->EncodeTo(out);
  CHECK(Bytes(out.view().begin(), out.view().end()) ==
        FromHex("0105000000000005150000000f74ef7bb3d53a51d36785e0e8030000"));
  bytes::ByteReader in(out.view());
  CHECK(Sid::Decode(in) == sid);
  CHECK(sid->ToString() == "S-1-5-21-2079290383-1362810291-3766839251-1000");
  CHECK(kBuiltinAdministratorsSid.ToString() == "S-1-5-32-544");
  for (const char* bad : {"", "S-1-", "S-2-5", "S-1-5-", "S-1-5-x", "S-1-5-4294967296", "S-1-5 ",
                          "S-1-1-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16"}) {
    CAPTURE(bad);
    CHECK_FALSE(Sid::Parse(bad).has_value());
  }
}

TEST_CASE("descriptor: what smbd stored reads as its owner, group and three ACEs",
          "[unit][security][MS-DTYP:2.4.6]") {
  Bytes raw = FromHex(kSambaDescriptor);
  // In the xattr the offsets are relative to the NDR buffer that held it, 160 bytes earlier.
  for (const size_t position : {4u, 8u, 16u}) {
    bytes::StoreU32(raw, position, bytes::ByteReader(std::span<const uint8_t>(raw).subspan(position)).U32() - 160);
  }
  const auto sd = DecodeSecurityDescriptor(raw);
  REQUIRE(sd.ok());
  CHECK(sd->owner.rid() == 1000u);
  CHECK(sd->group.rid() == 513u);
  REQUIRE(sd->dacl.has_value());
  REQUIRE(sd->dacl->aces.size() == 3);
  CHECK(sd->dacl->aces[0].mask == kFileAllAccess);
  CHECK(sd->dacl->aces[2].sid == kEveryoneSid);
  const auto again = DecodeSecurityDescriptor(EncodeSecurityDescriptor(*sd));
  REQUIRE(again.ok());
  CHECK(*again == *sd);
}

TEST_CASE("descriptor: every truncation is refused", "[unit][security][MS-DTYP:2.4.6]") {
  const Bytes valid = MakeDescriptor();
  REQUIRE(DecodeSecurityDescriptor(valid).ok());
  for (size_t size = 0; size < valid.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(DecodeSecurityDescriptor(std::span(valid).first(size)).ok());
  }
}

TEST_CASE("descriptor: offsets, counts and sizes that lie have the specified status",
          "[unit][security][hostile-21]") {
  struct Case {
    const char* why;
    size_t position;
    uint32_t value;
    NtStatus::Code status;
  };
  const auto c = GENERATE(values<Case>({
      {"owner outside", 4, 0xFFFFFFF0, NtStatus::kInvalidSecurityDescr},
      {"owner inside the header", 4, 4, NtStatus::kInvalidSecurityDescr},
      {"group is a SID inside the DACL", 8, 36, NtStatus::kInvalidSecurityDescr},
      {"DACL at the last byte", 16, 131, NtStatus::kInvalidAcl},
      {"DACL outside", 16, 0x7FFFFFFF, NtStatus::kInvalidSecurityDescr},
      {"revision 9", 0, 0x80040009, NtStatus::kUnknownRevision},
      {"ACE count of 65535", 24, 0x0000FFFF, NtStatus::kInvalidAcl},
      {"ACL size past the end", 20, 0xFFFF0002, NtStatus::kInvalidAcl},
      {"ACL size of 4", 20, 0x00040002, NtStatus::kInvalidAcl},
      {"ACE size of 0", 28, 0x00000000, NtStatus::kInvalidAcl},
      {"ACE size that is odd", 28, 0x00250000, NtStatus::kInvalidAcl},
      {"SID with 255 sub-authorities", 36, 0x0000FF01, NtStatus::kInvalidAcl},
      {"SID of revision 2", 36, 0x00000502, NtStatus::kInvalidAcl},
  }));
  CAPTURE(c.why);
  Bytes message = MakeDescriptor();
  REQUIRE(message.size() > 40);
  bytes::StoreU32(message, c.position, c.value);
  const auto result = DecodeSecurityDescriptor(message);
  REQUIRE_FALSE(result.ok());
  CHECK(result.status().name() == NtStatus(c.status).name());
}

TEST_CASE("descriptor: owner and group may share one SID's bytes", "[unit][security]") {
  Bytes message = MakeDescriptor();
  const uint32_t owner = bytes::ByteReader(std::span<const uint8_t>(message).subspan(4)).U32();
  bytes::StoreU32(message, 8, owner);
  const auto sd = DecodeSecurityDescriptor(message);
  REQUIRE(sd.ok());
  CHECK(sd->owner == sd->group);
}

TEST_CASE("merge: a DACL that is named but absent becomes a NULL DACL",
          "[unit][security][MS-FSA:2.1.5.17]") {
  const auto stored = DecodeSecurityDescriptor(MakeDescriptor());
  REQUIRE(stored.ok());
  const auto merged = MergeSecurity(*stored, SecurityDescriptor(), kDaclSecurityInformation);
  REQUIRE(merged.ok());
  CHECK(merged->HasDacl());
  CHECK_FALSE(merged->dacl.has_value());
  CHECK(merged->owner == stored->owner);
}

TEST_CASE("merge: auto-inherited stays only when it was asked for",
          "[unit][security][MS-DTYP:2.5.3.4.1]") {
  SecurityDescriptor update;
  update.SetDacl(Acl());
  update.control |= kSdDaclAutoInherited;
  auto merged = MergeSecurity(SecurityDescriptor(), update, kDaclSecurityInformation);
  REQUIRE(merged.ok());
  CHECK((merged->control & kSdDaclAutoInherited) == 0);
  update.control |= kSdDaclInheritRequired;
  merged = MergeSecurity(SecurityDescriptor(), update, kDaclSecurityInformation);
  REQUIRE(merged.ok());
  CHECK((merged->control & (kSdDaclAutoInherited | kSdDaclInheritRequired)) ==
        kSdDaclAutoInherited);
}

}  // namespace continuo::security
