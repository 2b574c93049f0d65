#include "common/security/posix_descriptor.h"

#include <sys/stat.h>

#include <algorithm>

#include "common/bytes/byte_reader.h"

namespace continuo::security {
namespace {

constexpr uint32_t kPosixAclVersion = 2;
constexpr size_t kPosixAclEntrySizeBytes = 8;
constexpr uint16_t kRead = 4;
constexpr uint16_t kWrite = 2;
constexpr uint16_t kExecute = 1;

// What the owner keeps whatever the mode says: it can change the mode anyway.
constexpr AccessMask kOwnerAlways = kReadControl | kWriteDac | kWriteOwner | kDelete |
                                    kFileReadAttributes | kFileWriteAttributes | kFileReadEa |
                                    kFileWriteEa | kSynchronize;

AccessMask RightsOf(uint16_t permissions, bool is_directory) {
  const uint16_t all = kRead | kWrite | kExecute;
  if ((permissions & all) == all) return kFileAllAccess & ~(kWriteDac | kWriteOwner);
  AccessMask rights = 0;
  if ((permissions & kRead) != 0) rights |= kFileGenericRead;
  if ((permissions & kExecute) != 0) rights |= kFileGenericExecute;
  if ((permissions & kWrite) != 0) {
    rights |= kFileGenericWrite | kFileWriteEa | kFileWriteAttributes | kDelete;
    if (is_directory) rights |= kFileDeleteChild;
  }
  return rights;
}

struct Builder {
  bool is_directory;
  Acl acl;

  void Allow(const Sid& sid, AccessMask mask) {
    if (mask == 0) return;
    acl.aces.push_back({.type = AceType::kAccessAllowed, .flags = 0, .mask = mask, .sid = sid,
                        .object = {}, .opaque = {}});
  }
  // POSIX picks one entry for a caller; NT adds allows up. What a more specific entry withholds
  // from a named user or the owner is denied first.
  void Deny(const Sid& sid, uint16_t permissions) {
    AccessMask mask = 0;
    const uint16_t missing = static_cast<uint16_t>(~permissions) & 7u;
    if ((missing & kRead) != 0) mask |= kFileReadData;
    if ((missing & kWrite) != 0) mask |= kFileWriteData | kFileAppendData;
    if ((missing & kExecute) != 0) mask |= kFileExecute;
    if (mask == 0) return;
    acl.aces.push_back({.type = AceType::kAccessDenied, .flags = 0, .mask = mask, .sid = sid,
                        .object = {}, .opaque = {}});
  }
};

uint16_t ModeBits(uint32_t mode, unsigned shift) {
  return static_cast<uint16_t>((mode >> shift) & 7u);
}

}  // namespace

std::vector<PosixAclEntry> DecodePosixAcl(std::span<const uint8_t> xattr) {
  bytes::ByteReader in(xattr);
  if (in.U32() != kPosixAclVersion || in.remaining() % kPosixAclEntrySizeBytes != 0) return {};
  std::vector<PosixAclEntry> entries;
  entries.reserve(in.remaining() / kPosixAclEntrySizeBytes);
  while (in.remaining() > 0) {
    PosixAclEntry entry;
    entry.tag = static_cast<PosixTag>(in.U16());
    entry.permissions = in.U16() & 7u;
    entry.id = in.U32();
    entries.push_back(entry);
  }
  return entries;
}

SecurityDescriptor DescriptorFromPosix(const PosixOwnership& ownership, const IdMapper& ids) {
  SecurityDescriptor sd;
  sd.owner = ids.SidOfUid(ownership.uid);
  sd.group = ids.SidOfGid(ownership.gid);
  uint16_t owner_bits = ModeBits(ownership.mode, 6);
  uint16_t group_bits = ModeBits(ownership.mode, 3);
  uint16_t other_bits = ModeBits(ownership.mode, 0);
  uint16_t mask_bits = 7;
  for (const PosixAclEntry& entry : ownership.acl) {
    if (entry.tag == PosixTag::kMask) mask_bits = entry.permissions;
    if (entry.tag == PosixTag::kUserObject) owner_bits = entry.permissions;
    if (entry.tag == PosixTag::kGroupObject) group_bits = entry.permissions;
    if (entry.tag == PosixTag::kOther) other_bits = entry.permissions;
  }
  group_bits &= mask_bits;
  Builder builder{S_ISDIR(ownership.mode), {}};
  uint16_t others_union = static_cast<uint16_t>(group_bits | other_bits);
  for (const PosixAclEntry& entry : ownership.acl) {
    if (entry.tag == PosixTag::kGroup) others_union |= entry.permissions & mask_bits;
  }
  if ((others_union & ~owner_bits) != 0) builder.Deny(sd.owner, owner_bits);
  builder.Allow(sd.owner, kOwnerAlways | RightsOf(owner_bits, builder.is_directory));
  for (const PosixAclEntry& entry : ownership.acl) {
    if (entry.tag != PosixTag::kUser) continue;
    const uint16_t bits = entry.permissions & mask_bits;
    const Sid sid = ids.SidOfUid(entry.id);
    if ((others_union & ~bits) != 0) builder.Deny(sid, bits);
    builder.Allow(sid, RightsOf(bits, builder.is_directory));
  }
  builder.Allow(sd.group, RightsOf(group_bits, builder.is_directory));
  for (const PosixAclEntry& entry : ownership.acl) {
    if (entry.tag != PosixTag::kGroup) continue;
    builder.Allow(ids.SidOfGid(entry.id), RightsOf(entry.permissions & mask_bits,
                                                   builder.is_directory));
  }
  // A group that has less than everybody: members are held to it.
  if ((other_bits & ~group_bits) != 0) builder.Deny(sd.group, group_bits);
  builder.Allow(kEveryoneSid,
                RightsOf(other_bits, builder.is_directory) | kReadControl | kFileReadAttributes |
                    kSynchronize);
  sd.SetDacl(std::move(builder.acl));
  return sd;
}

}  // namespace continuo::security
