#include "services/smb-frontend/vfs/directory_stream.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/check.h"
#include "common/bytes/utf16.h"
#include "common/ntstatus/errno_status.h"
#include "services/smb-frontend/vfs/dirents.h"
#include "services/smb-frontend/vfs/name_index.h"
#include "services/smb-frontend/vfs/resolve.h"
#include "services/smb-frontend/vfs/vfs_internal.h"

namespace continuo::vfs {
namespace {

constexpr size_t kPatternMaxSizeBytes = 4 * kComponentMaxUnits;

// "." and ".." as entries of the directory itself and its parent; the share's root shows itself as
// its own parent, so that nothing outside is seen.
bool StatOfDots(const ShareRoot& root, const File& directory, bool is_parent, FileStat& out) {
  if (is_parent && !directory.path.empty()) {
    UniqueFd fd;
    const std::string_view path = SplitPath(directory.path).first;
    if (OpenBeneath(root, path, O_PATH | O_DIRECTORY, 0, fd) == 0 &&
        StatFd(root, fd.get(), out) == 0) {
      return true;
    }
  }
  return StatFd(root, directory.fd.get(), out) == 0;
}

}  // namespace

DirectoryStream::DirectoryStream(const Vfs& vfs, std::shared_ptr<const File> file, UniqueFd fd)
    : vfs_(vfs),
      file_(std::move(file)),
      fd_(std::move(fd)),
      reader_(std::make_unique<DirentReader>(fd_.get(), vfs_.root().counters())) {}

DirectoryStream::~DirectoryStream() = default;

NtResult<std::unique_ptr<DirectoryStream>> DirectoryStream::Open(const Vfs& vfs,
                                                                 std::shared_ptr<const File> file) {
  if (!file->stat.IsDirectory()) return NtStatus::kInvalidParameter;
  // A position of its own, whatever else the open's descriptor is used for.
  UniqueFd fd(::openat(file->fd.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return NtStatusFromErrno(errno);
  return std::unique_ptr<DirectoryStream>(
      new DirectoryStream(vfs, std::move(file), std::move(fd)));
}

NtStatus DirectoryStream::Restart(std::string_view pattern, EntryDetail detail) {
  if (pattern.size() > kPatternMaxSizeBytes) return NtStatus::kObjectNameInvalid;
  if (pattern.find_first_of("\\/:|") != std::string_view::npos) return NtStatus::kObjectNameInvalid;
  if (!bytes::Utf8ToUtf16(pattern)) return NtStatus::kObjectNameInvalid;
  pattern_.emplace(pattern);
  detail_ = detail;
  return Restart();
}

NtStatus DirectoryStream::Restart() {
  if (!pattern_) return NtStatus::kInvalidParameter;
  reader_->Rewind();
  dots_sent_ = 0;
  at_end_ = false;
  has_matched_ = false;
  is_current_ = false;
  status_ = NtStatus();
  return NtStatus();
}

bool DirectoryStream::LoadDots(bool is_parent) {
  current_ = {};
  current_.name = is_parent ? ".." : ".";
  current_.disk_name = current_.name;
  if (detail_ == EntryDetail::kNamesOnly) return true;
  if (!StatOfDots(vfs_.root(), *file_, is_parent, current_.stat)) return false;
  current_.attributes = kAttributeDirectory;
  current_.creation_time = current_.stat.birth_time;
  current_.file_id = current_.stat.inode;
  return true;
}

// Names first, so that what the pattern refuses costs no further call.
bool DirectoryStream::LoadEntry(std::string_view disk_name) {
  const bool is_root = file_->path.empty();
  if (is_root && disk_name == kHiddenDirectory) return false;
  const bool is_plain = CheckComponent(disk_name).ok();
  std::string shown = is_plain ? std::string(disk_name) : ShortName(disk_name);
  std::string alias = IsShortNameSyntax(shown) ? std::string() : ShortName(disk_name);
  if (!pattern_->Matches(shown) && (alias.empty() || !pattern_->Matches(alias))) return false;
  current_ = {};
  current_.name = std::move(shown);
  current_.short_name = std::move(alias);
  current_.disk_name = disk_name;
  return detail_ == EntryDetail::kNamesOnly || LoadDetail();
}

// Two calls for an entry without xattrs: what is listed is not opened.
bool DirectoryStream::LoadDetail() {
  const ShareRoot& root = vfs_.root();
  FileStat& stat = current_.stat;
  if (StatChild(root, fd_.get(), current_.disk_name, stat) != 0) return false;
  XattrTarget target{.fd = fd_.get(), .leaf = current_.disk_name.c_str()};
  UniqueFd link_target;
  if (stat.IsSymlink()) {
    // A link that leads nowhere, or out of the share, is not shown. O_PATH has no side effects on
    // what it leads to (devices, FIFOs, offline files).
    const std::string path = JoinPath(file_->path, current_.disk_name);
    if (OpenBeneath(root, path, O_PATH, 0, link_target) != 0) return false;
    if (StatFd(root, link_target.get(), stat) != 0) return false;
    target = {.fd = link_target.get(), .is_path_only = true};
  }
  File probe;
  probe.stat = stat;
  if (reports_ea_size_) {
    // The list tells whether there is anything to be read at all.
    const int error = ListXattrs(target, xattrs_);
    const bool has_attributes =
        error == 0 && std::find(xattrs_.begin(), xattrs_.end(), kDosAttributesXattr) != xattrs_.end();
    if (has_attributes) probe.stored = ReadAttributes(root, target);
    current_.ea_size_bytes = error == 0 ? EaSizeOf(target, xattrs_) : 0;
  } else {
    probe.stored = ReadAttributes(root, target);
  }
  current_.attributes = probe.Attributes();
  current_.creation_time = probe.CreationTime();
  current_.file_id = stat.inode;
  return true;
}

// A pattern without wildcards is a lookup, not a scan.
bool DirectoryStream::LoadSingleName() {
  at_end_ = true;
  const std::string& wanted = pattern_->text();
  if (wanted == "." || wanted == "..") return LoadDots(wanted == "..");
  FileStat stat;
  if (StatChild(vfs_.root(), fd_.get(), wanted, stat) == 0) return LoadEntry(wanted);
  if (!vfs_.root().options().is_case_insensitive) return false;
  int error = 0;
  const auto name = vfs_.root().name_indexes().Lookup(fd_.get(), wanted, &error);
  if (error != 0) status_ = NtStatusFromErrno(error);
  return name && LoadEntry(*name);
}

const DirectoryEntry* DirectoryStream::Peek() {
  if (is_current_) return &current_;
  if (!pattern_ || at_end_) return nullptr;
  bool found = false;
  if (!pattern_->HasWildcards() && !pattern_->MatchesAll()) {
    found = LoadSingleName();
  }
  while (!found && !at_end_) {
    if (dots_sent_ < 2) {
      const bool is_parent = dots_sent_++ == 1;
      found = pattern_->Matches(is_parent ? ".." : ".") && LoadDots(is_parent);
      continue;
    }
    Dirent entry;
    if (!reader_->Next(entry)) {
      at_end_ = true;
      if (reader_->error() != 0) status_ = NtStatusFromErrno(reader_->error());
      break;
    }
    if (entry.name == "." || entry.name == "..") continue;
    found = LoadEntry(entry.name);
  }
  if (!found) return nullptr;
  is_current_ = true;
  has_matched_ = true;
  return &current_;
}

void DirectoryStream::Advance() { is_current_ = false; }

}  // namespace continuo::vfs
