#include "services/smb-frontend/vfs/xattr.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "common/base/check.h"

namespace continuo::vfs {
namespace {

constexpr size_t kFirstReadSizeBytes = 1024;

// Linux 6.13 reads xattrs beside a directory's descriptor; Debian 12's headers do not know the calls
// yet. The numbers are the same for x86-64 and ARM.
constexpr long kGetXattrAt = 464;
constexpr long kListXattrAt = 465;
struct XattrArguments {  // struct xattr_args.
  uint64_t value = 0;
  uint32_t size = 0;
  uint32_t flags = 0;
};
static_assert(sizeof(XattrArguments) == 16);

// A seccomp filter that does not know the calls answers EPERM.
bool HasXattrAtCalls() {
  static const bool has = ::syscall(kListXattrAt, AT_FDCWD, "/", 0, nullptr, size_t{0}) >= 0 ||
                          (errno != ENOSYS && errno != EPERM);
  return has;
}

struct ProcPath {
  explicit ProcPath(XattrTarget target) {
    const bool has_leaf = target.leaf != nullptr;
    std::snprintf(text.data(), text.size(), "/proc/self/fd/%d%s%s", target.fd, has_leaf ? "/" : "",
                  has_leaf ? target.leaf : "");
  }
  const char* c_str() const { return text.data(); }
  std::array<char, 32 + NAME_MAX> text;
};

ssize_t GetOfEntry(XattrTarget target, const char* name, void* out, size_t size_bytes) {
  if (!HasXattrAtCalls()) return ::lgetxattr(ProcPath(target).c_str(), name, out, size_bytes);
  XattrArguments arguments;
  static_assert(sizeof(out) == sizeof(arguments.value));
  std::memcpy(&arguments.value, &out, sizeof(out));
  arguments.size = static_cast<uint32_t>(size_bytes);
  return ::syscall(kGetXattrAt, target.fd, target.leaf, AT_SYMLINK_NOFOLLOW, name, &arguments,
                   sizeof(arguments));
}

ssize_t Get(XattrTarget target, const char* name, void* out, size_t size_bytes) {
  if (target.leaf != nullptr) return GetOfEntry(target, name, out, size_bytes);
  if (!target.is_path_only) return ::fgetxattr(target.fd, name, out, size_bytes);
  return ::getxattr(ProcPath(target).c_str(), name, out, size_bytes);
}

ssize_t List(XattrTarget target, char* out, size_t size_bytes) {
  if (target.leaf != nullptr) {
    return HasXattrAtCalls() ? ::syscall(kListXattrAt, target.fd, target.leaf, AT_SYMLINK_NOFOLLOW,
                                         out, size_bytes)
                             : ::llistxattr(ProcPath(target).c_str(), out, size_bytes);
  }
  return target.is_path_only ? ::listxattr(ProcPath(target).c_str(), out, size_bytes)
                             : ::flistxattr(target.fd, out, size_bytes);
}

int Set(XattrTarget target, const char* name, std::span<const uint8_t> value, int flags) {
  CONTINUO_CHECK(target.leaf == nullptr);
  const int result =
      target.is_path_only
          ? ::setxattr(ProcPath(target).c_str(), name, value.data(), value.size(), flags)
          : ::fsetxattr(target.fd, name, value.data(), value.size(), flags);
  return result == 0 ? 0 : errno;
}

// A list of names that end in NUL each.
void SplitNames(std::string_view list, std::vector<std::string>& names) {
  while (!list.empty()) {
    const size_t size = list.find('\0');
    names.emplace_back(list.substr(0, size));
    if (size == std::string_view::npos) return;
    list.remove_prefix(size + 1);
  }
}

}  // namespace

int ReadXattr(XattrTarget target, const char* name, Bytes& out) {
  // One call for nearly every value; a larger one is asked for once more at its full limit.
  std::array<uint8_t, kFirstReadSizeBytes> small;
  ssize_t size_bytes = Get(target, name, small.data(), small.size());
  if (size_bytes >= 0) {
    out.assign(small.begin(), small.begin() + size_bytes);
    return 0;
  }
  if (errno != ERANGE) return errno;
  out.resize(kXattrMaxSizeBytes);
  size_bytes = Get(target, name, out.data(), out.size());
  if (size_bytes < 0) return errno;
  out.resize(static_cast<size_t>(size_bytes));
  return 0;
}

int WriteXattr(XattrTarget target, const char* name, std::span<const uint8_t> value) {
  return Set(target, name, value, 0);
}

int CreateXattr(XattrTarget target, const char* name, std::span<const uint8_t> value) {
  return Set(target, name, value, XATTR_CREATE);
}

int RemoveXattr(XattrTarget target, const char* name) {
  CONTINUO_CHECK(target.leaf == nullptr);
  const int result = target.is_path_only ? ::removexattr(ProcPath(target).c_str(), name)
                                         : ::fremovexattr(target.fd, name);
  return result == 0 ? 0 : errno;
}

int ListXattrs(XattrTarget target, std::vector<std::string>& names) {
  names.clear();
  std::array<char, kFirstReadSizeBytes> small;
  ssize_t size_bytes = List(target, small.data(), small.size());
  if (size_bytes >= 0) {
    SplitNames({small.data(), static_cast<size_t>(size_bytes)}, names);
    return 0;
  }
  if (errno != ERANGE) return errno;
  std::vector<char> large(kXattrMaxSizeBytes);  // XATTR_LIST_MAX is the same.
  size_bytes = List(target, large.data(), large.size());
  if (size_bytes < 0) return errno;
  SplitNames({large.data(), static_cast<size_t>(size_bytes)}, names);
  return 0;
}

ssize_t XattrSize(XattrTarget target, const char* name) { return Get(target, name, nullptr, 0); }

bool IsNoXattrSpace(int error) {
  return error == ENOSPC || error == E2BIG || error == ERANGE || error == EDQUOT;
}

bool IsXattrUnsupported(int error) { return error == ENOTSUP || error == ENOSYS; }

}  // namespace continuo::vfs
