// Renaming, linking and removing.
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>

#include "common/base/check.h"
#include "common/ntstatus/errno_status.h"
#include "services/smb-frontend/vfs/dirents.h"
#include "services/smb-frontend/vfs/name_index.h"
#include "services/smb-frontend/vfs/overflow_store.h"
#include "services/smb-frontend/vfs/resolve.h"
#include "services/smb-frontend/vfs/vfs.h"
#include "services/smb-frontend/vfs/vfs_internal.h"

namespace continuo::vfs {
namespace {

struct Place {
  UniqueFd directory;
  std::string leaf;
};

// The directory entry that `file` was opened by, checked to be still its own. A link in the share
// is looked at through: the name is the link's, the identity its target's.
NtStatus OpenPlace(const ShareRoot& root, const File& file, Place& out) {
  if (file.path.empty()) return NtStatus::kAccessDenied;  // The share's root has no name.
  const auto [parent, leaf] = SplitPath(file.path);
  out.leaf = leaf;
  int error = OpenBeneath(root, parent, O_PATH | O_DIRECTORY, 0, out.directory);
  if (error != 0) return NtStatus::kObjectNameNotFound;
  FileStat found;
  error = StatChild(root, out.directory.get(), leaf, found);
  if (error == 0 && found.IsSymlink()) {
    UniqueFd target;
    error = OpenBeneath(root, file.path, O_PATH, 0, target);
    if (error == 0) error = StatFd(root, target.get(), found);
  }
  if (error != 0) return NtStatus::kObjectNameNotFound;
  return found.IsSameFileAs(file.stat) ? NtStatus() : NtStatus(NtStatus::kObjectNameNotFound);
}

bool IsSamePlace(const ShareRoot& root, const Place& place, const Directory& directory,
                 std::string_view leaf) {
  FileStat stat;
  return place.leaf == leaf && StatFd(root, place.directory.get(), stat) == 0 &&
         stat.IsSameFileAs(directory.stat);
}

struct Obstacle {
  bool exists = false;
  bool is_self = false;  // The name that is being renamed, perhaps in another case.
  std::string name;
  FileStat stat;
};

NtResult<Obstacle> FindObstacle(const Vfs& vfs, const Place& place, const Directory& target,
                                std::string_view leaf) {
  Obstacle out;
  CONTINUO_ASSIGN_OR_RETURN(const auto name, vfs.LookupName(target, leaf));
  if (!name) return out;
  if (StatChild(vfs.root(), target.fd.get(), *name, out.stat) != 0) return out;
  out.exists = true;
  out.name = *name;
  out.is_self = IsSamePlace(vfs.root(), place, target, *name);
  return out;
}

int RenameAt(int from_fd, const std::string& from, int to_fd, const std::string& to,
             unsigned flags) {
  return ::renameat2(from_fd, from.c_str(), to_fd, to.c_str(), flags) == 0 ? 0 : errno;
}

// A new name for `place` that takes the one of `replaced` over, in one step: whatever fails or dies
// on the way, the replaced file keeps its name or the new one has it. Returns 0 or an errno.
int LinkOver(const Place& place, int target_fd, const std::string& replaced,
             const std::string& leaf) {
  const std::string temporary =
      absl::StrCat(".continuo-link-", ::gettid(), "-", absl::ToUnixNanos(absl::Now()));
  if (::linkat(place.directory.get(), place.leaf.c_str(), target_fd, temporary.c_str(), 0) != 0) {
    return errno;
  }
  int error = RenameAt(target_fd, temporary, target_fd, replaced, 0);
  // Renaming does nothing where both are names of one file already.
  (void)::unlinkat(target_fd, temporary.c_str(), 0);
  if (error == 0 && replaced != leaf) {
    error = RenameAt(target_fd, replaced, target_fd, leaf, RENAME_NOREPLACE);
  }
  return error;
}

NtStatus CheckReplaceable(const Obstacle& obstacle, ReplaceMode mode) {
  if (!obstacle.exists || obstacle.is_self) return NtStatus();
  if (mode == ReplaceMode::kRefuseExisting) return NtStatus::kObjectNameCollision;
  // [MS-FSA] 2.1.5.15.12: a directory is never replaced.
  if (obstacle.stat.IsDirectory()) return NtStatus::kAccessDenied;
  return NtStatus();
}

}  // namespace

NtResult<std::optional<std::string>> Vfs::LookupName(const Directory& directory,
                                                     std::string_view leaf) const {
  FileStat stat;
  const int error = StatChild(*root_, directory.fd.get(), leaf, stat);
  if (error == 0) return std::optional<std::string>(leaf);
  if (error != ENOENT) return NtStatusFromErrno(error);
  if (!root_->options().is_case_insensitive) return std::optional<std::string>();
  int lookup_error = 0;
  auto name = root_->name_indexes().Lookup(directory.fd.get(), leaf, &lookup_error);
  if (lookup_error != 0) return NtStatusFromErrno(lookup_error);
  return name;
}

NtStatus Vfs::Rename(File& file, const Directory& target, std::string_view new_leaf,
                     ReplaceMode mode) const {
  CONTINUO_RETURN_IF_ERROR(CheckComponent(new_leaf));
  if (target.path.empty() && new_leaf == kHiddenDirectory) return NtStatus::kAccessDenied;
  Place place;
  CONTINUO_RETURN_IF_ERROR(OpenPlace(*root_, file, place));
  CONTINUO_ASSIGN_OR_RETURN(const Obstacle obstacle, FindObstacle(*this, place, target, new_leaf));
  CONTINUO_RETURN_IF_ERROR(CheckReplaceable(obstacle, mode));
  std::string leaf(new_leaf);
  if (obstacle.is_self && obstacle.name == leaf) return NtStatus();
  std::vector<std::string> replaced_streams;
  if (obstacle.exists && !obstacle.is_self) {
    replaced_streams = OverflowIdsOfChild(*root_, target.fd.get(), obstacle.name);
    if (obstacle.name != leaf) {
      // The name in the way differs in case: take its place first, then get the wanted case.
      const int error = RenameAt(place.directory.get(), place.leaf, target.fd.get(),
                                 obstacle.name, 0);
      if (error != 0) return NtStatusFromErrno(error);
    }
  }
  const bool was_moved = obstacle.exists && !obstacle.is_self && obstacle.name != leaf;
  const int from_fd = was_moved ? target.fd.get() : place.directory.get();
  const std::string& from = was_moved ? obstacle.name : place.leaf;
  const bool may_replace = obstacle.exists && !obstacle.is_self && !was_moved;
  {
    OwnChange source_change(root_->name_indexes(), from_fd);
    FileStat from_stat;
    const bool is_one_directory =
        StatFd(*root_, from_fd, from_stat) == 0 && from_stat.IsSameFileAs(target.stat);
    const int error = RenameAt(from_fd, from, target.fd.get(), leaf,
                               may_replace ? 0 : RENAME_NOREPLACE);
    if (error == EEXIST) return NtStatus::kObjectNameCollision;
    // A directory cannot move below itself.
    if (error == EINVAL) return NtStatus::kInvalidParameter;
    if (error == ENOTEMPTY || error == EISDIR || error == ENOTDIR) return NtStatus::kAccessDenied;
    if (error != 0) return NtStatusFromErrno(error);
    source_change.Removed(from);
    if (is_one_directory && !may_replace) source_change.Added(leaf);
  }
  RemoveOverflowFiles(*root_, replaced_streams);
  file.path = JoinPath(target.path, leaf);
  CONTINUO_RETURN_IF_ERROR(SyncDirectory(*root_, place.directory.get()));
  return SyncDirectory(*root_, target.fd.get());
}

NtStatus Vfs::Link(const File& file, const Directory& target, std::string_view new_leaf,
                   ReplaceMode mode) const {
  CONTINUO_RETURN_IF_ERROR(CheckComponent(new_leaf));
  if (file.stat.IsDirectory()) return NtStatus::kFileIsADirectory;
  Place place;
  CONTINUO_RETURN_IF_ERROR(OpenPlace(*root_, file, place));
  CONTINUO_ASSIGN_OR_RETURN(const Obstacle obstacle, FindObstacle(*this, place, target, new_leaf));
  CONTINUO_RETURN_IF_ERROR(CheckReplaceable(obstacle, mode));
  if (obstacle.is_self) return NtStatus();
  OwnChange change(root_->name_indexes(), target.fd.get());
  const std::string leaf(new_leaf);
  if (obstacle.exists) {
    const std::vector<std::string> streams =
        OverflowIdsOfChild(*root_, target.fd.get(), obstacle.name);
    const int error = LinkOver(place, target.fd.get(), obstacle.name, leaf);
    if (error != 0) return NtStatusFromErrno(error);
    change.Removed(obstacle.name);
    RemoveOverflowFiles(*root_, streams);
  } else if (::linkat(place.directory.get(), place.leaf.c_str(), target.fd.get(), leaf.c_str(),
                      0) != 0) {
    return NtStatusFromErrno(errno);
  }
  change.Added(leaf);
  return SyncDirectory(*root_, target.fd.get());
}

NtStatus Vfs::Remove(const File& file) const {
  Place place;
  CONTINUO_RETURN_IF_ERROR(OpenPlace(*root_, file, place));
  FileStat stat;
  const bool is_last_name = StatFd(*root_, file.fd.get(), stat) == 0 && stat.link_count <= 1;
  std::vector<std::string> streams;
  if (is_last_name || stat.IsDirectory()) streams = OverflowIdsOf(*root_, TargetOf(file));
  FileStat name_stat;
  if (StatChild(*root_, place.directory.get(), place.leaf, name_stat) != 0) {
    return NtStatus::kObjectNameNotFound;
  }
  {
    OwnChange change(root_->name_indexes(), place.directory.get());
    const int flags = name_stat.IsDirectory() ? AT_REMOVEDIR : 0;
    if (::unlinkat(place.directory.get(), place.leaf.c_str(), flags) != 0) {
      return NtStatusFromErrno(errno);
    }
    change.Removed(place.leaf);
  }
  if (FileStat parent; !IsShortNameSyntax(place.leaf) &&
                       StatFd(*root_, place.directory.get(), parent) == 0) {
    root_->tunnel_cache().Add(parent, ShortName(place.leaf), place.leaf, absl::Now());
  }
  RemoveOverflowFiles(*root_, streams);
  return SyncDirectory(*root_, place.directory.get());
}

NtResult<bool> Vfs::IsEmptyDirectory(const File& file) const {
  const UniqueFd fd(::openat(file.fd.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return NtStatusFromErrno(errno);
  DirentReader reader(fd.get(), root_->counters());
  Dirent entry;
  while (reader.Next(entry)) {
    if (entry.name != "." && entry.name != "..") return false;
  }
  if (reader.error() != 0) return NtStatusFromErrno(reader.error());
  return true;
}

}  // namespace continuo::vfs
