#include "common/security/security_descriptor.h"

#include <array>

#include "common/base/check.h"
#include "common/bytes/byte_reader.h"
#include "common/bytes/byte_writer.h"

namespace continuo::security {
namespace {

using bytes::ByteReader;
using bytes::ByteWriter;

constexpr size_t kHeaderSizeBytes = 20;
constexpr size_t kAclHeaderSizeBytes = 8;
constexpr size_t kAceHeaderSizeBytes = 4;
constexpr size_t kGuidSizeBytes = 16;
constexpr uint32_t kObjectTypePresent = 0x1;
constexpr uint32_t kInheritedObjectTypePresent = 0x2;

enum class AceShape { kMaskSid, kMaskObjectSid, kOpaque };

AceShape ShapeOf(uint8_t type) {
  switch (type) {
    case 0x00: case 0x01: case 0x02: case 0x03:  // Allowed, denied, audit, alarm.
    case 0x09: case 0x0A: case 0x0D: case 0x0E:  // Their callback forms.
    case 0x11: case 0x12: case 0x13:             // Label, resource attribute, scoped policy.
      return AceShape::kMaskSid;
    case 0x05: case 0x06: case 0x07: case 0x08:
    case 0x0B: case 0x0C: case 0x0F: case 0x10:
      return AceShape::kMaskObjectSid;
    default:
      return AceShape::kOpaque;
  }
}

Bytes ToBytes(std::span<const uint8_t> in) { return Bytes(in.begin(), in.end()); }

// The flags word and the GUIDs it announces, kept as they are.
bool DecodeObjectPart(ByteReader& in, Bytes& out) {
  ByteReader peek = in;
  const uint32_t flags = peek.U32();
  if (!peek.ok()) return false;
  size_t size_bytes = 4;
  if ((flags & kObjectTypePresent) != 0) size_bytes += kGuidSizeBytes;
  if ((flags & kInheritedObjectTypePresent) != 0) size_bytes += kGuidSizeBytes;
  out = ToBytes(in.Span(size_bytes));
  return in.ok();
}

NtResult<Ace> DecodeAce(ByteReader& in) {
  Ace ace;
  const uint8_t type = in.U8();
  ace.type = static_cast<AceType>(type);
  ace.flags = in.U8();
  const size_t size_bytes = in.U16();
  if (!in.ok() || size_bytes < kAceHeaderSizeBytes || size_bytes % 4 != 0) {
    return NtStatus::kInvalidAcl;
  }
  ByteReader body(in.Span(size_bytes - kAceHeaderSizeBytes));
  if (!in.ok()) return NtStatus::kInvalidAcl;
  const AceShape shape = ShapeOf(type);
  if (shape != AceShape::kOpaque) {
    ace.mask = body.U32();
    if (shape == AceShape::kMaskObjectSid && !DecodeObjectPart(body, ace.object)) {
      return NtStatus::kInvalidAcl;
    }
    const auto sid = Sid::Decode(body);
    if (!sid) return NtStatus::kInvalidAcl;
    ace.sid = *sid;
  }
  ace.opaque = ToBytes(body.Span(body.remaining()));
  return ace;
}

size_t AceSizeBytes(const Ace& ace) {
  size_t size_bytes = kAceHeaderSizeBytes + ace.opaque.size();
  if (ace.sid.IsValid()) size_bytes += 4 + ace.object.size() + ace.sid.EncodedSizeBytes();
  return (size_bytes + 3) / 4 * 4;
}

void EncodeAcl(const Acl& acl, ByteWriter& out) {
  const size_t size_bytes = acl.EncodedSizeBytes();
  CONTINUO_CHECK(size_bytes <= kAclMaxSizeBytes);
  out.U8(acl.revision);
  out.U8(0);
  out.U16(static_cast<uint16_t>(size_bytes));
  out.U16(static_cast<uint16_t>(acl.aces.size()));
  out.U16(0);
  for (const Ace& ace : acl.aces) {
    const size_t start = out.size();
    out.U8(static_cast<uint8_t>(ace.type));
    out.U8(ace.flags);
    out.U16(static_cast<uint16_t>(AceSizeBytes(ace)));
    if (ace.sid.IsValid()) {
      out.U32(ace.mask);
      out.Append(ace.object);
      ace.sid.EncodeTo(out);
    }
    out.Append(ace.opaque);
    out.AlignTo(4, start);
  }
}

// Where the four parts of a descriptor lie, to refuse ones that overlap.
class Regions {
 public:
  explicit Regions(size_t total) : total_(total) {}
  // False when [offset, offset + size) leaves the buffer, enters the header or overlaps a part that
  // was claimed before. Owner and group alone may share one SID.
  bool Claim(size_t offset, size_t size_bytes, bool is_sid) {
    if (offset < kHeaderSizeBytes || offset > total_ || size_bytes > total_ - offset) return false;
    for (size_t i = 0; i < count_; ++i) {
      const Region& other = regions_[i];
      const bool is_apart =
          offset >= other.offset + other.size_bytes || other.offset >= offset + size_bytes;
      const bool is_shared_sid = is_sid && other.is_sid && offset == other.offset;
      if (!is_apart && !is_shared_sid) return false;
    }
    regions_[count_++] = {offset, size_bytes, is_sid};
    return true;
  }

 private:
  struct Region {
    size_t offset = 0;
    size_t size_bytes = 0;
    bool is_sid = false;
  };
  size_t total_;
  size_t count_ = 0;
  std::array<Region, 4> regions_;
};

NtResult<Sid> DecodeSidAt(std::span<const uint8_t> in, size_t offset, Regions& regions) {
  if (offset == 0) return Sid();
  if (offset < kHeaderSizeBytes || offset > in.size()) return NtStatus::kInvalidSecurityDescr;
  ByteReader reader(in.subspan(offset));
  const auto sid = Sid::Decode(reader);
  if (!sid) return reader.ok() ? NtStatus::kInvalidSid : NtStatus::kInvalidSecurityDescr;
  if (!regions.Claim(offset, sid->EncodedSizeBytes(), true)) return NtStatus::kInvalidSecurityDescr;
  return *sid;
}

NtResult<std::optional<Acl>> DecodeAclAt(std::span<const uint8_t> in, size_t offset, bool present,
                                         Regions& regions) {
  if (!present || offset == 0) return std::optional<Acl>();
  if (offset < kHeaderSizeBytes || offset > in.size()) return NtStatus::kInvalidSecurityDescr;
  const auto rest = in.subspan(offset);
  ByteReader header(rest);
  header.Skip(2);
  const size_t size_bytes = header.U16();
  if (!header.ok() || size_bytes > rest.size()) return NtStatus::kInvalidAcl;
  CONTINUO_ASSIGN_OR_RETURN(Acl acl, DecodeAcl(rest.first(size_bytes)));
  if (!regions.Claim(offset, size_bytes, false)) return NtStatus::kInvalidSecurityDescr;
  return std::optional<Acl>(std::move(acl));
}

}  // namespace

size_t Acl::EncodedSizeBytes() const {
  size_t size_bytes = kAclHeaderSizeBytes;
  for (const Ace& ace : aces) size_bytes += AceSizeBytes(ace);
  return size_bytes;
}

NtResult<Acl> DecodeAcl(std::span<const uint8_t> in) {
  ByteReader reader(in);
  Acl acl;
  acl.revision = reader.U8();
  reader.Skip(1);
  const size_t size_bytes = reader.U16();
  const size_t count = reader.U16();
  reader.Skip(2);
  if (!reader.ok() || size_bytes < kAclHeaderSizeBytes || size_bytes > in.size()) {
    return NtStatus::kInvalidAcl;
  }
  if (acl.revision < 2 || acl.revision > 4) return NtStatus::kInvalidAcl;
  ByteReader body(in.subspan(kAclHeaderSizeBytes, size_bytes - kAclHeaderSizeBytes));
  if (count > body.remaining() / kAceHeaderSizeBytes) return NtStatus::kInvalidAcl;
  acl.aces.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    CONTINUO_ASSIGN_OR_RETURN(Ace ace, DecodeAce(body));
    acl.aces.push_back(std::move(ace));
  }
  return acl;
}

NtResult<SecurityDescriptor> DecodeSecurityDescriptor(std::span<const uint8_t> in) {
  if (in.size() > kSecurityDescriptorMaxSizeBytes) return NtStatus::kInvalidSecurityDescr;
  ByteReader reader(in);
  SecurityDescriptor sd;
  const uint8_t revision = reader.U8();
  sd.rm_control = reader.U8();
  sd.control = reader.U16();
  const size_t owner_offset = reader.U32();
  const size_t group_offset = reader.U32();
  const size_t sacl_offset = reader.U32();
  const size_t dacl_offset = reader.U32();
  if (!reader.ok()) return NtStatus::kInvalidSecurityDescr;
  if (revision != 1) return NtStatus::kUnknownRevision;
  Regions regions(in.size());
  CONTINUO_ASSIGN_OR_RETURN(sd.owner, DecodeSidAt(in, owner_offset, regions));
  CONTINUO_ASSIGN_OR_RETURN(sd.group, DecodeSidAt(in, group_offset, regions));
  CONTINUO_ASSIGN_OR_RETURN(sd.sacl, DecodeAclAt(in, sacl_offset, sd.HasSacl(), regions));
  CONTINUO_ASSIGN_OR_RETURN(sd.dacl, DecodeAclAt(in, dacl_offset, sd.HasDacl(), regions));
  sd.control &= static_cast<uint16_t>(~kSdSelfRelative);
  return sd;
}

size_t EncodedSizeBytes(const SecurityDescriptor& sd) {
  size_t size_bytes = kHeaderSizeBytes;
  if (sd.HasSacl() && sd.sacl) size_bytes += sd.sacl->EncodedSizeBytes();
  if (sd.HasDacl() && sd.dacl) size_bytes += sd.dacl->EncodedSizeBytes();
  if (sd.owner.IsValid()) size_bytes += sd.owner.EncodedSizeBytes();
  if (sd.group.IsValid()) size_bytes += sd.group.EncodedSizeBytes();
  return size_bytes;
}

Bytes EncodeSecurityDescriptor(const SecurityDescriptor& sd) {
  ByteWriter out;
  out.U8(1);
  out.U8(sd.rm_control);
  out.U16(sd.control | kSdSelfRelative);
  constexpr size_t kOwnerPosition = 4;
  constexpr size_t kGroupPosition = 8;
  constexpr size_t kSaclPosition = 12;
  constexpr size_t kDaclPosition = 16;
  out.Zeros(kHeaderSizeBytes - kOwnerPosition);
  if (sd.HasSacl() && sd.sacl) {
    out.PatchU32(kSaclPosition, static_cast<uint32_t>(out.size()));
    EncodeAcl(*sd.sacl, out);
  }
  if (sd.HasDacl() && sd.dacl) {
    out.PatchU32(kDaclPosition, static_cast<uint32_t>(out.size()));
    EncodeAcl(*sd.dacl, out);
  }
  if (sd.owner.IsValid()) {
    out.PatchU32(kOwnerPosition, static_cast<uint32_t>(out.size()));
    sd.owner.EncodeTo(out);
  }
  if (sd.group.IsValid()) {
    out.PatchU32(kGroupPosition, static_cast<uint32_t>(out.size()));
    sd.group.EncodeTo(out);
  }
  return std::move(out).Take();
}

}  // namespace continuo::security
