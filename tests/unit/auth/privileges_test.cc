// Goal: the privilege database gives what its lines say, and says where a line is wrong.
#include "services/auth-service/privileges/privilege_database.h"

#include <catch2/catch.hpp>

namespace continuo::auth {
namespace {

using security::Privilege;

bool Holds(const security::Privileges& held, Privilege privilege) {
  return held.test(static_cast<size_t>(privilege));
}

TEST_CASE("privileges: users, groups and SIDs add up", "[unit][auth]") {
  const auto db = PrivilegeDatabase::Parse(
      "# who may what\n"
      "alice: SeBackupPrivilege, SeRestorePrivilege  # and more\n"
      "@operators: TsmbServerOperators\n"
      "*S-1-5-32-544: SeTakeOwnershipPrivilege\n");
  REQUIRE(db.ok());
  const auto held = db->Of("ALICE", security::Sid(5, {21, 1}), {"Operators"},
                           {security::kBuiltinAdministratorsSid});
  CHECK(Holds(held, Privilege::kBackup));
  CHECK(Holds(held, Privilege::kRestore));
  CHECK(Holds(held, Privilege::kServerOperators));
  CHECK(Holds(held, Privilege::kTakeOwnership));
  CHECK_FALSE(Holds(held, Privilege::kSecurity));
  CHECK(db->Of("bob", security::Sid(5, {21, 1}), {}, {}).none());
}

TEST_CASE("privileges: a bad line is refused with its number", "[unit][auth]") {
  const std::string text = GENERATE(as<std::string>{}, "\nalice SeBackupPrivilege",
                                    "\n*S-1-x: SeBackupPrivilege", "\nalice: SeFlyPrivilege",
                                    "\n: SeBackupPrivilege");
  const auto db = PrivilegeDatabase::Parse(text);
  REQUIRE_FALSE(db.ok());
  CHECK(std::string(db.status().message()).find("line 2") != std::string::npos);
}

}  // namespace
}  // namespace continuo::auth
