#include <absl/strings/str_format.h>
#include <absl/time/clock.h>

#include "common/crypto/random.h"
#include "common/userdb/user_store.h"
#include "tools/continuoctl/user_backend.h"

namespace continuo::ctl {
namespace {

// 0 stands for never.
absl::Time ExpiryOf(int64_t unix_s) {
  return unix_s == 0 ? absl::InfiniteFuture() : absl::FromUnixSeconds(unix_s);
}

int64_t ExpiryOf(absl::Time time) {
  return time == absl::InfiniteFuture() ? 0 : absl::ToUnixSeconds(time);
}

auth_pb::User ToProto(const userdb::UserDatabase& db, const userdb::UserRecord& record) {
  auth_pb::User user;
  user.set_name(record.name);
  user.set_rid(record.rid);
  if (const auto sid = db.machine_sid().WithRid(record.rid)) user.set_sid(sid->ToString());
  user.set_uid(record.uid);
  user.set_gid(record.gid);
  user.set_is_disabled(record.is_disabled);
  user.set_has_password(record.nt_hash.has_value());
  for (const std::string& group : db.GroupNamesOf(record)) user.add_groups(group);
  user.set_last_change_unix_s(absl::ToUnixSeconds(record.last_change));
  user.set_account_expiry_unix_s(ExpiryOf(record.account_expiry));
  user.set_password_expiry_unix_s(ExpiryOf(record.password_expiry));
  user.set_full_name(record.full_name);
  return user;
}

std::string TextOf(const absl::Status& status) { return std::string(status.message()); }

class FileUserBackend final : public UserBackend {
 public:
  explicit FileUserBackend(const std::string& path) : store_(path, random_) {}

  absl::StatusOr<auth_pb::AddUserResponse> AddUser(
      const auth_pb::AddUserRequest& request) override {
    userdb::NewUser user;
    user.name = request.name();
    user.full_name = request.full_name();
    if (request.has_uid()) user.uid = request.uid();
    if (request.has_gid()) user.gid = request.gid();
    user.groups.assign(request.groups().begin(), request.groups().end());
    user.is_disabled = request.is_disabled();
    auth_pb::AddUserResponse response;
    const auto added = store_.AddUser(std::move(user), request.password(), absl::Now());
    if (!added.ok()) {
      response.set_error(TextOf(added.status()));
      return response;
    }
    const auto db = store_.Load();
    if (!db.ok()) return db.status();
    *response.mutable_user() = ToProto(*db, *added);
    return response;
  }

  absl::StatusOr<auth_pb::SetPasswordResponse> SetPassword(
      const auth_pb::SetPasswordRequest& request) override {
    auth_pb::SetPasswordResponse response;
    const absl::Status status =
        store_.SetPassword(request.name(), request.password(), absl::Now());
    if (!status.ok()) response.set_error(TextOf(status));
    return response;
  }

  absl::StatusOr<auth_pb::DeleteUserResponse> DeleteUser(
      const auth_pb::DeleteUserRequest& request) override {
    auth_pb::DeleteUserResponse response;
    const auto changed = store_.Change(
        [&](userdb::UserDatabase& db) { return db.DeleteUser(request.name()); });
    if (!changed.ok()) response.set_error(TextOf(changed.status()));
    return response;
  }

  absl::StatusOr<auth_pb::UpdateUserResponse> UpdateUser(
      const auth_pb::UpdateUserRequest& request) override {
    userdb::UserChange change;
    if (request.has_is_disabled()) change.is_disabled = request.is_disabled();
    change.add_groups.assign(request.add_groups().begin(), request.add_groups().end());
    change.remove_groups.assign(request.remove_groups().begin(), request.remove_groups().end());
    if (request.has_account_expiry_unix_s()) {
      change.account_expiry = ExpiryOf(request.account_expiry_unix_s());
    }
    if (request.has_password_expiry_unix_s()) {
      change.password_expiry = ExpiryOf(request.password_expiry_unix_s());
    }
    auth_pb::UpdateUserResponse response;
    const auto changed = store_.Change(
        [&](userdb::UserDatabase& db) { return db.UpdateUser(request.name(), change); });
    if (!changed.ok()) response.set_error(TextOf(changed.status()));
    return response;
  }

  absl::StatusOr<auth_pb::ListUsersResponse> ListUsers() override {
    auth_pb::ListUsersResponse response;
    const auto db = store_.Load();
    if (absl::IsNotFound(db.status())) return response;  // No user was ever added.
    if (!db.ok()) return db.status();
    for (const auto& [name, record] : db->users()) *response.add_users() = ToProto(*db, record);
    return response;
  }

  absl::StatusOr<auth_pb::ImportSmbpasswdResponse> ImportSmbpasswd(
      const auth_pb::ImportSmbpasswdRequest& request) override {
    auth_pb::ImportSmbpasswdResponse response;
    const auto result = store_.ImportSmbpasswd(request.text());
    if (!result.ok()) {
      response.set_error(TextOf(result.status()));
      return response;
    }
    response.set_added_count(result->added_count);
    response.set_updated_count(result->updated_count);
    for (const std::string& line : result->skipped) response.add_skipped(line);
    return response;
  }

 private:
  crypto::SystemRandom random_;
  const userdb::UserStore store_;
};

}  // namespace

std::unique_ptr<UserBackend> MakeFileUserBackend(const std::string& userdb_file) {
  return std::make_unique<FileUserBackend>(userdb_file);
}

}  // namespace continuo::ctl
