#include "common/rpc/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include <absl/strings/str_format.h>

#include "common/base/check.h"
#include "common/rpc/server.h"

namespace continuo::rpc {

namespace {

constexpr size_t kGroupBufferBytes = 64 * 1024;

absl::Status ErrnoStatus(const std::string& what) {
  const int error = errno;
  return absl::ErrnoToStatus(error, what);
}

struct GroupEntry {
  gid_t gid = 0;
  std::vector<std::string> members;
};

std::optional<GroupEntry> FindGroup(const std::string& name) {
  std::vector<char> buffer(kGroupBufferBytes);
  group storage{};
  group* found = nullptr;
  if (getgrnam_r(name.c_str(), &storage, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr) {
    return std::nullopt;
  }
  GroupEntry entry{found->gr_gid, {}};
  for (char** member = found->gr_mem; *member != nullptr; ++member) entry.members.push_back(*member);
  return entry;
}

// Makes the directory with the administrators' group; one that is there stays as it is.
absl::Status MakeRunDir(const std::string& run_dir, const std::optional<GroupEntry>& admins) {
  if (mkdir(run_dir.c_str(), 0750) == 0) {
    if (chmod(run_dir.c_str(), 0750) != 0) return ErrnoStatus("set mode of " + run_dir);
    // Without the right to give it away the directory is the owner's alone, which is stricter.
    if (admins && chown(run_dir.c_str(), static_cast<uid_t>(-1), admins->gid) != 0) errno = 0;
    return absl::OkStatus();
  }
  if (errno == EEXIST) return absl::OkStatus();
  return ErrnoStatus("make directory " + run_dir);
}

absl::StatusOr<UniqueFd> TakeLock(const std::string& path) {
  UniqueFd lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock.ok()) return ErrnoStatus("open lock file " + path);
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return ErrnoStatus("lock " + path);
    return absl::AlreadyExistsError(
        absl::StrFormat("%s is locked: the daemon is running already", path));
  }
  return lock;
}

absl::StatusOr<UniqueFd> Bind(const std::string& path, const std::optional<GroupEntry>& admins) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  CONTINUO_CHECK(path.size() <= kUnixPathMaxBytes);
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener.ok()) return ErrnoStatus("make a socket for " + path);
  // Only the holder of the lock gets here, so whatever lies there is stale.
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return ErrnoStatus("remove stale " + path);
  if (bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return ErrnoStatus("bind " + path);
  }
  // Nobody can connect before listen(): mode and group are in place by then.
  if (chmod(path.c_str(), 0660) != 0) return ErrnoStatus("set mode of " + path);
  if (admins && chown(path.c_str(), static_cast<uid_t>(-1), admins->gid) != 0) errno = 0;
  if (listen(listener.get(), kListenBacklog) != 0) return ErrnoStatus("listen on " + path);
  return listener;
}

}  // namespace

absl::StatusOr<std::unique_ptr<UnixListener>> UnixListener::Open(const std::string& run_dir,
                                                                 const std::string& daemon_name,
                                                                 const std::string& admin_group) {
  const std::string socket_path = SocketPath(run_dir, daemon_name);
  if (socket_path.size() > kUnixPathMaxBytes) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "socket path %s has %d bytes, a Unix socket takes at most %d: use a shorter --run-dir",
        socket_path, socket_path.size(), kUnixPathMaxBytes));
  }
  const std::optional<GroupEntry> admins = FindGroup(admin_group);
  CONTINUO_RETURN_IF_ERROR(MakeRunDir(run_dir, admins));
  std::unique_ptr<UnixListener> listener(new UnixListener);
  CONTINUO_ASSIGN_OR_RETURN(listener->lock_, TakeLock(run_dir + "/" + daemon_name + ".lock"));
  CONTINUO_ASSIGN_OR_RETURN(listener->socket_, Bind(socket_path, admins));
  listener->socket_path_ = socket_path;
  return listener;
}

UnixListener::~UnixListener() {
  if (!socket_path_.empty()) unlink(socket_path_.c_str());
}

absl::StatusOr<UnixListener::Accepted> UnixListener::Accept() {
  Accepted accepted;
  accepted.fd.Reset(accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!accepted.fd.ok()) {
    const bool is_exhausted = errno == EMFILE || errno == ENFILE || errno == ENOMEM;
    const int error = errno;
    const std::string text = absl::StrFormat("accept on %s: %s", socket_path_, strerror(error));
    return is_exhausted ? absl::ResourceExhaustedError(text) : absl::UnavailableError(text);
  }
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (getsockopt(accepted.fd.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return absl::UnavailableError("a peer without credentials");
  }
  accepted.peer = {credentials.uid, credentials.gid, credentials.pid};
  return accepted;
}

bool IsGroupMember(const PeerCredentials& peer, const std::string& group_name) {
  const std::optional<GroupEntry> group = FindGroup(group_name);
  if (!group) return false;
  if (peer.gid == group->gid) return true;
  std::vector<char> buffer(kGroupBufferBytes);
  passwd storage{};
  passwd* user = nullptr;
  if (getpwuid_r(peer.uid, &storage, buffer.data(), buffer.size(), &user) != 0 ||
      user == nullptr) {
    return false;
  }
  return std::find(group->members.begin(), group->members.end(), user->pw_name) !=
         group->members.end();
}

}  // namespace continuo::rpc
