// Finding, opening and creating.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include <absl/time/clock.h>

#include "common/base/check.h"
#include "common/base/fault_point.h"
#include "common/bytes/utf16.h"
#include "common/ntstatus/errno_status.h"
#include "services/smb-frontend/vfs/credentials.h"
#include "services/smb-frontend/vfs/name_index.h"
#include "services/smb-frontend/vfs/resolve.h"
#include "services/smb-frontend/vfs/vfs.h"
#include "services/smb-frontend/vfs/vfs_internal.h"

namespace continuo::vfs {
namespace {

int FlagsOf(FileAccess access) { return access == FileAccess::kReadWrite ? O_RDWR : O_RDONLY; }

struct Opened {
  UniqueFd fd;
  bool is_path_only = false;
  FileAccess access = FileAccess::kMetadata;
};

// One call for what exists and may be opened; the others are for directories that are to be
// written, for modes that veto, and for objects without data. Returns an errno.
int OpenObject(const ShareRoot& root, std::string_view path, FileAccess access, Opened& out) {
  out.access = access;
  int error = OpenBeneath(root, path, FlagsOf(access), 0, out.fd);
  if (error == EISDIR || (error == EROFS && access == FileAccess::kReadWrite)) {
    if (error == EROFS) return error;
    out.access = FileAccess::kRead;
    error = OpenBeneath(root, path, O_RDONLY, 0, out.fd);
  }
  const bool has_no_data = error == ENXIO || error == ENODEV;
  const bool is_vetoed = error == EACCES && access == FileAccess::kMetadata;
  if (has_no_data || is_vetoed) {
    out.is_path_only = true;
    out.access = FileAccess::kMetadata;
    error = OpenBeneath(root, path, O_PATH, 0, out.fd);
  }
  return error;
}

NtResult<std::shared_ptr<File>> LoadFile(const ShareRoot& root, std::string path, Opened opened) {
  auto file = std::make_shared<File>();
  file->fd = std::move(opened.fd);
  file->is_path_only = opened.is_path_only;
  file->access = opened.access;
  if (const int error = StatFd(root, file->fd.get(), file->stat); error != 0) {
    return NtStatusFromErrno(error);
  }
  if (!file->stat.IsRegular() && !file->stat.IsDirectory() && !file->is_path_only) {
    // A FIFO or device: its name and attributes can be seen, its data not.
    const int error = OpenBeneath(root, path, O_PATH, 0, file->fd);
    if (error != 0) return StatusOfResolve(error);
    file->is_path_only = true;
    file->access = FileAccess::kMetadata;
  }
  (void)KeyOfFd(root, file->fd.get(), file->stat, file->key);
  file->stored = ReadAttributes(root, TargetOf(*file));
  CONTINUO_ASSIGN_OR_RETURN(file->security, LoadSecurity(root, TargetOf(*file), file->stat,
                                                         &file->has_stored_security));
  file->path = std::move(path);
  return file;
}

NtResult<std::shared_ptr<Directory>> LoadDirectory(const ShareRoot& root, std::string path,
                                                   UniqueFd fd) {
  auto directory = std::make_shared<Directory>();
  directory->fd = std::move(fd);
  if (const int error = StatFd(root, directory->fd.get(), directory->stat); error != 0) {
    return NtStatusFromErrno(error);
  }
  (void)KeyOfFd(root, directory->fd.get(), directory->stat, directory->key);
  const XattrTarget target{.fd = directory->fd.get(), .is_path_only = true};
  CONTINUO_ASSIGN_OR_RETURN(directory->security,
                            LoadSecurity(root, target, directory->stat,
                                         &directory->has_stored_security));
  directory->path = std::move(path);
  return directory;
}

constexpr int kDirectoryFlags = O_PATH | O_DIRECTORY;

// The directory of all components but the last, in whatever case they were given. Returns an errno.
int OpenParentFolded(const ShareRoot& root, const std::vector<std::string>& components,
                     std::string& path, UniqueFd& out) {
  path.clear();
  for (size_t i = 0; i + 1 < components.size(); ++i) path = JoinPath(path, components[i]);
  int error = OpenBeneath(root, path, kDirectoryFlags, 0, out);
  if (error != ENOENT || !root.options().is_case_insensitive) return error;
  path.clear();
  error = OpenBeneath(root, path, kDirectoryFlags, 0, out);
  for (size_t i = 0; error == 0 && i + 1 < components.size(); ++i) {
    UniqueFd next;
    std::string next_path = JoinPath(path, components[i]);
    error = OpenBeneath(root, next_path, kDirectoryFlags, 0, next);
    if (error == ENOENT) {
      const auto name = root.name_indexes().Lookup(out.get(), components[i], &error);
      if (!name) return error != 0 ? error : ENOENT;
      next_path = JoinPath(path, *name);
      error = OpenBeneath(root, next_path, kDirectoryFlags, 0, next);
    }
    path = std::move(next_path);
    out = std::move(next);
  }
  return error;
}

bool IsHidden(const std::vector<std::string>& components) {
  return !components.empty() && bytes::EqualsIgnoringCase(components.front(), kHiddenDirectory);
}

}  // namespace

StoredDosAttributes ReadAttributes(const ShareRoot& root, XattrTarget target) {
  Bytes value;
  root.counters().getxattr.fetch_add(1, std::memory_order_relaxed);
  if (ReadXattr(target, kDosAttributesXattr, value) != 0) return {};
  // A damaged value costs this file its stored attributes, not its accessibility.
  return DecodeDosAttributes(value).value_or(StoredDosAttributes());
}

uint32_t File::Attributes() const {
  uint32_t attributes = 0;
  if (stored.attributes) {
    attributes = *stored.attributes & (kAttributesSettable | kAttributeSparse);
  } else if (stat.IsRegular() && (stat.mode & 0222) == 0) {
    attributes = kAttributeReadOnly;
  }
  if (stat.IsDirectory()) attributes |= kAttributeDirectory;
  return attributes == 0 ? kAttributeNormal : attributes;
}

FileTime File::CreationTime() const { return stored.creation_time.value_or(stat.birth_time); }

NtResult<Found> Vfs::Find(const ObjectName& name, FileAccess access) const {
  if (IsHidden(name.components)) return NtStatus::kAccessDenied;
  Found found;
  Opened opened;
  std::string path = name.Path();
  int error = OpenObject(*root_, path, access, opened);
  if (error == 0) {
    CONTINUO_ASSIGN_OR_RETURN(found.file, LoadFile(*root_, std::move(path), std::move(opened)));
    return found;
  }
  if (error != ENOENT || name.IsRoot()) return StatusOfResolve(error);
  std::string parent_path;
  UniqueFd parent;
  error = OpenParentFolded(*root_, name.components, parent_path, parent);
  if (error != 0) return StatusOfResolve(error);
  if (root_->options().is_case_insensitive) {
    const auto actual = root_->name_indexes().Lookup(parent.get(), name.components.back(), &error);
    if (error != 0) return NtStatusFromErrno(error);
    if (actual) {
      path = JoinPath(parent_path, *actual);
      error = OpenObject(*root_, path, access, opened);
      if (error == 0) {
        CONTINUO_ASSIGN_OR_RETURN(found.file,
                                  LoadFile(*root_, std::move(path), std::move(opened)));
        return found;
      }
      if (error != ENOENT) return StatusOfResolve(error);
    }
  } else if (parent_path != SplitPath(path).first) {
    return NtStatus::kObjectPathNotFound;
  }
  found.leaf = name.components.back();
  CONTINUO_ASSIGN_OR_RETURN(found.parent,
                            LoadDirectory(*root_, std::move(parent_path), std::move(parent)));
  if (LooksMangled(found.leaf)) {
    auto tunnelled = root_->tunnel_cache().Find(found.parent->stat, ShortName(found.leaf),
                                                absl::Now());
    if (tunnelled) found.leaf = *std::move(tunnelled);
  }
  return found;
}

NtResult<std::shared_ptr<File>> Vfs::OpenPath(std::string_view path, FileAccess access) const {
  Opened opened;
  if (const int error = OpenObject(*root_, path, access, opened); error != 0) {
    return error == ENOENT ? NtStatus::kObjectNameNotFound : StatusOfResolve(error);
  }
  return LoadFile(*root_, std::string(path), std::move(opened));
}

NtResult<std::shared_ptr<Directory>> Vfs::OpenParent(std::string_view path) const {
  UniqueFd fd;
  std::string parent(SplitPath(path).first);
  if (const int error = OpenBeneath(*root_, parent, kDirectoryFlags, 0, fd); error != 0) {
    return StatusOfResolve(error);
  }
  return LoadDirectory(*root_, std::move(parent), std::move(fd));
}

NtResult<UniqueFd> Vfs::Reopen(const File& file, FileAccess access) const {
  if (!file.stat.IsRegular() && !file.stat.IsDirectory()) return NtStatus::kAccessDenied;
  std::array<char, 32> proc{};
  std::snprintf(proc.data(), proc.size(), "/proc/self/fd/%d", file.fd.get());
  UniqueFd fd(::open(proc.data(), FlagsOf(access) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) return NtStatusFromErrno(errno);
  return fd;
}

namespace {

// Attributes, descriptor and mode of what was just made.
NtStatus Furnish(const Vfs& vfs, File& file, const CreateSpec& spec) {
  const ShareRoot& root = vfs.root();
  const uint32_t forced = file.stat.IsDirectory() ? root.options().force_directory_mode
                                                  : root.options().force_create_mode;
  if ((file.stat.mode & forced) != forced) {
    if (::fchmod(file.fd.get(), (file.stat.mode & 07777) | forced) != 0) {
      return NtStatusFromErrno(errno);
    }
    file.stat.mode |= forced;
  }
  file.stored.creation_time = file.stat.birth_time;
  file.stored.attributes = spec.attributes & kAttributesSettable;
  CONTINUO_RETURN_IF_ERROR(StoreAttributes(root, file));
  if (spec.security != nullptr) {
    const int error = StoreSecurity(root, TargetOf(file), file.stat, *spec.security);
    if (error != 0 && !IsXattrUnsupported(error)) return StatusOfXattr(error);
    if (error == 0) {
      file.security = spec.security;
      file.has_stored_security = true;
    }
  }
  if (file.security == nullptr) {
    CONTINUO_ASSIGN_OR_RETURN(file.security, LoadSecurity(root, TargetOf(file), file.stat,
                                                          &file.has_stored_security));
  }
  if (spec.allocation_bytes && *spec.allocation_bytes > 0 && file.stat.IsRegular()) {
    CONTINUO_RETURN_IF_ERROR(vfs.SetAllocation(file, *spec.allocation_bytes));
  }
  return NtStatus();
}

NtResult<std::shared_ptr<File>> FinishCreation(const Vfs& vfs, const Directory& parent,
                                               std::string_view leaf, UniqueFd fd,
                                               const CreateSpec& spec) {
  auto file = std::make_shared<File>();
  file->fd = std::move(fd);
  file->path = JoinPath(parent.path, leaf);
  if (const int error = StatFd(vfs.root(), file->fd.get(), file->stat); error != 0) {
    return NtStatusFromErrno(error);
  }
  file->access = file->stat.IsDirectory() ? FileAccess::kRead : FileAccess::kReadWrite;
  (void)KeyOfFd(vfs.root(), file->fd.get(), file->stat, file->key);
  const NtStatus furnished = Furnish(vfs, *file, spec);
  if (!furnished.ok()) {
    // Half-made objects would have weaker protection than asked for.
    (void)vfs.Remove(*file);
    return furnished;
  }
  if (spec.mark) {
    for (const ExtendedAttribute& ea : spec.eas) {
      CONTINUO_RETURN_IF_ERROR(vfs.SetEa(*file, ea.name, ea.value));
    }
    CONTINUO_RETURN_IF_ERROR(WriteCreateMark(*file, *spec.mark));
  }
  // What was stored beside the data has moved the change time: whoever asks next gets the same.
  if (const int error = StatFd(vfs.root(), file->fd.get(), file->stat); error != 0) {
    return NtStatusFromErrno(error);
  }
  CONTINUO_RETURN_IF_ERROR(SyncObject(vfs.root(), *file));
  CONTINUO_RETURN_IF_ERROR(SyncDirectory(vfs.root(), parent.fd.get()));
  return file;
}

// Furnished without a name, then named in one step. Errors: kNotSupported where the file system cannot.
NtResult<std::shared_ptr<File>> CreateMarked(const Vfs& vfs, const Directory& parent,
                                             std::string_view leaf, const CreateSpec& spec,
                                             uint32_t mode) {
  auto file = std::make_shared<File>();
  file->fd.Reset(::openat(parent.fd.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode));
  if (!file->fd.valid()) {
    const bool is_unsupported = errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT;
    return is_unsupported ? NtStatus::kNotSupported : NtStatusFromErrno(errno);
  }
  file->path = JoinPath(parent.path, leaf);
  file->access = FileAccess::kReadWrite;
  if (const int error = StatFd(vfs.root(), file->fd.get(), file->stat); error != 0) {
    return NtStatusFromErrno(error);
  }
  CONTINUO_RETURN_IF_ERROR(Furnish(vfs, *file, spec));
  for (const ExtendedAttribute& ea : spec.eas) {
    CONTINUO_RETURN_IF_ERROR(vfs.SetEa(*file, ea.name, ea.value));
  }
  CONTINUO_RETURN_IF_ERROR(WriteCreateMark(*file, *spec.mark));
  std::array<char, 32> proc{};
  std::snprintf(proc.data(), proc.size(), "/proc/self/fd/%d", file->fd.get());
  CONTINUO_FAULT_POINT("create.furnished");
  if (::linkat(AT_FDCWD, proc.data(), parent.fd.get(), std::string(leaf).c_str(),
               AT_SYMLINK_FOLLOW) != 0) {
    return errno == ENOENT ? NtStatus(NtStatus::kObjectPathNotFound) : NtStatusFromErrno(errno);
  }
  CONTINUO_FAULT_POINT("create.linked");
  if (const int error = StatFd(vfs.root(), file->fd.get(), file->stat); error != 0) {
    return NtStatusFromErrno(error);
  }
  (void)KeyOfFd(vfs.root(), file->fd.get(), file->stat, file->key);
  return file;
}

}  // namespace

NtResult<std::shared_ptr<File>> Vfs::CreateFile(const Directory& parent, std::string_view leaf,
                                                const CreateSpec& spec) const {
  CONTINUO_RETURN_IF_ERROR(CheckComponent(leaf));
  if (root_->options().is_read_only) return NtStatus::kMediaWriteProtected;
  UniqueFd fd;
  {
    OwnChange change(root_->name_indexes(), parent.fd.get());
    if (root_->options().is_case_insensitive && change.HasName(leaf)) {
      return NtStatus::kObjectNameCollision;
    }
    const uint32_t mode = root_->options().create_mode | root_->options().force_create_mode;
    if (spec.mark) {
      auto made = CreateMarked(*this, parent, leaf, spec, mode & 07777);
      if (made.status() != NtStatus::kNotSupported) {
        if (!made.ok()) return made.status();
        change.Added(leaf);
        CONTINUO_RETURN_IF_ERROR(SyncObject(*root_, **made));
        CONTINUO_RETURN_IF_ERROR(SyncDirectory(*root_, parent.fd.get()));
        return made;
      }
    }
    const int error = OpenChild(*root_, parent.fd.get(), leaf, O_RDWR | O_CREAT | O_EXCL,
                                mode & 07777, fd);
    // The directory may have gone since it was found.
    if (error == ENOENT) return NtStatus::kObjectPathNotFound;
    if (error != 0) return NtStatusFromErrno(error);
    change.Added(leaf);
  }
  return FinishCreation(*this, parent, leaf, std::move(fd), spec);
}

NtResult<std::shared_ptr<File>> Vfs::CreateDirectory(const Directory& parent,
                                                     std::string_view leaf,
                                                     const CreateSpec& spec) const {
  CONTINUO_RETURN_IF_ERROR(CheckComponent(leaf));
  if (root_->options().is_read_only) return NtStatus::kMediaWriteProtected;
  UniqueFd fd;
  {
    OwnChange change(root_->name_indexes(), parent.fd.get());
    if (root_->options().is_case_insensitive && change.HasName(leaf)) {
      return NtStatus::kObjectNameCollision;
    }
    const uint32_t mode = root_->options().directory_mode | root_->options().force_directory_mode;
    if (::mkdirat(parent.fd.get(), std::string(leaf).c_str(), mode & 07777) != 0) {
      return errno == ENOENT ? NtStatus(NtStatus::kObjectPathNotFound) : NtStatusFromErrno(errno);
    }
    change.Added(leaf);
  }
  const int error = OpenChild(*root_, parent.fd.get(), leaf, O_RDONLY | O_DIRECTORY, 0, fd);
  if (error != 0) return NtStatusFromErrno(error);
  return FinishCreation(*this, parent, leaf, std::move(fd), spec);
}

}  // namespace continuo::vfs
