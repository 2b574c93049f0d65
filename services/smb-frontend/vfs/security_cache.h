// Decoded descriptors, shared between the many files that store the same bytes. Internal.
//
// Threading: any thread.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include <absl/container/flat_hash_map.h>

#include "services/smb-frontend/vfs/ntacl.h"

namespace continuo::vfs {

inline constexpr size_t kSecurityCacheMaxEntries = 4096;

class SecurityCache {
 public:
  struct Entry {
    StoredNtacl stored;
    std::shared_ptr<const security::SecurityDescriptor> descriptor;
  };
  // Errors: as DecodeNtacl; failures are not kept.
  NtResult<std::shared_ptr<const Entry>> Get(std::span<const uint8_t> xattr);

 private:
  std::mutex mutex_;
  absl::flat_hash_map<std::string, std::shared_ptr<const Entry>> entries_;  // Guarded by mutex_.
};

}  // namespace continuo::vfs
