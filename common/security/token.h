// Who a session is, as the authorisation rules see it.
//
// Made once at logon from auth-service's answer, immutable afterwards and shared by pointer.
// Threading: const after construction, usable from any thread.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/security/sid.h"

namespace continuo::security {

enum class Privilege : uint8_t {
  kSecurity,       // SeSecurityPrivilege: read and write SACLs.
  kTakeOwnership,  // SeTakeOwnershipPrivilege: WRITE_OWNER on everything.
  kBackup,         // SeBackupPrivilege: reads when opened with backup intent.
  kRestore,        // SeRestorePrivilege: writes when opened with backup intent; any owner.
  kChangeNotify,   // SeChangeNotifyPrivilege: traverse without right; everybody has it.
  kServerOperators,
  kServerShareOperators,
  kServerOpenOperators,
  kServerSessionOperators,
  kCount,
};
using Privileges = std::bitset<static_cast<size_t>(Privilege::kCount)>;

// "SeBackupPrivilege", "TsmbServerOperators", ... as the privilege database spells them.
std::string_view PrivilegeName(Privilege privilege);
std::optional<Privilege> PrivilegeFromName(std::string_view name);

struct SecurityToken {
  Sid user;
  std::vector<Sid> groups;  // Everyone, Authenticated Users, Network and the like included.
  Privileges privileges;
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> gids;  // Supplementary ones.
  bool is_guest = false;
  bool is_anonymous = false;
  bool is_admin = false;  // Member of BUILTIN\Administrators; may use administrative shares.

  bool Has(Privilege privilege) const { return privileges.test(static_cast<size_t>(privilege)); }
  void Add(Privilege privilege) { privileges.set(static_cast<size_t>(privilege)); }

  // Whether an ACE for `sid` applies: the user, one of the groups, or the Unix SIDs of the token's
  // own uid and gids (descriptors derived from mode bits name those).
  bool Matches(const Sid& sid) const;
  // Whether the token may be made owner of something without SeRestorePrivilege: itself, or a
  // group it is member of and that may own (here: BUILTIN\Administrators).
  bool MayOwn(const Sid& sid) const;
};

// Adds the well-known groups that [MS-DTYP] gives each kind of caller: Everyone and Network to
// all, Authenticated Users and BUILTIN\Users to real users, Guests to guests, Anonymous to
// anonymous ones, and BUILTIN\Administrators where is_admin. Idempotent.
void AddWellKnownGroups(SecurityToken& token);

}  // namespace continuo::security
