#include "services/smb-frontend/vfs/overflow_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "common/base/check.h"
#include "common/crypto/random.h"
#include "common/ntstatus/errno_status.h"
#include "services/smb-frontend/vfs/credentials.h"
#include "services/smb-frontend/vfs/dirents.h"
#include "services/smb-frontend/vfs/names.h"
#include "services/smb-frontend/vfs/resolve.h"

namespace continuo::vfs {
namespace {

constexpr char kOwnerXattr[] = "user.continuo.owner";
constexpr char kStreamsDirectory[] = "streams";
constexpr size_t kIdSizeBytes = 16;
constexpr time_t kSweepMinAgeSeconds = 3600;
constexpr int kCreateRetries = 4;

bool IsId(std::string_view text) {
  if (text.size() != 2 * kIdSizeBytes) return false;
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string MakeId() {
  std::array<uint8_t, kIdSizeBytes> random{};
  crypto::SystemRandom().Fill(random);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string id;
  for (const uint8_t byte : random) {
    id += kDigits[byte >> 4];
    id += kDigits[byte & 15];
  }
  return id;
}

Bytes OwnerValue(int fd) {
  FileHandle handle;
  if (handle.Load(fd) != 0) return {};
  bytes::ByteWriter out;
  out.U32(static_cast<uint32_t>(handle.get()->handle_type));
  out.Append(std::span<const uint8_t>(handle.get()->f_handle, handle.get()->handle_bytes));
  return std::move(out).Take();
}

// Whether the owner that a store file names is gone or does not know of it.
bool IsOrphan(const ShareRoot& root, int mount_fd, int store_fd, const std::string& id) {
  Bytes value;
  if (ReadXattr({.fd = store_fd, .is_path_only = false}, kOwnerXattr, value) != 0) return true;
  bytes::ByteReader in(value);
  FileHandle handle;
  handle.get()->handle_type = static_cast<int>(in.U32());
  const auto rest = in.Span(in.remaining());
  if (!in.ok() || rest.empty() || rest.size() > MAX_HANDLE_SZ) return false;
  handle.get()->handle_bytes = static_cast<unsigned>(rest.size());
  std::memcpy(handle.get()->f_handle, rest.data(), rest.size());
  const UniqueFd owner(::open_by_handle_at(mount_fd, handle.get(), O_PATH | O_CLOEXEC));
  if (!owner.valid()) return errno == ESTALE;
  for (const std::string& known : OverflowIdsOf(root, {.fd = owner.get(), .is_path_only = true})) {
    if (known == id) return false;
  }
  return true;
}

}  // namespace

NtResult<UniqueFd> OpenOverflowDirectory(const ShareRoot& root) {
  const ScopedPrivilege privilege;
  int parent = root.fd();
  UniqueFd current;
  for (const std::string_view name : {kHiddenDirectory, std::string_view(kStreamsDirectory)}) {
    const bool is_new = ::mkdirat(parent, std::string(name).c_str(), 0700) == 0;
    if (!is_new && errno != EEXIST) return NtStatusFromErrno(errno);
    UniqueFd next;
    const int error = OpenChild(root, parent, name, O_RDONLY | O_DIRECTORY, 0, next);
    if (error != 0) return NtStatusFromErrno(error);
    // Made under a user's identity; it belongs to the server.
    if (is_new) (void)!::fchown(next.get(), ::geteuid(), ::getegid());
    current = std::move(next);
    parent = current.get();
  }
  return current;
}

NtResult<NewOverflowFile> CreateOverflowFile(const ShareRoot& root, XattrTarget owner) {
  CONTINUO_ASSIGN_OR_RETURN(const int directory, root.OverflowDirectory());
  const Bytes owner_value = OwnerValue(owner.fd);
  const ScopedPrivilege privilege;
  for (int attempt = 0; attempt < kCreateRetries; ++attempt) {
    NewOverflowFile out;
    out.id = MakeId();
    const int error =
        OpenChild(root, directory, out.id, O_RDWR | O_CREAT | O_EXCL, 0600, out.fd);
    if (error == EEXIST) continue;
    if (error != 0) return NtStatusFromErrno(error);
    const int xattr_error =
        WriteXattr({.fd = out.fd.get(), .is_path_only = false}, kOwnerXattr, owner_value);
    if (xattr_error != 0) {
      (void)::unlinkat(directory, out.id.c_str(), 0);
      return NtStatusFromErrno(xattr_error);
    }
    return out;
  }
  return NtStatus::kUnexpectedIoError;
}

NtResult<UniqueFd> OpenOverflowFile(const ShareRoot& root, std::string_view id) {
  if (!IsId(id)) return NtStatus::kDataError;
  CONTINUO_ASSIGN_OR_RETURN(const int directory, root.OverflowDirectory());
  const ScopedPrivilege privilege;
  UniqueFd fd;
  const int error = OpenChild(root, directory, id, O_RDWR, 0, fd);
  if (error == ENOENT) return NtStatus::kDataError;
  if (error != 0) return NtStatusFromErrno(error);
  return fd;
}

std::vector<std::string> OverflowIdsOf(const ShareRoot&, XattrTarget owner) {
  std::vector<std::string> names;
  std::vector<std::string> ids;
  if (ListXattrs(owner, names) != 0) return ids;
  for (const std::string& name : names) {
    if (!name.starts_with(kOverflowMarkerPrefix)) continue;
    Bytes value;
    if (ReadXattr(owner, name.c_str(), value) != 0) continue;
    std::string id(value.begin(), value.end());
    if (IsId(id)) ids.push_back(std::move(id));
  }
  return ids;
}

std::vector<std::string> OverflowIdsOfChild(const ShareRoot& root, int directory_fd,
                                            const std::string& name) {
  UniqueFd fd;
  FileStat stat;
  if (OpenChild(root, directory_fd, name, O_PATH, 0, fd) != 0) return {};
  if (StatFd(root, fd.get(), stat) != 0 || stat.link_count > 1 || stat.IsSymlink()) return {};
  return OverflowIdsOf(root, {.fd = fd.get(), .is_path_only = true});
}

void RemoveOverflowFiles(const ShareRoot& root, const std::vector<std::string>& ids) {
  if (ids.empty()) return;
  const auto directory = root.OverflowDirectory();
  if (!directory.ok()) return;
  const ScopedPrivilege privilege;
  for (const std::string& id : ids) (void)::unlinkat(*directory, id.c_str(), 0);
}

void SweepOverflowStore(const ShareRoot& root) {
  UniqueFd hidden;
  UniqueFd directory;
  if (OpenChild(root, root.fd(), kHiddenDirectory, O_RDONLY | O_DIRECTORY, 0, hidden) != 0) return;
  if (OpenChild(root, hidden.get(), kStreamsDirectory, O_RDONLY | O_DIRECTORY, 0, directory) != 0) {
    return;
  }
  DirentReader reader(directory.get(), root.counters());
  std::vector<std::string> ids;
  Dirent entry;
  while (reader.Next(entry)) {
    if (IsId(entry.name)) ids.emplace_back(entry.name);
  }
  const time_t now = ::time(nullptr);
  for (const std::string& id : ids) {
    UniqueFd store;
    struct stat stat{};
    if (OpenChild(root, directory.get(), id, O_RDONLY, 0, store) != 0) continue;
    if (::fstat(store.get(), &stat) != 0 || now - stat.st_ctime < kSweepMinAgeSeconds) continue;
    if (IsOrphan(root, hidden.get(), store.get(), id)) {
      (void)::unlinkat(directory.get(), id.c_str(), 0);
    }
  }
}

}  // namespace continuo::vfs
