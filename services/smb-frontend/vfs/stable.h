// What persistent handles need of a file system: objects found again by their key, and names and data
// on stable storage.
//
// Threading: as Vfs.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "services/smb-frontend/vfs/vfs.h"

namespace continuo::vfs {

// The object that `key` names: at `path` if it is there still, else wherever it is beneath the share.
// Never another one: the key holds the file system's identity and the inode's generation.
// Errors: kObjectNameNotFound when it is gone, or out of the share.
NtResult<std::shared_ptr<File>> OpenByKey(const Vfs& vfs, const FileKey& key, std::string_view path,
                                          FileAccess access);

// Where the object that `key` names is now, relative to the share; nothing when that is not known.
std::optional<std::string> FindPathOf(const ShareRoot& root, const FileKey& key);

// What was written to the object and its attributes.
NtStatus SyncFile(const File& file);
// The names in the directory that holds `path`.
NtStatus SyncParentOf(const Vfs& vfs, std::string_view path);

}  // namespace continuo::vfs
