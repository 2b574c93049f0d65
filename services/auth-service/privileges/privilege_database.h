// The privilege database: which user, group or SID holds which privilege.
//
//   # comment
//   *S-1-5-32-544: SeBackupPrivilege, SeRestorePrivilege
//   alice:         SeTakeOwnershipPrivilege
//   @operators:    TsmbServerOperators
//
// A line names a user, @group or *SID and the privileges it holds; several lines for one name add
// up. Names are resolved when somebody logs on, so the file may name users that do not exist yet.
//
// Threading: a const value may be read from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "common/security/sid.h"
#include "common/security/token.h"

namespace continuo::auth {

inline constexpr size_t kPrivilegeFileMaxBytes = 1u << 20;

struct PrivilegeEntry {
  enum class Who { kUser, kGroup, kSid };
  Who who = Who::kUser;
  std::string name;   // Of a user or group, as written.
  security::Sid sid;  // For kSid.
  security::Privileges privileges;
};

class PrivilegeDatabase {
 public:
  // Errors: InvalidArgument, naming the line.
  static absl::StatusOr<PrivilegeDatabase> Parse(std::string_view text);
  // A missing file is an empty database. Errors: what reading says, and as Parse.
  static absl::StatusOr<PrivilegeDatabase> Load(const std::string& path);

  // What a token holds. `group_names` and `group_sids` are those of the user.
  security::Privileges Of(std::string_view user_name, const security::Sid& user_sid,
                          const std::vector<std::string>& group_names,
                          const std::vector<security::Sid>& group_sids) const;

  const std::vector<PrivilegeEntry>& entries() const { return entries_; }

 private:
  std::vector<PrivilegeEntry> entries_;
};

}  // namespace continuo::auth
