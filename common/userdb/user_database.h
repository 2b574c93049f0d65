// Users and groups in memory, and the rules by which they change.
//
//   UserDatabase db = UserDatabase::Create(machine_sid);
//   const absl::StatusOr<UserRecord> alice = db.AddUser({.name = "alice", .nt_hash = hash});
//   const UserRecord* user = db.FindUser("ALICE");
//
// A plain value: copy it, change the copy, publish it. user_store.h keeps it on disk.
// Names are compared without regard to case. RIDs are never used twice.
// Threading: none of its own; a const value may be read from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "common/security/sid.h"
#include "common/userdb/nt_hash.h"

namespace continuo::userdb {

inline constexpr size_t kNameMaxBytes = 256;
inline constexpr size_t kUsersMax = 100'000;
inline constexpr size_t kGroupsMax = 10'000;
inline constexpr size_t kGroupsPerUserMax = 1'000;
inline constexpr uint32_t kFirstRid = 1000;  // Below are the well-known ones.
// Ids for users and groups that have none on the system. The range lies between the ids that
// useradd and systemd hand out and the ones that user namespaces and SSSD take.
inline constexpr uint32_t kFirstUnixId = 70'000;
inline constexpr uint32_t kLastUnixId = 99'999;
static_assert(kFirstUnixId < kLastUnixId);

// Membership in this local group adds BUILTIN\Administrators to the token.
inline constexpr std::string_view kAdministratorsGroup = "administrators";

struct GroupRecord {
  uint32_t rid = 0;
  uint32_t gid = 0;
  std::string name;
  friend bool operator==(const GroupRecord&, const GroupRecord&) = default;
};

struct UserRecord {
  uint32_t rid = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::string name;
  std::string full_name;
  bool is_disabled = false;
  std::vector<uint32_t> group_rids;  // Ascending.
  absl::Time last_change = absl::UnixEpoch();  // Of the password.
  absl::Time account_expiry = absl::InfiniteFuture();
  absl::Time password_expiry = absl::InfiniteFuture();
  std::optional<NtHash> nt_hash;  // Without one nobody logs on as this user.
  friend bool operator==(const UserRecord&, const UserRecord&) = default;
};

struct NewUser {
  std::string name;
  std::string full_name;
  std::optional<uint32_t> uid;  // Absent: the next free id of the range.
  std::optional<uint32_t> gid;  // Absent: the number of the uid.
  std::vector<std::string> groups;  // Created when they do not exist.
  bool is_disabled = false;
  std::optional<NtHash> nt_hash;
  absl::Time last_change = absl::UnixEpoch();
};

struct UserChange {
  std::optional<bool> is_disabled;
  std::vector<std::string> add_groups;
  std::vector<std::string> remove_groups;
  std::optional<absl::Time> account_expiry;
  std::optional<absl::Time> password_expiry;
};

class UserDatabase {
 public:
  UserDatabase() = default;
  // Requires: `machine_sid` has the form S-1-5-21-a-b-c.
  static UserDatabase Create(const security::Sid& machine_sid);

  const security::Sid& machine_sid() const { return machine_sid_; }
  uint32_t next_rid() const { return next_rid_; }
  const std::map<std::string, UserRecord>& users() const { return users_; }  // By folded name.
  const std::map<std::string, GroupRecord>& groups() const { return groups_; }

  const UserRecord* FindUser(std::string_view name) const;
  const UserRecord* FindUserByRid(uint32_t rid) const;
  const UserRecord* FindUserByUid(uint32_t uid) const;
  const GroupRecord* FindGroup(std::string_view name) const;
  const GroupRecord* FindGroupByRid(uint32_t rid) const;
  const GroupRecord* FindGroupByGid(uint32_t gid) const;
  std::vector<std::string> GroupNamesOf(const UserRecord& user) const;

  // Errors: AlreadyExists for a name that a user or group has or a uid that a user has,
  // InvalidArgument for a name that SMB cannot carry, ResourceExhausted at the limits. A refusal
  // changes nothing.
  absl::StatusOr<UserRecord> AddUser(const NewUser& user);
  absl::StatusOr<GroupRecord> AddGroup(std::string_view name, std::optional<uint32_t> gid);
  // Errors: NotFound.
  absl::Status SetPassword(std::string_view name, const NtHash& hash, absl::Time now);
  absl::Status UpdateUser(std::string_view name, const UserChange& change);
  absl::Status DeleteUser(std::string_view name);

  // For the codec: puts records back as they were stored.
  // Errors: InvalidArgument for doubles, bad names, RIDs from next_rid on, unknown group RIDs.
  static absl::StatusOr<UserDatabase> Restore(const security::Sid& machine_sid, uint32_t next_rid,
                                              const std::vector<GroupRecord>& groups,
                                              const std::vector<UserRecord>& users);

  friend bool operator==(const UserDatabase&, const UserDatabase&) = default;

 private:
  absl::StatusOr<uint32_t> FreeUnixId() const;
  absl::Status CheckNewName(std::string_view name) const;
  absl::Status AddMemberships(UserRecord& user, const std::vector<std::string>& names);

  security::Sid machine_sid_;
  uint32_t next_rid_ = kFirstRid;
  std::map<std::string, UserRecord> users_;
  std::map<std::string, GroupRecord> groups_;
  std::map<uint32_t, std::string> user_by_rid_;
  std::map<uint32_t, std::string> user_by_uid_;
  std::map<uint32_t, std::string> group_by_rid_;
  std::map<uint32_t, std::string> group_by_gid_;
};

// InvalidArgument, with the reason, unless SMB clients can carry the name: 1 to 256 bytes of UTF-8
// without control characters and none of "/\[]:;|=,+*?<>@ ([MS-SAMR] 3.1.1.6, sAMAccountName).
absl::Status CheckAccountName(std::string_view name);

// Whether `sid` has the form S-1-5-21-a-b-c.
bool IsMachineSid(const security::Sid& sid);

}  // namespace continuo::userdb
