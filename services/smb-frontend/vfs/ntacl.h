// Security descriptors as Samba's acl_xattr keeps them in security.NTACL.
//
// Shape: NDR xattr_NTACL: version 3 = {descriptor, SHA-256 of the descriptor that the file system's
//        own permissions gave when it was stored}; version 4 = {descriptor, hash type, 64-byte hash field, description,
//        time, SHA-256 of the POSIX ACL}; 1 and 2 (no hash) are read.
// Threading: pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/ntstatus/ntstatus.h"
#include "common/security/posix_descriptor.h"
#include "common/security/security_descriptor.h"
#include "services/smb-frontend/vfs/file_stat.h"

namespace continuo::vfs {

inline constexpr char kNtaclXattr[] = "security.NTACL";

enum class NtaclFormat { kV3, kV4 };
using Sha256 = std::array<uint8_t, 32>;

struct StoredNtacl {
  uint16_t version = 0;
  security::SecurityDescriptor descriptor;
  // As found: over the derived descriptor's encoding (v3 and v4's main hash).
  std::optional<Sha256> descriptor_hash;
  // v4 only: over the POSIX ACL.
  std::optional<Sha256> posix_hash;
  std::string description;
  FileTime stored_at = 0;
};

// What the file system itself says about permissions when a descriptor is stored. A later chmod or
// setfacl by others changes it, and the stored descriptor is then out of date.
struct PosixPermissions {
  uint32_t mode = 0;  // With the file type.
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<security::PosixAclEntry> access;           // Empty: mode alone.
  std::vector<security::PosixAclEntry> default_entries;  // Directories.
};

// The hash of version 4 over the POSIX ACL, equal to Samba's for the same file.
Sha256 PosixPermissionsHash(const PosixPermissions& permissions);

// Errors: kInvalidSecurityDescr and its like: this file's descriptor is damaged.
NtResult<StoredNtacl> DecodeNtacl(std::span<const uint8_t> xattr);
Bytes EncodeNtacl(const StoredNtacl& stored, NtaclFormat format);

}  // namespace continuo::vfs
