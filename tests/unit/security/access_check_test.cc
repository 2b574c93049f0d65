#include <catch2/catch.hpp>

#include "common/security/access_check.h"
#include "common/security/posix_descriptor.h"
#include "common/security/sddl.h"

namespace continuo::security {
namespace {

const Sid kUser = *Sid::Parse("S-1-5-21-1-2-3-1001");

SecurityToken MakeToken() {
  SecurityToken token;
  token.user = kUser;
  token.uid = 1001;
  token.gid = 100;
  AddWellKnownGroups(token);
  return token;
}

SecurityDescriptor FromText(const char* sddl) {
  const auto sd = ParseSddl(sddl, {});
  REQUIRE(sd.ok());
  return *sd;
}

}  // namespace

TEST_CASE("access check: the table of what is granted and refused",
          "[unit][security][MS-DTYP:2.5.3.2]") {
  struct Case {
    const char* why;
    const char* sddl;
    AccessMask desired;
    bool granted;
  };
  const auto c = GENERATE(values<Case>({
      {"allow of everyone", "O:BAD:(A;;FR;;;WD)", kFileReadData, true},
      {"right that nobody has", "O:BAD:(A;;FR;;;WD)", kFileWriteData, false},
      {"deny before allow", "O:BAD:(D;;FA;;;WD)(A;;FA;;;WD)", kFileReadData, false},
      {"allow before deny", "O:BAD:(A;;FR;;;WD)(D;;FA;;;WD)", kFileReadData, true},
      {"inherit-only ACE counts not", "O:BAD:(A;OICIIO;FA;;;WD)", kFileReadData, false},
      {"empty DACL", "O:BAD:", kFileReadData, false},
      {"NULL DACL", "O:BAD:NO_ACCESS_CONTROL", kFileAllAccess, true},
      {"owner reads the descriptor", "O:S-1-5-21-1-2-3-1001D:", kReadControl | kWriteDac, true},
      {"owner gets no data by that", "O:S-1-5-21-1-2-3-1001D:", kFileReadData, false},
      {"OWNER RIGHTS replaces it", "O:S-1-5-21-1-2-3-1001D:(A;;FR;;;OW)", kWriteDac, false},
      {"OWNER RIGHTS gives", "O:S-1-5-21-1-2-3-1001D:(A;;FR;;;OW)", kFileReadData, true},
      {"OWNER RIGHTS is not for others", "O:BAD:(A;;FR;;;OW)", kFileReadData, false},
      {"generic rights are mapped", "O:BAD:(A;;FR;;;WD)", kGenericRead, true},
      {"generic in the ACE, too", "O:BAD:(A;;GA;;;WD)", kFileDeleteChild, true},
      {"ACE of a Unix group", "O:BAD:(A;;FR;;;S-1-22-2-100)", kFileReadData, true},
      {"ACE of another uid", "O:BAD:(A;;FR;;;S-1-22-1-0)", kFileReadData, false},
  }));
  CAPTURE(c.why);
  const auto decision = CheckAccess(FromText(c.sddl), MakeToken(), c.desired, {});
  CHECK(decision.status.ok() == c.granted);
  if (c.granted) CHECK(decision.granted == MapGenericFileRights(c.desired));
  if (!c.granted) CHECK(decision.granted == 0);
}

TEST_CASE("access check: MAXIMUM_ALLOWED gives all there is, and at least what is named besides",
          "[unit][security][MS-DTYP:2.5.3.2]") {
  const auto sd = FromText("O:BAD:(D;;0x2;;;WD)(A;;0x1200a9;;;WD)(A;;0x2;;;WD)");
  auto decision = CheckAccess(sd, MakeToken(), kMaximumAllowed, {});
  REQUIRE(decision.status.ok());
  CHECK(decision.granted == 0x1200a9u);
  CHECK_FALSE(CheckAccess(sd, MakeToken(), kMaximumAllowed | kFileWriteData, {}).status.ok());
  decision = CheckAccess(sd, MakeToken(), kMaximumAllowed, {.has_backup_intent = false,
                                                            .from_parent = kDelete,
                                                            .ceiling = kFileReadData | kDelete});
  CHECK(decision.granted == (kFileReadData | kDelete));
}

TEST_CASE("access check: privileges give what they stand for and no more", "[unit][security]") {
  const auto sd = FromText("O:BAD:");
  SecurityToken token = MakeToken();
  CHECK(CheckAccess(sd, token, kAccessSystemSecurity, {}).status == NtStatus::kPrivilegeNotHeld);
  token.Add(Privilege::kSecurity);
  CHECK(CheckAccess(sd, token, kAccessSystemSecurity, {}).status.ok());
  CHECK_FALSE(CheckAccess(sd, token, kWriteOwner, {}).status.ok());
  token.Add(Privilege::kTakeOwnership);
  CHECK(CheckAccess(sd, token, kWriteOwner, {}).status.ok());
  token.Add(Privilege::kBackup);
  CHECK_FALSE(CheckAccess(sd, token, kFileReadData, {}).status.ok());
  AccessOptions backup;
  backup.has_backup_intent = true;
  CHECK(CheckAccess(sd, token, kFileReadData, backup).status.ok());
  CHECK_FALSE(CheckAccess(sd, token, kFileWriteData, backup).status.ok());
}

TEST_CASE("derived descriptor: says what mode and POSIX ACL say", "[unit][security]") {
  struct Case {
    const char* why;
    uint32_t mode;
    uint32_t uid;
    uint32_t gid;
    AccessMask desired;
    bool granted;
  };
  const auto c = GENERATE(values<Case>({
      {"owner reads 0400", 0100400, 1001, 0, kFileReadData, true},
      {"owner writes not 0400", 0100400, 1001, 0, kFileWriteData, false},
      {"owner of 0000 may change it", 0100000, 1001, 0, kWriteDac, true},
      {"group reads 0040", 0100040, 0, 100, kFileReadData, true},
      {"others of 0040 not", 0100040, 0, 7, kFileReadData, false},
      {"everyone reads 0004", 0100004, 0, 7, kFileReadData, true},
      {"owner of 0004 is held to his bits", 0100004, 1001, 7, kFileReadData, false},
      {"group of 0604 is held to its bits", 0100604, 0, 100, kFileReadData, false},
  }));
  CAPTURE(c.why);
  const auto sd = DescriptorFromPosix({.uid = c.uid, .gid = c.gid, .mode = c.mode, .acl = {}},
                                      IdMapper());
  CHECK(CheckAccess(sd, MakeToken(), c.desired, {}).status.ok() == c.granted);
}

}  // namespace continuo::security
