// The descriptor that stands for Unix owner, mode and POSIX ACL where none is stored.
//
// Shape:  the owner gets one allow ACE, each named user and group one, the owning group and
//         Everyone one; rights of read, write and execute as Samba maps them. The owner's ACE
//         includes WRITE_DAC, WRITE_OWNER and DELETE so that what is his stays manageable.
// Threading: pure; IdMapper implementations are called on the caller's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/security/security_descriptor.h"
#include "common/security/sid.h"

namespace continuo::security {

// Unix ids to SIDs and back. The base class is complete by itself: every id becomes its Unix SID
// (S-1-22-1-uid, S-1-22-2-gid). The frontend derives one that knows auth-service's accounts.
// Threading: called from any worker thread; must answer from memory.
class IdMapper {
 public:
  virtual ~IdMapper() = default;
  virtual Sid SidOfUid(uint32_t uid) const { return UnixUserSid(uid); }
  virtual Sid SidOfGid(uint32_t gid) const { return UnixGroupSid(gid); }
  virtual std::optional<uint32_t> UidOfSid(const Sid& sid) const { return UidOfUnixSid(sid); }
  virtual std::optional<uint32_t> GidOfSid(const Sid& sid) const { return GidOfUnixSid(sid); }
};

enum class PosixTag : uint16_t {  // As in the system.posix_acl_access xattr.
  kUserObject = 0x01,
  kUser = 0x02,
  kGroupObject = 0x04,
  kGroup = 0x08,
  kMask = 0x10,
  kOther = 0x20,
};
struct PosixAclEntry {
  PosixTag tag = PosixTag::kOther;
  uint16_t permissions = 0;  // 4 read, 2 write, 1 execute.
  uint32_t id = 0;           // Of kUser and kGroup.
};

// The value of system.posix_acl_access; empty for anything malformed.
std::vector<PosixAclEntry> DecodePosixAcl(std::span<const uint8_t> xattr);

struct PosixOwnership {
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t mode = 0;  // Permission bits; file type bits decide file or directory.
  std::vector<PosixAclEntry> acl;  // Empty: mode alone.
};

SecurityDescriptor DescriptorFromPosix(const PosixOwnership& ownership, const IdMapper& ids);

}  // namespace continuo::security
