#include <catch2/catch.hpp>

#include "common/security/inheritance.h"
#include "common/security/sddl.h"

namespace continuo::security {
namespace {

SecurityToken MakeToken() {
  SecurityToken token;
  token.user = *Sid::Parse("S-1-5-21-1-2-3-1001");
  return token;
}

std::string DaclOfChild(const char* parent_sddl, ObjectKind kind) {
  const auto parent = ParseSddl(parent_sddl, {});
  REQUIRE(parent.ok());
  const auto child = DescriptorForNewObject(&*parent, nullptr, MakeToken(), kBuiltinUsersSid, kind);
  REQUIRE(child.ok());
  SecurityDescriptor dacl_only = *child;
  dacl_only.owner = Sid();
  dacl_only.group = Sid();
  return FormatSddl(dacl_only, {});
}

}  // namespace

TEST_CASE("inheritance: each combination of flags, for files and directories",
          "[unit][security][MS-DTYP:2.5.3.4]") {
  struct Case {
    const char* why;
    const char* parent;
    const char* file;
    const char* directory;
  };
  const char* defaults = "D:(A;;FA;;;S-1-5-21-1-2-3-1001)(A;;FA;;;SY)";
  const auto c = GENERATE_COPY(values<Case>({
      {"no flag: nothing is handed down, defaults instead", "D:AI(A;;FR;;;WD)",
       "D:AI(A;;FA;;;S-1-5-21-1-2-3-1001)(A;;FA;;;SY)",
       "D:AI(A;;FA;;;S-1-5-21-1-2-3-1001)(A;;FA;;;SY)"},
      {"not auto-inherited: no marks", "D:(A;OICI;FR;;;WD)", "D:(A;;FR;;;WD)",
       "D:(A;OICI;FR;;;WD)"},
      {"OI and CI", "D:AI(A;OICI;FR;;;WD)", "D:AI(A;ID;FR;;;WD)", "D:AI(A;OICIID;FR;;;WD)"},
      {"OI alone passes through directories", "D:AI(A;OI;FR;;;WD)", "D:AI(A;ID;FR;;;WD)",
       "D:AI(A;OIIOID;FR;;;WD)"},
      {"CI with NP stops", "D:AI(A;CINP;FR;;;WD)",
       "D:AI(A;;FA;;;S-1-5-21-1-2-3-1001)(A;;FA;;;SY)", "D:AI(A;ID;FR;;;WD)"},
      {"IO becomes effective below", "D:(A;OICIIO;FR;;;WD)", "D:(A;;FR;;;WD)",
       "D:(A;OICI;FR;;;WD)"},
      {"CREATOR OWNER", "D:(A;OICIIO;GA;;;CO)", "D:(A;;FA;;;S-1-5-21-1-2-3-1001)",
       "D:(A;;FA;;;S-1-5-21-1-2-3-1001)(A;OICIIO;GA;;;CO)"},
      {"nothing inheritable at all", "D:", defaults, defaults},
  }));
  CAPTURE(c.why);
  CHECK(DaclOfChild(c.parent, ObjectKind::kFile) == c.file);
  CHECK(DaclOfChild(c.parent, ObjectKind::kDirectory) == c.directory);
}

TEST_CASE("inheritance: a result beyond 64 KiB is refused", "[unit][security][hostile-21]") {
  SecurityDescriptor parent;
  Acl acl;
  for (uint32_t i = 0; i < 1600; ++i) {
    acl.aces.push_back({.type = AceType::kAccessAllowed,
                        .flags = kAceObjectInherit | kAceContainerInherit, .mask = i | 1,
                        .sid = kCreatorOwnerSid, .object = {}, .opaque = {}});
  }
  parent.SetDacl(std::move(acl));
  const auto child = DescriptorForNewObject(&parent, nullptr, MakeToken(), kBuiltinUsersSid,
                                            ObjectKind::kDirectory);
  REQUIRE_FALSE(child.ok());
  CHECK(child.status() == NtStatus::kInvalidAcl);
}

TEST_CASE("inheritance: an owner that the creator may not name is refused", "[unit][security]") {
  SecurityDescriptor creator;
  creator.owner = kSystemSid;
  const auto child = DescriptorForNewObject(nullptr, &creator, MakeToken(), kBuiltinUsersSid,
                                            ObjectKind::kFile);
  REQUIRE_FALSE(child.ok());
  CHECK(child.status() == NtStatus::kInvalidOwner);
}

}  // namespace continuo::security
