#include "services/smb-frontend/vfs/stable.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>

#include "common/ntstatus/errno_status.h"
#include "services/smb-frontend/vfs/credentials.h"
#include "services/smb-frontend/vfs/resolve.h"

namespace continuo::vfs {
namespace {

constexpr size_t kPathMaxBytes = 65536;

std::optional<std::string> PathOfFd(int fd) {
  std::array<char, 32> proc{};
  std::snprintf(proc.data(), proc.size(), "/proc/self/fd/%d", fd);
  std::string path(kPathMaxBytes, '\0');
  const ssize_t size = ::readlink(proc.data(), path.data(), path.size());
  if (size < 0 || static_cast<size_t>(size) == path.size()) return std::nullopt;
  path.resize(static_cast<size_t>(size));
  return path;
}

// The kernel's handle in the key; see KeyOfFd. Returns an errno.
int OpenHandle(const ShareRoot& root, const FileKey& key, UniqueFd& out) {
  int32_t type = 0;
  const std::span<const uint8_t> id = key.id_bytes();
  if (key.fs != root.file_system() || id.size() <= sizeof(type)) return ESTALE;
  std::memcpy(&type, id.data(), sizeof(type));
  const std::span<const uint8_t> bytes = id.subspan(sizeof(type));
  FileHandle handle;
  handle.get()->handle_type = type;
  handle.get()->handle_bytes = static_cast<unsigned>(bytes.size());
  std::memcpy(handle.get()->f_handle, bytes.data(), bytes.size());
  const ScopedPrivilege privilege;
  const UniqueFd mount(::openat(root.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!mount.valid()) return errno;
  out.Reset(::open_by_handle_at(mount.get(), handle.get(), O_PATH | O_CLOEXEC));
  return out.valid() ? 0 : errno;
}

}  // namespace

// The kernel knows a name only of what is in its
// caches: a file that was renamed behind our back may not be found.
std::optional<std::string> FindPathOf(const ShareRoot& root, const FileKey& key) {
  UniqueFd fd;
  if (OpenHandle(root, key, fd) != 0) return std::nullopt;
  const std::optional<std::string> share = PathOfFd(root.fd());
  std::optional<std::string> path = PathOfFd(fd.get());
  if (!share || !path) return std::nullopt;
  if (*path == *share) return "";
  const std::string prefix = *share == "/" ? *share : *share + "/";
  if (path->compare(0, prefix.size(), prefix) != 0) return std::nullopt;
  return path->substr(prefix.size());
}

NtResult<std::shared_ptr<File>> OpenByKey(const Vfs& vfs, const FileKey& key, std::string_view path,
                                          FileAccess access) {
  auto file = vfs.OpenPath(path, access);
  if (file.ok() && (*file)->key == key) return file;
  const bool is_elsewhere = file.ok() || file.status() == NtStatus::kObjectNameNotFound ||
                            file.status() == NtStatus::kObjectPathNotFound ||
                            file.status() == NtStatus::kAccessDenied;
  if (!is_elsewhere) return file.status();
  const std::optional<std::string> now = FindPathOf(vfs.root(), key);
  if (!now) return NtStatus::kObjectNameNotFound;
  file = vfs.OpenPath(*now, access);
  if (!file.ok()) return file.status();
  if ((*file)->key != key) return NtStatus::kObjectNameNotFound;
  return file;
}

NtStatus SyncFile(const File& file) {
  if (file.is_path_only) return NtStatus();
  return ::fsync(file.fd.get()) == 0 ? NtStatus() : NtStatusFromErrno(errno);
}

NtStatus SyncParentOf(const Vfs& vfs, std::string_view path) {
  const size_t slash = path.rfind('/');
  const std::string_view parent = slash == std::string_view::npos ? "" : path.substr(0, slash);
  UniqueFd fd;
  const int error = OpenBeneath(vfs.root(), parent, O_RDONLY | O_DIRECTORY, 0, fd);
  if (error != 0) return StatusOfResolve(error);
  return ::fsync(fd.get()) == 0 ? NtStatus() : NtStatusFromErrno(errno);
}

}  // namespace continuo::vfs
