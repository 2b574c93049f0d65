#include "services/auth-service/logon/directory.h"

#include <algorithm>

namespace continuo::auth {

namespace {

using security::Sid;

void AddOnce(std::vector<Sid>& sids, const Sid& sid) {
  if (std::find(sids.begin(), sids.end(), sid) == sids.end()) sids.push_back(sid);
}

constexpr uint32_t kRidDomainAdmins = 512;

// Whether a KDC may speak for this SID. What is local to this server is not its to give.
bool MayComeFromDomain(const Sid& sid, const Sid& machine) {
  const auto subs = sid.sub_authorities();
  const bool is_builtin = sid.authority() == 5 && !subs.empty() && subs[0] == 32;
  const bool is_unix = sid.authority() == 22;
  return !is_builtin && !is_unix && !(machine.IsValid() && sid.IsInDomain(machine));
}

}  // namespace

const userdb::UserRecord* Directory::FindUser(std::string_view name) const {
  if (const auto* user = users->FindUser(name)) return user;
  const size_t at = name.rfind('@');
  return at == std::string_view::npos ? nullptr : users->FindUser(name.substr(0, at));
}

NtStatus Directory::CheckAccount(const userdb::UserRecord& user, absl::Time now) const {
  if (user.is_disabled) return NtStatus::kAccountDisabled;
  if (user.account_expiry <= now) return NtStatus::kAccountExpired;
  if (user.password_expiry <= now) return NtStatus::kPasswordExpired;
  return NtStatus::kSuccess;
}

void Directory::Complete(Identity& identity, const std::vector<std::string>& group_names) const {
  AddOnce(identity.group_sids, security::kEveryoneSid);
  AddOnce(identity.group_sids, security::kNetworkSid);
  if (identity.is_anonymous) return;
  if (identity.is_guest) {
    AddOnce(identity.group_sids, security::kBuiltinGuestsSid);
  } else {
    AddOnce(identity.group_sids, security::kAuthenticatedUsersSid);
    AddOnce(identity.group_sids, security::kBuiltinUsersSid);
  }
  identity.privileges = privileges.Of(identity.user_name, identity.user_sid, group_names,
                                      identity.group_sids);
}

Identity Directory::LocalIdentity(const userdb::UserRecord& user) const {
  const Sid& machine = users->machine_sid();
  Identity identity;
  identity.user_name = user.name;
  identity.domain_name = policy.server_name;
  identity.user_sid = *machine.WithRid(user.rid);
  identity.primary_group_sid = *machine.WithRid(kRidUsers);
  identity.group_sids.push_back(identity.primary_group_sid);
  identity.uid = user.uid;
  identity.gid = user.gid;
  identity.expiry = user.account_expiry;
  const auto* administrators = users->FindGroup(userdb::kAdministratorsGroup);
  for (const uint32_t rid : user.group_rids) {
    const auto* group = users->FindGroupByRid(rid);
    if (group == nullptr) continue;
    AddOnce(identity.group_sids, *machine.WithRid(rid));
    if (group->gid != user.gid) identity.supplementary_gids.push_back(group->gid);
    if (group == administrators) AddOnce(identity.group_sids, security::kBuiltinAdministratorsSid);
  }
  Complete(identity, users->GroupNamesOf(user));
  return identity;
}

Identity Directory::GuestIdentity() const {
  Identity identity;
  identity.user_name = "guest";
  identity.domain_name = policy.server_name;
  identity.user_sid = *users->machine_sid().WithRid(kRidGuest);
  identity.primary_group_sid = security::kBuiltinGuestsSid;
  identity.is_guest = true;
  Complete(identity, {});
  return identity;
}

Identity Directory::AnonymousIdentity() const {
  Identity identity;
  identity.user_name = "ANONYMOUS LOGON";
  identity.domain_name = "NT AUTHORITY";
  identity.user_sid = security::kAnonymousSid;
  identity.primary_group_sid = security::kNullSid;
  identity.is_anonymous = true;
  Complete(identity, {});
  return identity;
}

Identity Directory::DomainIdentity(const DomainUser& user, IdOf id_of) const {
  Identity identity;
  identity.user_name = user.user_name;
  identity.domain_name = user.domain_name;
  identity.user_sid = user.user_sid;
  identity.primary_group_sid = user.primary_group_sid;
  identity.uid = id_of(user.user_sid).value_or(kNobodyId);
  identity.gid = id_of(user.primary_group_sid).value_or(kNobodyId);
  AddOnce(identity.group_sids, user.primary_group_sid);
  for (const Sid& sid : user.group_sids) {
    if (!MayComeFromDomain(sid, users->machine_sid())) continue;
    AddOnce(identity.group_sids, sid);
    // Domain Admins are administrators of every member, as on Windows.
    const bool is_own_domain = sid.sub_authorities().size() == 5 &&
                               user.user_sid.IsInDomain(Sid(5, sid.sub_authorities().first(4)));
    if (is_own_domain && sid.rid() == kRidDomainAdmins) {
      AddOnce(identity.group_sids, security::kBuiltinAdministratorsSid);
    }
    const auto gid = id_of(sid);
    if (gid && *gid != identity.gid) identity.supplementary_gids.push_back(*gid);
  }
  Complete(identity, {});
  return identity;
}

}  // namespace continuo::auth
