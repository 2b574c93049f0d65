#include "services/smb-frontend/vfs/resolve.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "common/crypto/hash.h"
#include "common/ntstatus/errno_status.h"

namespace continuo::vfs {
namespace {

constexpr unsigned kStatMask = STATX_BASIC_STATS | STATX_BTIME;

int OpenAt2(const ShareRoot& root, int directory_fd, const char* path, const open_how& how,
            UniqueFd& out) {
  for (int attempt = 0;; ++attempt) {
    root.counters().openat2.fetch_add(1, std::memory_order_relaxed);
    const long fd = ::syscall(SYS_openat2, directory_fd, path, &how, sizeof(how));
    if (fd >= 0) {
      out.Reset(static_cast<int>(fd));
      return 0;
    }
    const bool is_race = errno == EAGAIN || errno == EINTR;
    if (!is_race || attempt == kResolveRetries) return errno;
  }
}

}  // namespace

int FileHandle::Load(int fd) {
  int mount_id = 0;
  return ::name_to_handle_at(fd, "", get(), &mount_id, AT_EMPTY_PATH) == 0 ? 0 : errno;
}

int OpenBeneath(const ShareRoot& root, std::string_view path, int flags, uint32_t mode,
                UniqueFd& out) {
  open_how how{};
  how.flags = static_cast<unsigned>(flags) | unsigned{O_CLOEXEC};
  if ((flags & O_PATH) == 0) how.flags |= O_NONBLOCK | O_NOCTTY;
  if ((flags & O_CREAT) != 0) how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const std::string text(path.empty() ? "." : path);
  return OpenAt2(root, root.fd(), text.c_str(), how, out);
}

int OpenChild(const ShareRoot& root, int directory_fd, std::string_view leaf, int flags,
              uint32_t mode, UniqueFd& out) {
  open_how how{};
  how.flags = static_cast<unsigned>(flags) | unsigned{O_CLOEXEC} | unsigned{O_NOFOLLOW};
  if ((flags & O_PATH) == 0) how.flags |= O_NONBLOCK | O_NOCTTY;
  if ((flags & O_CREAT) != 0) how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  return OpenAt2(root, directory_fd, std::string(leaf).c_str(), how, out);
}

int StatFd(const ShareRoot& root, int fd, FileStat& out) {
  struct ::statx stx;
  root.counters().statx.fetch_add(1, std::memory_order_relaxed);
  if (::statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, kStatMask, &stx) != 0) return errno;
  out = FileStatFromStatx(stx);
  root.change_times().Apply(out);
  return 0;
}

int StatChild(const ShareRoot& root, int directory_fd, std::string_view leaf, FileStat& out) {
  struct ::statx stx;
  root.counters().statx.fetch_add(1, std::memory_order_relaxed);
  if (::statx(directory_fd, std::string(leaf).c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
              kStatMask, &stx) != 0) {
    return errno;
  }
  out = FileStatFromStatx(stx);
  root.change_times().Apply(out);
  return 0;
}

int KeyOfFd(const ShareRoot& root, int fd, const FileStat& stat, FileKey& out) {
  FileHandle handle;
  root.counters().name_to_handle.fetch_add(1, std::memory_order_relaxed);
  std::array<uint8_t, 4 + MAX_HANDLE_SZ> id{};
  size_t id_size_bytes = 0;
  const auto append = [&](const void* data, size_t size_bytes) {
    std::memcpy(id.data() + id_size_bytes, data, size_bytes);
    id_size_bytes += size_bytes;
  };
  if (handle.Load(fd) == 0) {
    append(&handle.get()->handle_type, sizeof(handle.get()->handle_type));
    append(handle.get()->f_handle, handle.get()->handle_bytes);
  } else {
    // A file system without handles: unique while mounted, which HasStableHandles() denies.
    append(&stat.inode, sizeof(stat.inode));
    append(&stat.birth_time, sizeof(stat.birth_time));
  }
  // Another file system mounted below the share: told apart by its device until it has an identity
  // of its own.
  FileSystemUuid file_system = root.file_system();
  if (stat.device != root.device()) {
    for (size_t i = 0; i < 8; ++i) {
      file_system[i] ^= static_cast<uint8_t>(stat.device >> (8 * i));
    }
  }
  const std::span<const uint8_t> whole = std::span(id).first(id_size_bytes);
  if (FileKey::Make(file_system, whole, &out)) return 0;
  const auto digest = crypto::Sha256({whole});
  (void)FileKey::Make(file_system, std::span(digest).first(FileKey::kMaxIdSizeBytes), &out);
  return 0;
}

NtStatus StatusOfResolve(int error) {
  if (error == EXDEV || error == ELOOP) return NtStatus::kAccessDenied;
  if (error == ENOTDIR || error == ENOENT) return NtStatus::kObjectPathNotFound;
  return NtStatusFromErrno(error);
}

}  // namespace continuo::vfs
