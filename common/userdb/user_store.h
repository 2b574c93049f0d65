// The user database as files: the database itself, its sealing key beside it, a lock.
//
//   const UserStore store("/var/lib/continuo/users.db", random);
//   CONTINUO_RETURN_IF_ERROR(store.Change([&](UserDatabase& db) { return db.AddUser(...).status(); }));
//   const absl::StatusOr<UserDatabase> db = store.Load();
//
// Files: PATH (0600), PATH.key (0600, 32 random bytes), PATH.lock. The first Change makes them, with
// a new machine SID. In a cluster all three lie on shared storage or are copied together.
//
// Threading: any thread; every call opens its own descriptors and may block on disk. Change holds
// PATH.lock (flock), also against other processes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/userdb/user_database.h"

namespace continuo::userdb {

// Changes whenever the file was replaced or written.
struct FileStamp {
  uint64_t inode = 0;
  int64_t modified_ns = 0;
  int64_t size_bytes = -1;  // -1: there is no file.
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

FileStamp StampOf(const std::string& path);

struct ImportResult {
  uint32_t added_count = 0;
  uint32_t updated_count = 0;
  std::vector<std::string> skipped;
};

class UserStore {
 public:
  UserStore(std::string path, base::RandomSource& random);

  const std::string& path() const { return path_; }
  std::string KeyPath() const { return path_ + ".key"; }

  FileStamp Stamp() const;

  // Errors: NotFound when there is no database yet; DataLoss or FailedPrecondition as
  //         DecodeUserFile; PermissionDenied when the key can be read by others.
  absl::StatusOr<UserDatabase> Load() const;

  // The key that seals the hashes. Errors: NotFound; PermissionDenied; DataLoss.
  absl::StatusOr<Bytes> ReadKey() const;

  // Reads under the lock (a new database when there is none), applies `change` and, when that is
  // OK, replaces the file durably: written beside it, synced, renamed, directory synced.
  // Returns what was written. On an error the file is as it was.
  absl::StatusOr<UserDatabase> Change(
      const std::function<absl::Status(UserDatabase&)>& change) const;

  // The same as Load, but makes the database when there is none.
  absl::StatusOr<UserDatabase> LoadOrCreate() const;

  // Adds or updates users from `pdbedit -Lw` output in one change.
  absl::StatusOr<ImportResult> ImportSmbpasswd(std::string_view text) const;

  // Adds a user with a password. A unix account of that name gives its ids unless `user` has some.
  absl::StatusOr<UserRecord> AddUser(NewUser user, std::string_view password,
                                     absl::Time now) const;
  absl::Status SetPassword(std::string_view name, std::string_view password, absl::Time now) const;

 private:
  absl::StatusOr<Bytes> ReadOrCreateKey() const;
  security::Sid NewMachineSid() const;

  const std::string path_;
  base::RandomSource& random_;
};

// The ids of the unix account `name`; nullopt when there is none or it is root's.
struct UnixIds {
  uint32_t uid = 0;
  uint32_t gid = 0;
};
std::optional<UnixIds> FindUnixAccount(const std::string& name);

}  // namespace continuo::userdb
