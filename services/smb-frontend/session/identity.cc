#include "services/smb-frontend/session/identity.h"

#include "common/security/sid.h"

namespace continuo::session {

std::string Identity::DisplayName() const {
  return domain_name.empty() ? user_name : domain_name + "\\" + user_name;
}

std::shared_ptr<const Identity> MakeIdentity(const clients::LogonIdentity& logon) {
  auto identity = std::make_shared<Identity>();
  identity->user_name = logon.user_name;
  identity->domain_name = logon.domain_name;
  identity->expiry = logon.expiry;

  security::SecurityToken& token = identity->token;
  token.user = logon.user_sid;
  token.groups = logon.group_sids;
  if (logon.primary_group_sid.IsValid()) token.groups.push_back(logon.primary_group_sid);
  for (const std::string& name : logon.privileges) {
    if (const auto privilege = security::PrivilegeFromName(name)) token.Add(*privilege);
  }
  token.uid = logon.uid;
  token.gid = logon.gid;
  token.gids = logon.supplementary_gids;
  token.is_guest = logon.is_guest;
  token.is_anonymous = logon.is_anonymous;
  token.is_admin = token.Matches(security::kBuiltinAdministratorsSid);
  security::AddWellKnownGroups(token);

  auto unix_token = std::make_shared<vfs::UnixToken>();
  unix_token->uid = logon.uid;
  unix_token->gid = logon.gid;
  unix_token->groups.assign(logon.supplementary_gids.begin(), logon.supplementary_gids.end());
  identity->unix_token = std::move(unix_token);
  return identity;
}

}  // namespace continuo::session
