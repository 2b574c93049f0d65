#include "services/smb-frontend/vfs/share_root.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "common/crypto/hash.h"
#include "common/crypto/random.h"
#include "services/smb-frontend/vfs/credentials.h"
#include "services/smb-frontend/vfs/name_index.h"
#include "services/smb-frontend/vfs/names.h"
#include "services/smb-frontend/vfs/overflow_store.h"
#include "services/smb-frontend/vfs/resolve.h"
#include "services/smb-frontend/vfs/security_cache.h"

namespace continuo::vfs {
namespace {

constexpr char kFileSystemXattr[] = "trusted.continuo.fsid";
// For servers that run unprivileged.
constexpr char kFileSystemXattrOfUser[] = "user.continuo.fsid";
constexpr int kAncestorsMax = 4096;

// statfs types of file systems whose handles are known to stay: ext2/3/4, XFS, Btrfs, F2FS.
constexpr std::array<uint32_t, 4> kStableTypes = {0xEF53, 0x58465342, 0x9123683E, 0xF2F52010};

// The topmost directory of the same file system that is visible here: all shares of one file system
// find the same one, and with it one identity.
int OpenTopOfFileSystem(int fd, UniqueFd& out) {
  struct stat here{};
  if (::fstat(fd, &here) != 0) return errno;
  out.Reset(::openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!out.valid()) return errno;
  for (int i = 0; i < kAncestorsMax; ++i) {
    UniqueFd parent(::openat(out.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct stat above{};
    if (!parent.valid() || ::fstat(parent.get(), &above) != 0) break;
    if (above.st_dev != here.st_dev) break;
    struct stat current{};
    if (::fstat(out.get(), &current) != 0) return errno;
    if (above.st_ino == current.st_ino) break;
    out = std::move(parent);
  }
  return 0;
}

bool ReadUuid(int fd, const char* name, FileSystemUuid& out) {
  Bytes value;
  if (ReadXattr({.fd = fd, .is_path_only = false}, name, value) != 0) return false;
  if (value.size() != out.size()) return false;
  std::copy(value.begin(), value.end(), out.begin());
  return true;
}

// Reads or makes the identity. Two servers that start at once agree: only one creation succeeds.
bool AgreeOnUuid(int fd, const char* name, FileSystemUuid& out) {
  if (ReadUuid(fd, name, out)) return true;
  crypto::SystemRandom random;
  random.Fill(out);
  if (CreateXattr({.fd = fd, .is_path_only = false}, name, out) == 0) {
    return ::fsync(fd) == 0;
  }
  return ReadUuid(fd, name, out);
}

}  // namespace

ShareRoot::~ShareRoot() {
  const int fd = overflow_fd_.load();
  if (fd >= 0) ::close(fd);
}

NtResult<std::shared_ptr<ShareRoot>> ShareRoot::Open(ShareOptions options) {
  std::shared_ptr<ShareRoot> root(new ShareRoot());
  CONTINUO_RETURN_IF_ERROR(root->Initialise(std::move(options)));
  return root;
}

NtStatus ShareRoot::Initialise(ShareOptions options) {
  options_ = std::move(options);
  ids_ = options_.id_mapper != nullptr ? options_.id_mapper
                                       : std::make_shared<const security::IdMapper>();
  name_indexes_ = std::make_unique<NameIndexCache>(counters_);
  security_cache_ = std::make_unique<SecurityCache>();
  fd_.Reset(::open(options_.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd_.valid()) {
    return errno == ENOTDIR ? NtStatus::kNotADirectory : NtStatus::kBadNetworkName;
  }
  FileStat stat;
  if (StatFd(*this, fd_.get(), stat) != 0) return NtStatus::kBadNetworkName;
  device_ = stat.device;
  struct statfs info{};
  if (::fstatfs(fd_.get(), &info) != 0) return NtStatus::kBadNetworkName;
  UniqueFd top;
  const ScopedPrivilege privilege;
  const bool has_uuid = OpenTopOfFileSystem(fd_.get(), top) == 0 &&
                        (AgreeOnUuid(top.get(), kFileSystemXattr, file_system_) ||
                         AgreeOnUuid(top.get(), kFileSystemXattrOfUser, file_system_));
  const bool is_stable_type = std::find(kStableTypes.begin(), kStableTypes.end(),
                                        static_cast<uint32_t>(info.f_type)) != kStableTypes.end();
  has_stable_handles_ = has_uuid && is_stable_type;
  if (!has_uuid) {  // Read-only or without xattrs: an identity for this mount.
    const uint64_t device = device_;
    std::array<uint8_t, sizeof(device)> bytes{};
    std::memcpy(bytes.data(), &device, sizeof(device));
    const auto digest = crypto::Sha256({bytes});
    std::copy(digest.begin(), digest.begin() + 16, file_system_.begin());
  }
  SweepOverflowStore(*this);
  return NtStatus();
}

uint32_t ShareRoot::volume_serial() const {
  uint32_t serial = 0;
  for (size_t i = 0; i < 4; ++i) serial = (serial << 8) | file_system_[i];
  return serial;
}

NtResult<int> ShareRoot::OverflowDirectory() const {
  const int known = overflow_fd_.load(std::memory_order_acquire);
  if (known >= 0) return known;
  CONTINUO_ASSIGN_OR_RETURN(UniqueFd opened, OpenOverflowDirectory(*this));
  int expected = -1;
  if (!overflow_fd_.compare_exchange_strong(expected, opened.get())) return expected;
  return opened.Release();
}

}  // namespace continuo::vfs
