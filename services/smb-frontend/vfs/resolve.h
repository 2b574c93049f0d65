// openat2 beneath a share's root, and other raw calls that the files of this folder share. Internal.
#pragma once

#include <fcntl.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/ntstatus/ntstatus.h"
#include "services/smb-frontend/vfs/file_key.h"
#include "services/smb-frontend/vfs/file_stat.h"
#include "services/smb-frontend/vfs/share_root.h"
#include "services/smb-frontend/vfs/unique_fd.h"
#include "services/smb-frontend/vfs/xattr.h"

namespace continuo::vfs {

// Room for the kernel's variable-sized struct file_handle.
class FileHandle {
 public:
  FileHandle() { get()->handle_bytes = MAX_HANDLE_SZ; }
  struct file_handle* get() {
    return static_cast<struct file_handle*>(static_cast<void*>(storage_.data()));
  }
  // Fills it for `fd`; an errno.
  int Load(int fd);

 private:
  alignas(struct file_handle) std::array<unsigned char, sizeof(struct file_handle) + MAX_HANDLE_SZ>
      storage_{};
};

// Times that a resolution which raced with a rename is tried again.
inline constexpr int kResolveRetries = 32;

// `path` is relative to the root; "" is the root itself. Returns an errno; EXDEV for a link or a
// mount trick that leaves the root. Never blocks on FIFOs, never follows magic links.
int OpenBeneath(const ShareRoot& root, std::string_view path, int flags, uint32_t mode,
                UniqueFd& out);
// The same relative to a directory's descriptor, for one component; the component itself is not
// followed when it is a link.
int OpenChild(const ShareRoot& root, int directory_fd, std::string_view leaf, int flags,
              uint32_t mode, UniqueFd& out);

int StatFd(const ShareRoot& root, int fd, FileStat& out);
// Of the name itself, links not followed.
int StatChild(const ShareRoot& root, int directory_fd, std::string_view leaf, FileStat& out);

int KeyOfFd(const ShareRoot& root, int fd, const FileStat& stat, FileKey& out);

// errno of a path walk to the status of CREATE: EXDEV and ELOOP are attempts to leave the share.
NtStatus StatusOfResolve(int error);

// Reads the descriptor that is stored and still stands, or derives one. Null never.
NtResult<std::shared_ptr<const security::SecurityDescriptor>> LoadSecurity(const ShareRoot& root,
                                                                           XattrTarget target,
                                                                           const FileStat& stat,
                                                                           bool* is_stored);
// Stores it as the share's options say; the errno of the refusal otherwise.
int StoreSecurity(const ShareRoot& root, XattrTarget target, const FileStat& stat,
                  const security::SecurityDescriptor& descriptor);

}  // namespace continuo::vfs
