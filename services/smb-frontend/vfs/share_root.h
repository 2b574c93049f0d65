// One share's directory: where every path walk starts and what all opens of the share have in
// common (options, file-system identity, name indexes, overflow store).
//
//   NtResult<std::shared_ptr<ShareRoot>> root = ShareRoot::Open(options);
//   Vfs vfs(*root);
//
// Owned by the share table of session/; every open file holds a reference, so that a share that is
// removed from the configuration lives until its last open is closed.
// Threading: Open runs as the process itself (root); everything else from any worker thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/ntstatus/ntstatus.h"
#include "common/security/posix_descriptor.h"
#include "services/smb-frontend/vfs/change_times.h"
#include "services/smb-frontend/vfs/dos_attributes.h"
#include "services/smb-frontend/vfs/file_key.h"
#include "services/smb-frontend/vfs/ntacl.h"
#include "services/smb-frontend/vfs/tunnel_cache.h"
#include "services/smb-frontend/vfs/unique_fd.h"

namespace continuo::vfs {

class NameIndexCache;
class SecurityCache;

enum class AclBackend { kXattr, kPosix };  // map_acls: stored descriptors, or always derived ones.

struct ShareOptions {
  std::string path;
  bool is_case_insensitive = true;
  bool has_named_streams = true;
  bool is_force_sync = false;  // libc:force_sync: namespace and metadata changes are synced, too.
  bool is_read_only = false;
  uint32_t force_create_mode = 0;
  uint32_t force_directory_mode = 0;
  uint32_t create_mode = 0744;  // Of new files, before force_create_mode; as Samba's create mask.
  uint32_t directory_mode = 0755;
  AclBackend acl_backend = AclBackend::kXattr;
  NtaclFormat ntacl_format = NtaclFormat::kV4;
  DosAttributesFormat dos_attributes_format = DosAttributesFormat::kV4;
  // Where no creation time, attributes or descriptor are stored and it cannot be (read-only or
  // xattr-less file system), derived ones are served.
  std::shared_ptr<const security::IdMapper> id_mapper;  // Null: Unix SIDs.
};

// Counts of the calls that tests and metrics look at. Threading: relaxed atomics.
struct VfsCounters {
  std::atomic<uint64_t> openat2{0};
  std::atomic<uint64_t> statx{0};
  std::atomic<uint64_t> getdents{0};
  std::atomic<uint64_t> getxattr{0};
  std::atomic<uint64_t> name_to_handle{0};
  std::atomic<uint64_t> index_builds{0};
  std::atomic<uint64_t> index_hits{0};
};

class ShareRoot {
 public:
  // Opens the directory, finds or makes the file system's identity, and sweeps orphans of the
  // overflow store.
  // Errors: kBadNetworkName when the directory cannot be opened; kNotADirectory.
  static NtResult<std::shared_ptr<ShareRoot>> Open(ShareOptions options);
  ~ShareRoot();
  ShareRoot(const ShareRoot&) = delete;
  ShareRoot& operator=(const ShareRoot&) = delete;

  const ShareOptions& options() const { return options_; }
  const security::IdMapper& ids() const { return *ids_; }
  int fd() const { return fd_.get(); }
  uint64_t device() const { return device_; }
  const FileSystemUuid& file_system() const { return file_system_; }
  // Whether file handles of this file system keep their meaning on another node and after a
  // restart: a condition for `ca` and `scale_out`.
  bool HasStableHandles() const { return has_stable_handles_; }
  uint32_t volume_serial() const;

  NameIndexCache& name_indexes() const { return *name_indexes_; }
  SecurityCache& security_cache() const { return *security_cache_; }
  ChangeTimes& change_times() const { return change_times_; }
  TunnelCache& tunnel_cache() const { return tunnel_cache_; }
  VfsCounters& counters() const { return counters_; }

  // The hidden directory of overflow streams, made on first use; its fd.
  NtResult<int> OverflowDirectory() const;

 private:
  ShareRoot() = default;
  NtStatus Initialise(ShareOptions options);

  ShareOptions options_;
  std::shared_ptr<const security::IdMapper> ids_;
  UniqueFd fd_;
  uint64_t device_ = 0;
  FileSystemUuid file_system_{};
  bool has_stable_handles_ = false;
  std::unique_ptr<NameIndexCache> name_indexes_;
  std::unique_ptr<SecurityCache> security_cache_;
  mutable std::atomic<int> overflow_fd_{-1};
  mutable VfsCounters counters_;
  mutable ChangeTimes change_times_;
  mutable TunnelCache tunnel_cache_;
};

}  // namespace continuo::vfs
