// Descriptors in security.NTACL and what stands in their place.
#include <cerrno>

#include "common/base/check.h"
#include "common/ntstatus/errno_status.h"
#include "services/smb-frontend/vfs/credentials.h"
#include "services/smb-frontend/vfs/resolve.h"
#include "services/smb-frontend/vfs/security_cache.h"

namespace continuo::vfs {
namespace {

constexpr char kPosixAccessXattr[] = "system.posix_acl_access";
constexpr char kPosixDefaultXattr[] = "system.posix_acl_default";

std::vector<security::PosixAclEntry> ReadPosixAcl(const ShareRoot& root, XattrTarget target,
                                                  const char* name) {
  Bytes value;
  root.counters().getxattr.fetch_add(1, std::memory_order_relaxed);
  if (ReadXattr(target, name, value) != 0) return {};
  return security::DecodePosixAcl(value);
}

PosixPermissions ReadPermissions(const ShareRoot& root, XattrTarget target, const FileStat& stat) {
  PosixPermissions out{.mode = stat.mode, .uid = stat.uid, .gid = stat.gid, .access = {},
                       .default_entries = {}};
  out.access = ReadPosixAcl(root, target, kPosixAccessXattr);
  if (stat.IsDirectory()) out.default_entries = ReadPosixAcl(root, target, kPosixDefaultXattr);
  return out;
}

std::shared_ptr<const security::SecurityDescriptor> Derive(const ShareRoot& root,
                                                           const PosixPermissions& permissions) {
  return std::make_shared<security::SecurityDescriptor>(security::DescriptorFromPosix(
      {.uid = permissions.uid, .gid = permissions.gid, .mode = permissions.mode,
       .acl = permissions.access},
      root.ids()));
}

}  // namespace

NtResult<std::shared_ptr<const SecurityCache::Entry>> SecurityCache::Get(
    std::span<const uint8_t> xattr) {
  std::string key(xattr.begin(), xattr.end());
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = entries_.find(key); it != entries_.end()) return it->second;
  }
  auto entry = std::make_shared<Entry>();
  CONTINUO_ASSIGN_OR_RETURN(entry->stored, DecodeNtacl(xattr));
  entry->descriptor =
      std::make_shared<security::SecurityDescriptor>(std::move(entry->stored.descriptor));
  const std::lock_guard lock(mutex_);
  // Starting over is cheaper than keeping an order for a cache that rarely fills.
  if (entries_.size() >= kSecurityCacheMaxEntries) entries_.clear();
  entries_.emplace(std::move(key), entry);
  return std::shared_ptr<const Entry>(std::move(entry));
}

NtResult<std::shared_ptr<const security::SecurityDescriptor>> LoadSecurity(const ShareRoot& root,
                                                                           XattrTarget target,
                                                                           const FileStat& stat,
                                                                           bool* is_stored) {
  *is_stored = false;
  if (root.options().acl_backend == AclBackend::kXattr) {
    Bytes value;
    root.counters().getxattr.fetch_add(1, std::memory_order_relaxed);
    const int error = ReadXattr(target, kNtaclXattr, value);
    if (error == 0) {
      CONTINUO_ASSIGN_OR_RETURN(const auto entry, root.security_cache().Get(value));
      // A version 4 descriptor whose POSIX part changed since (a chmod on the server) has been
      // overruled, as in Samba. The other versions' hashes are over a descriptor that only Samba
      // computes: those are taken as they are.
      if (!entry->stored.posix_hash) {
        *is_stored = true;
        return entry->descriptor;
      }
      const PosixPermissions permissions = ReadPermissions(root, target, stat);
      if (PosixPermissionsHash(permissions) == *entry->stored.posix_hash) {
        *is_stored = true;
        return entry->descriptor;
      }
      return Derive(root, permissions);
    }
    if (error != ENODATA && !IsXattrUnsupported(error)) return NtStatusFromErrno(error);
  }
  PosixPermissions permissions{.mode = stat.mode, .uid = stat.uid, .gid = stat.gid, .access = {},
                               .default_entries = {}};
  permissions.access = ReadPosixAcl(root, target, kPosixAccessXattr);
  return Derive(root, permissions);
}

int StoreSecurity(const ShareRoot& root, XattrTarget target, const FileStat& stat,
                  const security::SecurityDescriptor& descriptor) {
  if (root.options().acl_backend == AclBackend::kPosix) return ENOTSUP;
  StoredNtacl stored;
  stored.descriptor = descriptor;
  if (root.options().ntacl_format == NtaclFormat::kV4) {
    stored.posix_hash = PosixPermissionsHash(ReadPermissions(root, target, stat));
    stored.description = "posix_acl";
    stored.stored_at = stat.change_time;
  }
  const Bytes value = EncodeNtacl(stored, root.options().ntacl_format);
  const ScopedPrivilege privilege;
  return WriteXattr(target, kNtaclXattr, value);
}

}  // namespace continuo::vfs
