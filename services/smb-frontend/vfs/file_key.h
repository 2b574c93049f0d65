// The identity of a file that survives rename, remount and restart, the same on every node: the key
// of its FSA state.
//
// Shape:  `fs` is a UUID kept in the file system itself (never st_dev or f_fsid); `id` is the type
//         (4 bytes) and the bytes of name_to_handle_at, which include the inode's generation. A
//         handle that is longer than fsa::FileKey holds is represented by its SHA-256, cut off.
// Source: design.md 4 "Key".
#pragma once

#include <span>

#include "common/fsa/types.h"

namespace continuo::vfs {

using FileKey = fsa::FileKey;
using FileSystemUuid = decltype(fsa::FileKey::fs);

}  // namespace continuo::vfs
