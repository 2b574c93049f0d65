// Helpers that the files of Vfs share. Internal to this folder.
#pragma once

#include <string>
#include <vector>

#include "common/ntstatus/ntstatus.h"
#include "services/smb-frontend/vfs/vfs.h"
#include "services/smb-frontend/vfs/xattr.h"

namespace continuo::vfs {

inline XattrTarget TargetOf(const File& file) {
  return {.fd = file.fd.get(), .is_path_only = file.is_path_only};
}

// Within the file's size. `mode` is fallocate's: FALLOC_FL_ZERO_RANGE or FALLOC_FL_PUNCH_HOLE; zeros
// are written where the file system can do neither. Returns 0 or an errno.
int ZeroFileRange(int fd, uint64_t offset, uint64_t length, int mode);

// The status of a refused xattr write: what does not fit is STATUS_DISK_FULL.
NtStatus StatusOfXattr(int error);

// Nothing where nothing (valid) is stored.
StoredDosAttributes ReadAttributes(const ShareRoot& root, XattrTarget target);
// The size that FileEaInformation reports of an object with these xattrs.
uint32_t EaSizeOf(XattrTarget target, const std::vector<std::string>& xattrs);
// Writes file.stored. A file system without xattrs keeps none, silently.
NtStatus StoreAttributes(const ShareRoot& root, const File& file);

// Where libc:force_sync asks that names are durable before they are acknowledged.
NtStatus SyncDirectory(const ShareRoot& root, int directory_fd);
NtStatus SyncObject(const ShareRoot& root, const File& file);

}  // namespace continuo::vfs
