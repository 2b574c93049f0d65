#include "common/userdb/user_database.h"

#include <algorithm>

#include <absl/strings/str_format.h>

#include "common/base/check.h"
#include "common/bytes/utf16.h"

namespace continuo::userdb {

namespace {

constexpr std::string_view kForbidden = "\"/\\[]:;|=,+*?<>@";

const std::string* FindKey(const std::map<uint32_t, std::string>& index, uint32_t id) {
  const auto it = index.find(id);
  return it == index.end() ? nullptr : &it->second;
}

}  // namespace

absl::Status CheckAccountName(std::string_view name) {
  if (name.empty() || name.size() > kNameMaxBytes) {
    return absl::InvalidArgumentError("a name has 1 to 256 bytes");
  }
  if (!bytes::Utf8ToUtf16Le(name)) return absl::InvalidArgumentError("a name must be UTF-8 text");
  for (const char c : name) {
    const bool is_control = static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
    if (is_control || kForbidden.find(c) != std::string_view::npos) {
      return absl::InvalidArgumentError("a name has no control characters and none of " +
                                        std::string(kForbidden));
    }
  }
  if (name.front() == ' ' || name.back() == ' ' || name.back() == '.') {
    return absl::InvalidArgumentError("a name does not begin or end with a space, or end with a dot");
  }
  return absl::OkStatus();
}

bool IsMachineSid(const security::Sid& sid) {
  const auto subs = sid.sub_authorities();
  return sid.IsValid() && sid.authority() == 5 && subs.size() == 4 && subs[0] == 21;
}

UserDatabase UserDatabase::Create(const security::Sid& machine_sid) {
  CONTINUO_CHECK(IsMachineSid(machine_sid));
  UserDatabase db;
  db.machine_sid_ = machine_sid;
  return db;
}

const UserRecord* UserDatabase::FindUser(std::string_view name) const {
  const auto it = users_.find(bytes::FoldName(name));
  return it == users_.end() ? nullptr : &it->second;
}

const UserRecord* UserDatabase::FindUserByRid(uint32_t rid) const {
  const std::string* key = FindKey(user_by_rid_, rid);
  return key == nullptr ? nullptr : &users_.at(*key);
}

const UserRecord* UserDatabase::FindUserByUid(uint32_t uid) const {
  const std::string* key = FindKey(user_by_uid_, uid);
  return key == nullptr ? nullptr : &users_.at(*key);
}

const GroupRecord* UserDatabase::FindGroup(std::string_view name) const {
  const auto it = groups_.find(bytes::FoldName(name));
  return it == groups_.end() ? nullptr : &it->second;
}

const GroupRecord* UserDatabase::FindGroupByRid(uint32_t rid) const {
  const std::string* key = FindKey(group_by_rid_, rid);
  return key == nullptr ? nullptr : &groups_.at(*key);
}

const GroupRecord* UserDatabase::FindGroupByGid(uint32_t gid) const {
  const std::string* key = FindKey(group_by_gid_, gid);
  return key == nullptr ? nullptr : &groups_.at(*key);
}

std::vector<std::string> UserDatabase::GroupNamesOf(const UserRecord& user) const {
  std::vector<std::string> names;
  for (const uint32_t rid : user.group_rids) {
    if (const GroupRecord* group = FindGroupByRid(rid)) names.push_back(group->name);
  }
  return names;
}

absl::Status UserDatabase::CheckNewName(std::string_view name) const {
  CONTINUO_RETURN_IF_ERROR(CheckAccountName(name));
  if (FindUser(name) != nullptr) {
    return absl::AlreadyExistsError(absl::StrFormat("user %s already exists", std::string(name)));
  }
  if (FindGroup(name) != nullptr) {
    return absl::AlreadyExistsError(absl::StrFormat("group %s already exists", std::string(name)));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> UserDatabase::FreeUnixId() const {
  // After the highest one in use: an id that was freed by a deletion may still own files.
  uint32_t next = kFirstUnixId;
  for (const auto* index : {&user_by_uid_, &group_by_gid_}) {
    auto it = index->upper_bound(kLastUnixId);
    if (it == index->begin()) continue;
    --it;
    if (it->first >= next) next = it->first + 1;
  }
  if (next > kLastUnixId) {
    return absl::ResourceExhaustedError(
        absl::StrFormat("no free uid between %d and %d: give one", kFirstUnixId, kLastUnixId));
  }
  return next;
}

absl::StatusOr<GroupRecord> UserDatabase::AddGroup(std::string_view name,
                                                   std::optional<uint32_t> gid) {
  CONTINUO_RETURN_IF_ERROR(CheckNewName(name));
  if (groups_.size() >= kGroupsMax) {
    return absl::ResourceExhaustedError("the user database is full of groups");
  }
  if (!gid) {
    CONTINUO_ASSIGN_OR_RETURN(gid, FreeUnixId());
  }
  if (FindGroupByGid(*gid) != nullptr) {
    return absl::AlreadyExistsError(absl::StrFormat("gid %d is taken", *gid));
  }
  GroupRecord group{.rid = next_rid_++, .gid = *gid, .name = std::string(name)};
  const std::string key = bytes::FoldName(name);
  group_by_rid_[group.rid] = key;
  group_by_gid_[group.gid] = key;
  groups_[key] = group;
  return group;
}

absl::Status UserDatabase::AddMemberships(UserRecord& user, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const GroupRecord* group = FindGroup(name);
    uint32_t rid = 0;
    if (group != nullptr) {
      rid = group->rid;
    } else {
      const absl::StatusOr<GroupRecord> added = AddGroup(name, std::nullopt);
      if (!added.ok()) return added.status();
      rid = added->rid;
    }
    const auto at = std::lower_bound(user.group_rids.begin(), user.group_rids.end(), rid);
    if (at == user.group_rids.end() || *at != rid) user.group_rids.insert(at, rid);
  }
  if (user.group_rids.size() > kGroupsPerUserMax) {
    return absl::ResourceExhaustedError(absl::StrFormat("user %s is in too many groups", user.name));
  }
  return absl::OkStatus();
}

absl::StatusOr<UserRecord> UserDatabase::AddUser(const NewUser& user) {
  UserDatabase next = *this;  // A refusal half way leaves this one as it was.
  CONTINUO_RETURN_IF_ERROR(next.CheckNewName(user.name));
  if (next.users_.size() >= kUsersMax) {
    return absl::ResourceExhaustedError("the user database is full of users");
  }
  UserRecord record;
  record.name = user.name;
  record.full_name = user.full_name;
  record.is_disabled = user.is_disabled;
  record.nt_hash = user.nt_hash;
  record.last_change = user.last_change;
  if (user.uid) {
    record.uid = *user.uid;
  } else {
    CONTINUO_ASSIGN_OR_RETURN(record.uid, next.FreeUnixId());
  }
  record.gid = user.gid.value_or(record.uid);
  if (const UserRecord* other = next.FindUserByUid(record.uid)) {
    return absl::AlreadyExistsError(
        absl::StrFormat("uid %d is taken by user %s", record.uid, other->name));
  }
  record.rid = next.next_rid_++;
  const std::string key = bytes::FoldName(record.name);
  next.user_by_rid_[record.rid] = key;
  next.user_by_uid_[record.uid] = key;
  next.users_[key] = record;
  CONTINUO_RETURN_IF_ERROR(next.AddMemberships(next.users_[key], user.groups));
  *this = std::move(next);
  return users_.at(key);
}

absl::Status UserDatabase::SetPassword(std::string_view name, const NtHash& hash, absl::Time now) {
  const auto it = users_.find(bytes::FoldName(name));
  if (it == users_.end()) {
    return absl::NotFoundError(absl::StrFormat("there is no user %s", std::string(name)));
  }
  it->second.nt_hash = hash;
  it->second.last_change = now;
  if (it->second.password_expiry <= now) it->second.password_expiry = absl::InfiniteFuture();
  return absl::OkStatus();
}

absl::Status UserDatabase::UpdateUser(std::string_view name, const UserChange& change) {
  UserDatabase next = *this;
  const auto it = next.users_.find(bytes::FoldName(name));
  if (it == next.users_.end()) {
    return absl::NotFoundError(absl::StrFormat("there is no user %s", std::string(name)));
  }
  UserRecord& user = it->second;
  if (change.is_disabled) user.is_disabled = *change.is_disabled;
  if (change.account_expiry) user.account_expiry = *change.account_expiry;
  if (change.password_expiry) user.password_expiry = *change.password_expiry;
  for (const std::string& group_name : change.remove_groups) {
    const GroupRecord* group = next.FindGroup(group_name);
    if (group == nullptr) {
      return absl::NotFoundError(absl::StrFormat("there is no group %s", group_name));
    }
    std::erase(user.group_rids, group->rid);
  }
  CONTINUO_RETURN_IF_ERROR(next.AddMemberships(user, change.add_groups));
  *this = std::move(next);
  return absl::OkStatus();
}

absl::Status UserDatabase::DeleteUser(std::string_view name) {
  const auto it = users_.find(bytes::FoldName(name));
  if (it == users_.end()) {
    return absl::NotFoundError(absl::StrFormat("there is no user %s", std::string(name)));
  }
  user_by_rid_.erase(it->second.rid);
  user_by_uid_.erase(it->second.uid);
  users_.erase(it);
  return absl::OkStatus();
}

absl::StatusOr<UserDatabase> UserDatabase::Restore(const security::Sid& machine_sid,
                                                   uint32_t next_rid,
                                                   const std::vector<GroupRecord>& groups,
                                                   const std::vector<UserRecord>& users) {
  if (!IsMachineSid(machine_sid)) return absl::InvalidArgumentError("the machine SID is not one");
  UserDatabase db = Create(machine_sid);
  db.next_rid_ = next_rid;
  const auto is_bad_rid = [&](uint32_t rid) {
    return rid < kFirstRid || rid >= next_rid || db.user_by_rid_.contains(rid) ||
           db.group_by_rid_.contains(rid);
  };
  for (const GroupRecord& group : groups) {
    CONTINUO_RETURN_IF_ERROR(db.CheckNewName(group.name));
    if (is_bad_rid(group.rid) || db.group_by_gid_.contains(group.gid)) {
      return absl::InvalidArgumentError(absl::StrFormat("group %s: RID or gid", group.name));
    }
    const std::string key = bytes::FoldName(group.name);
    db.group_by_rid_[group.rid] = key;
    db.group_by_gid_[group.gid] = key;
    db.groups_[key] = group;
  }
  for (const UserRecord& user : users) {
    CONTINUO_RETURN_IF_ERROR(db.CheckNewName(user.name));
    if (is_bad_rid(user.rid) || db.user_by_uid_.contains(user.uid)) {
      return absl::InvalidArgumentError(absl::StrFormat("user %s: RID or uid", user.name));
    }
    for (const uint32_t rid : user.group_rids) {
      if (!db.group_by_rid_.contains(rid)) {
        return absl::InvalidArgumentError(
            absl::StrFormat("user %s: there is no group with RID %d", user.name, rid));
      }
    }
    const std::string key = bytes::FoldName(user.name);
    db.user_by_rid_[user.rid] = key;
    db.user_by_uid_[user.uid] = key;
    db.users_[key] = user;
  }
  return db;
}

}  // namespace continuo::userdb
