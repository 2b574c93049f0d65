// The file system below one share, in the terms of the protocol.
//
// An existing object, from CREATE to its first byte:
//
//   NtResult<Found> found = vfs.Find(name, FileAccess::kReadWrite);   // openat2 + statx + xattrs
//   if (found->file) {                                               // it exists
//     ... CheckAccess(*found->file->security, ...), FSA open with found->file->key ...
//     if (overwrite) vfs.Truncate / vfs.ResetForOverwrite(*found->file, ...)   // only now
//   } else {
//     ... check the parent: found->parent ...
//     NtResult<std::shared_ptr<File>> made = vfs.CreateFile(*found->parent, found->leaf, spec);
//     if (made.status() == NtStatus::kObjectNameCollision) start over with Find (bounded);
//   }
//
// Nothing that Find does changes the file system: a truncation or an attribute reset happens only
// when the caller, having the FSA's grant, asks for it.
//
// Threading: every function blocks; called from worker threads under the user's identity
// (credentials.h). A Vfs is immutable and cheap to copy. A File's descriptor may be used from any
// thread; its mutable facts (path after rename) belong to whoever owns the open.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/ntstatus/ntstatus.h"
#include "common/security/security_descriptor.h"
#include "services/smb-frontend/vfs/create_mark.h"
#include "services/smb-frontend/vfs/dos_attributes.h"
#include "services/smb-frontend/vfs/file_key.h"
#include "services/smb-frontend/vfs/file_stat.h"
#include "services/smb-frontend/vfs/names.h"
#include "services/smb-frontend/vfs/share_root.h"
#include "services/smb-frontend/vfs/unique_fd.h"

namespace continuo::vfs {

enum class FileAccess {
  kMetadata,   // Attributes, descriptor, xattrs, names.
  kRead,       // And data, or directory entries.
  kReadWrite,  // And change of data.
};

// An object that exists, with everything that access check and create response need.
struct File {
  UniqueFd fd;
  // Opened with O_PATH because the mode bits veto a read (authz_require_posix) or because it is a
  // socket or the like: no data, xattrs through /proc.
  bool is_path_only = false;
  FileAccess access = FileAccess::kMetadata;
  FileKey key;
  FileStat stat;  // As of the open; Stat() refreshes.
  StoredDosAttributes stored;
  std::shared_ptr<const security::SecurityDescriptor> security;
  // False: `security` is derived from owner, mode and POSIX ACL.
  bool has_stored_security = false;
  std::string path;  // In the case that is on disk, beneath the share; "" is its root.

  // FILE_ATTRIBUTE_*: stored ones, or those that mode and type imply; never 0.
  uint32_t Attributes() const;
  FileTime CreationTime() const;
};

// A directory that a name is about to be made in or removed from.
struct Directory {
  UniqueFd fd;
  FileStat stat;
  FileKey key;
  std::string path;
  std::shared_ptr<const security::SecurityDescriptor> security;
  // False: a new child needs no stored descriptor either (CreateSpec::security null), its own is
  // derived from its owner and mode.
  bool has_stored_security = false;
};

struct Found {
  std::shared_ptr<File> file;              // Null: no such object.
  std::shared_ptr<Directory> parent;       // Set when `file` is null: where it would be made.
  std::string leaf;                        // Last component as requested (file null).
};

struct ExtendedAttribute {
  std::string name;  // As stored, without "user."; compares without case.
  Bytes value;
  uint8_t flags = 0;
};

struct CreateSpec {
  uint32_t attributes = 0;  // FILE_ATTRIBUTE_* to store; the directory bit is ignored.
  std::shared_ptr<const security::SecurityDescriptor> security;  // Null: none stored (derived).
  std::optional<uint64_t> allocation_bytes;
  // A new file is nowhere to be seen before it has everything that is asked for here, this mark and
  // these EAs included.
  std::optional<CreateMark> mark;
  std::span<const ExtendedAttribute> eas;  // With a mark only.
};

struct TimeChange {  // Absent: unchanged.
  std::optional<FileTime> creation;
  std::optional<FileTime> access;
  std::optional<FileTime> write;
  // Reported until the next change of the file; the kernel has no way to store it, and it is
  // forgotten when the process ends.
  std::optional<FileTime> change;
};

struct ByteRange {
  uint64_t offset = 0;
  uint64_t length = 0;
};

enum class ReplaceMode { kRefuseExisting, kReplaceExisting };

struct VolumeInfo {
  uint64_t total_units = 0;
  uint64_t caller_free_units = 0;
  uint64_t actual_free_units = 0;
  uint32_t sectors_per_unit = 0;
  uint32_t bytes_per_sector = 512;
  uint32_t serial = 0;
  FileTime created = 0;
  uint32_t max_component_units = 255;
  bool is_read_only = false;
};

class Vfs {
 public:
  explicit Vfs(std::shared_ptr<const ShareRoot> root) : root_(std::move(root)) {}
  const ShareRoot& root() const { return *root_; }
  const std::shared_ptr<const ShareRoot>& shared_root() const { return root_; }

  // --- opening -------------------------------------------------------------------------------

  // Walks beneath the share's root; symlinks are followed while they stay beneath it.
  // Shape:  existing object with its exact name: openat2, statx, getxattr x 2, name_to_handle_at.
  // Errors: kObjectPathNotFound when a parent is missing or not a directory; kAccessDenied for a
  //         link that leaves the share; kObjectNameNotFound never (see Found).
  NtResult<Found> Find(const ObjectName& name, FileAccess access) const;
  // The same for a path that Find, a rename or a directory listing gave.
  NtResult<std::shared_ptr<File>> OpenPath(std::string_view path, FileAccess access) const;
  // The directory that holds `path` now.
  NtResult<std::shared_ptr<Directory>> OpenParent(std::string_view path) const;
  // A second descriptor of the same object with more access (same inode, no path walk).
  NtResult<UniqueFd> Reopen(const File& file, FileAccess access) const;

  // Creates exclusively. Errors: kObjectNameCollision when the name appeared meanwhile, also in
  // other case: Find again.
  NtResult<std::shared_ptr<File>> CreateFile(const Directory& parent, std::string_view leaf,
                                             const CreateSpec& spec) const;
  NtResult<std::shared_ptr<File>> CreateDirectory(const Directory& parent, std::string_view leaf,
                                                  const CreateSpec& spec) const;

  // --- an open object -------------------------------------------------------------------------

  NtResult<FileStat> Stat(const File& file) const;
  // Stat, and user.DOSATTRIB again: for query-info.
  NtStatus Refresh(File& file) const;
  // What FILE_OVERWRITE and FILE_SUPERSEDE do to an existing file: size 0, attributes, EAs and
  // streams removed as the disposition says ([MS-FSA] 2.1.5.1.2.3).
  NtStatus ResetForOverwrite(File& file, const CreateSpec& spec) const;
  NtStatus SetAttributes(File& file, uint32_t attributes) const;
  NtStatus SetTimes(File& file, const TimeChange& change) const;
  NtStatus SetSize(File& file, uint64_t size_bytes) const;
  // Reserves blocks without changing the size, or cuts what lies beyond: FileAllocationInformation.
  NtStatus SetAllocation(File& file, uint64_t allocation_bytes) const;
  NtStatus SetSparse(File& file, bool is_sparse) const;
  NtStatus ZeroRange(File& file, ByteRange range) const;
  // At most `limit` ranges; kBufferOverflow semantics are the caller's (it sees limit reached).
  NtResult<std::vector<ByteRange>> AllocatedRanges(const File& file, ByteRange range,
                                                   size_t limit) const;
  // Returns the bytes copied; 0 at the source's end.
  NtResult<uint64_t> CopyRange(const File& source, uint64_t source_offset, const File& target,
                               uint64_t target_offset, uint64_t length) const;
  NtResult<size_t> Read(const File& file, uint64_t offset, std::span<uint8_t> out) const;
  NtResult<size_t> Write(const File& file, uint64_t offset, std::span<const uint8_t> data) const;
  // At the end of the file, wherever that is by then. All or an error.
  NtStatus Append(const File& file, std::span<const uint8_t> data) const;
  NtStatus Flush(const File& file) const;

  // --- names ------------------------------------------------------------------------------------

  // Moves the object that `file` is (identity is checked at the old name) to `new_leaf` in
  // `target`. A change of case alone works. Updates file.path.
  // Errors: kObjectNameCollision (kRefuseExisting, or the target is a directory); kAccessDenied
  //         when a directory is in the way; kObjectNameNotFound when the old name no longer
  //         refers to it.
  NtStatus Rename(File& file, const Directory& target, std::string_view new_leaf,
                  ReplaceMode mode) const;
  NtStatus Link(const File& file, const Directory& target, std::string_view new_leaf,
                ReplaceMode mode) const;
  // Removes the name `file.path` if it still refers to `file`, with all streams.
  // Errors: kDirectoryNotEmpty; kObjectNameNotFound.
  NtStatus Remove(const File& file) const;
  // Whether a directory has entries that a client could see.
  NtResult<bool> IsEmptyDirectory(const File& file) const;
  // The existing name that `leaf` denotes in the directory (case-insensitive, short names), or
  // nullopt.
  NtResult<std::optional<std::string>> LookupName(const Directory& directory,
                                                  std::string_view leaf) const;

  // --- security ------------------------------------------------------------------------------------

  NtResult<std::shared_ptr<const security::SecurityDescriptor>> GetSecurity(const File& file) const;
  // Stores the whole descriptor (MergeSecurity's result). Changes the Unix owner and group, too,
  // where they map. Errors: kDiskFull-like when it does not fit the file system's xattrs; the old
  // one then stays.
  NtStatus SetSecurity(File& file,
                       std::shared_ptr<const security::SecurityDescriptor> descriptor) const;

  // --- extended attributes -----------------------------------------------------------------------

  NtResult<std::vector<ExtendedAttribute>> ListEas(const File& file) const;
  // Size that FileEaInformation reports; 0 when there is none.
  NtResult<uint32_t> EaSizeBytes(const File& file) const;
  // An empty value removes it.
  NtStatus SetEa(File& file, std::string_view name, std::span<const uint8_t> value) const;

  // --- the volume ----------------------------------------------------------------------------------

  NtResult<VolumeInfo> GetVolumeInfo() const;

 private:
  std::shared_ptr<const ShareRoot> root_;
};

}  // namespace continuo::vfs
