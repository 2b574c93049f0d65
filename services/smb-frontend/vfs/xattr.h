// Extended attributes of the operating system, by descriptor.
//
// O_PATH descriptors have no f*xattr calls; those go through /proc/self/fd.
// Threading: stateless; blocks.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/ntstatus/ntstatus.h"

namespace continuo::vfs {

// The kernel's own limit of one value (XATTR_SIZE_MAX); file systems have lower ones.
inline constexpr size_t kXattrMaxSizeBytes = 65536;

struct XattrTarget {
  int fd = -1;
  bool is_path_only = false;
  // When set: the entry of this name in the directory `fd`, which needs no descriptor of its own; a
  // symbolic link is meant itself. Read, List and Size only.
  const char* leaf = nullptr;
};

// Each returns 0 or an errno. ENODATA: there is none; E2BIG, ENOSPC, ERANGE: it does not fit.
int ReadXattr(XattrTarget target, const char* name, Bytes& out);
int WriteXattr(XattrTarget target, const char* name, std::span<const uint8_t> value);
int CreateXattr(XattrTarget target, const char* name, std::span<const uint8_t> value);
int RemoveXattr(XattrTarget target, const char* name);
int ListXattrs(XattrTarget target, std::vector<std::string>& names);
// The size of the value without reading it; -1 and errno when there is none.
ssize_t XattrSize(XattrTarget target, const char* name);

// Whether an errno of a write means that the value does not fit beside the others.
bool IsNoXattrSpace(int error);
// Whether it means that the file system keeps no such xattrs at all.
bool IsXattrUnsupported(int error);

}  // namespace continuo::vfs
