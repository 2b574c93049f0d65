#include "common/identity/identity_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include <absl/strings/str_format.h>

#include "common/base/check.h"
#include "common/rpc/unique_fd.h"

namespace continuo::identity {
namespace {

using rpc::UniqueFd;

absl::Status Failed(std::string_view what, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrFormat("%s %s", what, path));
}

absl::StatusOr<std::string> ReadAll(const std::string& path, size_t limit) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd.ok()) return Failed("open", path);
  std::string text(limit + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("read", path);
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > limit) return absl::DataLossError(path + " is too large");
  text.resize(size);
  return text;
}

// On stable storage under a name that nobody else uses; the caller gives it its place.
absl::StatusOr<std::string> WriteBeside(const std::string& path, const std::string& text) {
  std::string temporary = absl::StrFormat("%s.XXXXXX", path);
  const UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd.ok()) return Failed("create", temporary);
  const ssize_t wrote = ::write(fd.get(), text.data(), text.size());
  if (wrote != static_cast<ssize_t>(text.size()) || ::fchmod(fd.get(), 0644) != 0 ||
      ::fsync(fd.get()) != 0) {
    const absl::Status status = Failed("write", temporary);
    ::unlink(temporary.c_str());
    return status;
  }
  return temporary;
}

absl::Status SyncDirectory(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.ok() || ::fsync(fd.get()) != 0) return Failed("sync", path);
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> Lock(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.ok()) return Failed("open", path);
  while (::flock(fd.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return Failed("lock", path);
  }
  return fd;
}

absl::Status Named(const absl::Status& status, const std::string& path) {
  return absl::Status(status.code(),
                      absl::StrFormat("%s: %s", path, std::string(status.message())));
}

}  // namespace

absl::StatusOr<Identity> IdentityFile::Load() const {
  CONTINUO_ASSIGN_OR_RETURN(const std::string text, ReadAll(path(), kIdentityMaxBytes));
  absl::StatusOr<Identity> identity = Decode(text);
  if (!identity.ok()) return Named(identity.status(), path());
  return identity;
}

absl::StatusOr<Guid> IdentityFile::FormerGuid() const {
  const std::string former = directory_ + "/server-guid";
  Guid guid{};
  CONTINUO_ASSIGN_OR_RETURN(const std::string raw, ReadAll(former, guid.size()));
  if (raw.size() != guid.size()) {
    return absl::DataLossError(former + " does not hold a GUID of 16 bytes; remove it to get a new one");
  }
  std::copy(raw.begin(), raw.end(), guid.begin());
  return guid;
}

// By a name of its own and link(2): of two nodes that start at once both then read the same file.
absl::Status IdentityFile::Make(const Facts& own, base::RandomSource& random) const {
  std::error_code error;
  std::filesystem::create_directories(directory_, error);
  Identity identity;
  const absl::StatusOr<Guid> former = FormerGuid();
  if (former.ok()) {
    identity.server_guid = *former;
  } else if (absl::IsNotFound(former.status())) {
    random.Fill(identity.server_guid);
    // Version 4 of RFC 4122, in the wire's order of bytes.
    identity.server_guid[7] = static_cast<uint8_t>((identity.server_guid[7] & 0x0F) | 0x40);
    identity.server_guid[8] = static_cast<uint8_t>((identity.server_guid[8] & 0x3F) | 0x80);
  } else {
    return former.status();
  }
  identity.facts = own;
  CONTINUO_ASSIGN_OR_RETURN(const std::string temporary, WriteBeside(path(), Encode(identity)));
  const bool is_linked = ::link(temporary.c_str(), path().c_str()) == 0 || errno == EEXIST;
  const absl::Status status = is_linked ? absl::OkStatus() : Failed("link", path());
  ::unlink(temporary.c_str());
  CONTINUO_RETURN_IF_ERROR(status);
  return SyncDirectory(directory_);
}

absl::StatusOr<Identity> IdentityFile::Establish(const Facts& own, OnDifference policy,
                                                 base::RandomSource& random) const {
  const absl::Status present = Load().status();
  if (absl::IsNotFound(present)) CONTINUO_RETURN_IF_ERROR(Make(own, random));
  return Change([&](Identity& identity) -> absl::Status {
    const absl::StatusOr<Identity> reconciled = Reconcile(identity, own, policy);
    if (!reconciled.ok()) return Named(reconciled.status(), path());
    identity = *reconciled;
    return absl::OkStatus();
  });
}

absl::StatusOr<Identity> IdentityFile::Change(
    const std::function<absl::Status(Identity&)>& change) const {
  CONTINUO_ASSIGN_OR_RETURN(const UniqueFd lock, Lock(path() + ".lock"));
  CONTINUO_ASSIGN_OR_RETURN(const Identity before, Load());
  Identity now = before;
  CONTINUO_RETURN_IF_ERROR(change(now));
  if (now == before) return now;
  CONTINUO_ASSIGN_OR_RETURN(const std::string temporary, WriteBeside(path(), Encode(now)));
  if (::rename(temporary.c_str(), path().c_str()) != 0) {
    const absl::Status status = Failed("rename to", path());
    ::unlink(temporary.c_str());
    return status;
  }
  CONTINUO_RETURN_IF_ERROR(SyncDirectory(directory_));
  return now;
}

}  // namespace continuo::identity
