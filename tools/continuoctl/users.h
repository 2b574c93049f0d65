// user add|passwd|del|list|enable|disable|import-smbpasswd.
//
// While auth-service answers, it makes the changes. While nobody listens on its socket they are
// made in the file that tsmb.conf names (userdb_file), under the same lock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/continuoctl/context.h"

namespace continuo::ctl {

struct NewUserOptions {
  std::string name;
  std::string full_name;
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  std::vector<std::string> groups;
  bool is_disabled = false;
  bool may_exist = false;  // Then only the password is set.
};

int AddUser(const Context& context, const NewUserOptions& options);
int SetPassword(const Context& context, const std::string& name);
int DeleteUser(const Context& context, const std::string& name);
int ListUsers(const Context& context);

enum class UserState { kEnabled, kDisabled };
int SetUserState(const Context& context, const std::string& name, UserState state);

// `path` holds what `pdbedit -Lw` prints; "-" is stdin.
int ImportSmbpasswd(const Context& context, const std::string& path);

}  // namespace continuo::ctl
