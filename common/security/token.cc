#include "common/security/token.h"

#include <algorithm>
#include <array>

namespace continuo::security {
namespace {

struct NamedPrivilege {
  Privilege privilege;
  std::string_view name;
};
constexpr std::array<NamedPrivilege, static_cast<size_t>(Privilege::kCount)> kPrivilegeNames = {{
    {Privilege::kSecurity, "SeSecurityPrivilege"},
    {Privilege::kTakeOwnership, "SeTakeOwnershipPrivilege"},
    {Privilege::kBackup, "SeBackupPrivilege"},
    {Privilege::kRestore, "SeRestorePrivilege"},
    {Privilege::kChangeNotify, "SeChangeNotifyPrivilege"},
    {Privilege::kServerOperators, "TsmbServerOperators"},
    {Privilege::kServerShareOperators, "TsmbServerShareOperators"},
    {Privilege::kServerOpenOperators, "TsmbServerOpenOperators"},
    {Privilege::kServerSessionOperators, "TsmbServerSessionOperators"},
}};

void AddGroup(SecurityToken& token, const Sid& sid) {
  if (std::find(token.groups.begin(), token.groups.end(), sid) == token.groups.end()) {
    token.groups.push_back(sid);
  }
}

}  // namespace

std::string_view PrivilegeName(Privilege privilege) {
  for (const NamedPrivilege& entry : kPrivilegeNames) {
    if (entry.privilege == privilege) return entry.name;
  }
  return "(unknown)";
}

std::optional<Privilege> PrivilegeFromName(std::string_view name) {
  for (const NamedPrivilege& entry : kPrivilegeNames) {
    if (entry.name == name) return entry.privilege;
  }
  return std::nullopt;
}

bool SecurityToken::Matches(const Sid& sid) const {
  if (sid == user) return true;
  if (std::find(groups.begin(), groups.end(), sid) != groups.end()) return true;
  if (sid.authority() != 22) return false;
  if (const auto sid_uid = UidOfUnixSid(sid)) return *sid_uid == uid;
  if (const auto sid_gid = GidOfUnixSid(sid)) {
    return *sid_gid == gid || std::find(gids.begin(), gids.end(), *sid_gid) != gids.end();
  }
  return false;
}

bool SecurityToken::MayOwn(const Sid& sid) const {
  if (sid == user || sid == UnixUserSid(uid)) return true;
  return sid == kBuiltinAdministratorsSid && Matches(sid);
}

void AddWellKnownGroups(SecurityToken& token) {
  AddGroup(token, kEveryoneSid);
  AddGroup(token, kNetworkSid);
  if (token.is_anonymous) {
    AddGroup(token, kAnonymousSid);
  } else if (token.is_guest) {
    AddGroup(token, kBuiltinGuestsSid);
  } else {
    AddGroup(token, kAuthenticatedUsersSid);
    AddGroup(token, kBuiltinUsersSid);
  }
  if (token.is_admin) AddGroup(token, kBuiltinAdministratorsSid);
}

}  // namespace continuo::security
