#include "common/userdb/user_store.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include <absl/strings/str_format.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/bytes/byte_reader.h"
#include "common/crypto/aead.h"
#include "common/userdb/smbpasswd.h"
#include "common/userdb/user_file_codec.h"

namespace continuo::userdb {

namespace {

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

absl::Status Failed(int error, std::string_view what, const std::string& path) {
  return absl::ErrnoToStatus(error, absl::StrFormat("%s %s", std::string(what), path));
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::StatusOr<Bytes> ReadWhole(const std::string& path, size_t limit) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd.ok()) return Failed(errno, "open", path);
  Bytes out;
  std::array<uint8_t, 65536> chunk;
  while (true) {
    const ssize_t got = ::read(fd.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed(errno, "read", path);
    if (got == 0) return out;
    out.insert(out.end(), chunk.begin(), chunk.begin() + got);
    if (out.size() > limit) return absl::DataLossError(path + " is too large");
  }
}

absl::Status SyncDirectory(const std::string& directory) {
  const Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.ok()) return Failed(errno, "open", directory);
  if (::fsync(fd.get()) != 0) return Failed(errno, "sync", directory);
  return absl::OkStatus();
}

absl::Status WriteAndSync(const std::string& path, std::span<const uint8_t> data) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.ok()) return Failed(errno, "create", path);
  if (::fchmod(fd.get(), 0600) != 0) return Failed(errno, "chmod", path);
  while (!data.empty()) {
    const ssize_t wrote = ::write(fd.get(), data.data(), data.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return Failed(errno, "write", path);
    data = data.subspan(static_cast<size_t>(wrote));
  }
  if (::fsync(fd.get()) != 0) return Failed(errno, "sync", path);
  return absl::OkStatus();
}

// The new file belongs to whom the old one (or the directory) belonged: a tool that root runs must
// not take the database away from the service's own user.
void KeepOwner(const std::string& temporary, const std::string& path) {
  struct stat st {};
  if (::geteuid() != 0) return;
  if (::stat(path.c_str(), &st) != 0 && ::stat(DirectoryOf(path).c_str(), &st) != 0) return;
  if (::chown(temporary.c_str(), st.st_uid, st.st_gid) != 0) return;
}

absl::Status ReplaceFile(const std::string& path, std::span<const uint8_t> data) {
  const std::string temporary = path + ".new";
  CONTINUO_RETURN_IF_ERROR(WriteAndSync(temporary, data));
  KeepOwner(temporary, path);
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    return Failed(error, "rename to", path);
  }
  return SyncDirectory(DirectoryOf(path));
}

}  // namespace

std::optional<UnixIds> FindUnixAccount(const std::string& name) {
  std::array<char, 16384> buffer;
  struct passwd entry {};
  struct passwd* found = nullptr;
  if (::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0) {
    return std::nullopt;
  }
  if (found == nullptr || found->pw_uid == 0) return std::nullopt;
  return UnixIds{.uid = found->pw_uid, .gid = found->pw_gid};
}

UserStore::UserStore(std::string path, base::RandomSource& random)
    : path_(std::move(path)), random_(random) {}

FileStamp UserStore::Stamp() const { return StampOf(path_); }

FileStamp StampOf(const std::string& path) {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return {};
  return {.inode = st.st_ino,
          .modified_ns = st.st_mtim.tv_sec * 1'000'000'000 + st.st_mtim.tv_nsec,
          .size_bytes = st.st_size};
}

absl::StatusOr<Bytes> UserStore::ReadKey() const {
  struct stat st {};
  if (::stat(KeyPath().c_str(), &st) != 0) return Failed(errno, "look at", KeyPath());
  if ((st.st_mode & 077) != 0) {
    return absl::PermissionDeniedError(KeyPath() + " must have mode 0600");
  }
  CONTINUO_ASSIGN_OR_RETURN(Bytes key, ReadWhole(KeyPath(), crypto::kSecretKeySizeBytes));
  if (key.size() != crypto::kSecretKeySizeBytes) {
    return absl::DataLossError(KeyPath() + " does not hold a key of 32 bytes");
  }
  return key;
}

absl::StatusOr<Bytes> UserStore::ReadOrCreateKey() const {
  absl::StatusOr<Bytes> key = ReadKey();
  if (!absl::IsNotFound(key.status())) return key;
  if (Stamp().size_bytes >= 0) {
    // A new key could not open the hashes that are there.
    return absl::FailedPreconditionError(KeyPath() + " is missing beside " + path_);
  }
  Bytes fresh(crypto::kSecretKeySizeBytes);
  random_.Fill(fresh);
  CONTINUO_RETURN_IF_ERROR(ReplaceFile(KeyPath(), fresh));
  return fresh;
}

security::Sid UserStore::NewMachineSid() const {
  Bytes random(12);
  random_.Fill(random);
  bytes::ByteReader in(random);
  const uint32_t a = in.U32();
  const uint32_t b = in.U32();
  const uint32_t c = in.U32();
  return security::Sid(5, {21, a, b, c});
}

absl::StatusOr<UserDatabase> UserStore::Load() const {
  CONTINUO_ASSIGN_OR_RETURN(const Bytes text, ReadWhole(path_, kUserFileMaxBytes));
  CONTINUO_ASSIGN_OR_RETURN(const Bytes key, ReadKey());
  return DecodeUserFile(std::string(text.begin(), text.end()), key);
}

absl::StatusOr<UserDatabase> UserStore::Change(
    const std::function<absl::Status(UserDatabase&)>& change) const {
  const std::string lock_path = path_ + ".lock";
  const Fd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock.ok()) return Failed(errno, "open", lock_path);
  KeepOwner(lock_path, path_);
  while (::flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return Failed(errno, "lock", lock_path);
  }
  CONTINUO_ASSIGN_OR_RETURN(const Bytes key, ReadOrCreateKey());
  UserDatabase db;
  absl::StatusOr<UserDatabase> stored = Load();
  if (stored.ok()) {
    db = *std::move(stored);
  } else if (absl::IsNotFound(stored.status())) {
    db = UserDatabase::Create(NewMachineSid());
  } else {
    return stored.status();
  }
  CONTINUO_RETURN_IF_ERROR(change(db));
  CONTINUO_ASSIGN_OR_RETURN(const std::string text, EncodeUserFile(db, key, random_));
  CONTINUO_RETURN_IF_ERROR(ReplaceFile(path_, Bytes(text.begin(), text.end())));
  return db;
}

absl::StatusOr<UserDatabase> UserStore::LoadOrCreate() const {
  absl::StatusOr<UserDatabase> db = Load();
  if (!absl::IsNotFound(db.status()) || Stamp().size_bytes >= 0) return db;
  return Change([](UserDatabase&) { return absl::OkStatus(); });
}

absl::StatusOr<ImportResult> UserStore::ImportSmbpasswd(std::string_view text) const {
  const SmbpasswdFile file = ParseSmbpasswd(text);
  ImportResult result;
  const auto changed = Change([&](UserDatabase& db) {
    result = {.added_count = 0, .updated_count = 0, .skipped = file.skipped};
    for (const SmbpasswdEntry& entry : file.entries) {
      if (db.FindUser(entry.name) != nullptr) {
        if (!entry.nt_hash) continue;
        CONTINUO_RETURN_IF_ERROR(db.SetPassword(entry.name, *entry.nt_hash, entry.last_change));
        ++result.updated_count;
        continue;
      }
      NewUser user;
      user.name = entry.name;
      user.is_disabled = entry.is_disabled;
      user.nt_hash = entry.nt_hash;
      user.last_change = entry.last_change;
      // pdbedit prints 4294967295 for a user that has no unix account.
      if (entry.uid != 0xFFFFFFFFu && entry.uid != 0) user.uid = entry.uid;
      if (const auto ids = FindUnixAccount(entry.name); ids && ids->uid == entry.uid) {
        user.gid = ids->gid;
      }
      const auto added = db.AddUser(user);
      if (!added.ok()) {
        result.skipped.push_back(
            absl::StrFormat("user %s: %s", entry.name, std::string(added.status().message())));
        continue;
      }
      ++result.added_count;
    }
    return absl::OkStatus();
  });
  if (!changed.ok()) return changed.status();
  return result;
}

absl::StatusOr<UserRecord> UserStore::AddUser(NewUser user, std::string_view password,
                                              absl::Time now) const {
  CONTINUO_ASSIGN_OR_RETURN(user.nt_hash, NtHashOfPassword(password));
  user.last_change = now;
  if (!user.uid) {
    if (const auto ids = FindUnixAccount(user.name)) {
      user.uid = ids->uid;
      if (!user.gid) user.gid = ids->gid;
    }
  }
  UserRecord record;
  const auto changed = Change([&](UserDatabase& db) -> absl::Status {
    CONTINUO_ASSIGN_OR_RETURN(record, db.AddUser(user));
    return absl::OkStatus();
  });
  if (!changed.ok()) return changed.status();
  return record;
}

absl::Status UserStore::SetPassword(std::string_view name, std::string_view password,
                                    absl::Time now) const {
  CONTINUO_ASSIGN_OR_RETURN(const NtHash hash, NtHashOfPassword(password));
  return Change([&](UserDatabase& db) { return db.SetPassword(name, hash, now); }).status();
}

}  // namespace continuo::userdb
