#include "services/smb-frontend/vfs/ntacl.h"

#include "common/base/check.h"
#include "common/bytes/byte_reader.h"
#include "common/bytes/byte_writer.h"
#include "common/crypto/hash.h"

namespace continuo::vfs {
namespace {

constexpr size_t kHashFieldSizeBytes = 64;
constexpr size_t kHashFieldV2SizeBytes = 16;
constexpr uint16_t kHashTypeNone = 0;
constexpr uint16_t kHashTypeSha256 = 1;
constexpr uint32_t kReferent = 0x00020000;
constexpr size_t kDescriptionMaxSizeBytes = 256;

void AlignReader(bytes::ByteReader& in, size_t alignment) {
  in.Skip((alignment - in.position() % alignment) % alignment);
}

Sha256 First32(std::span<const uint8_t> field) {
  Sha256 out{};
  for (size_t i = 0; i < out.size() && i < field.size(); ++i) out[i] = field[i];
  return out;
}

constexpr size_t kDescriptorHeaderSizeBytes = 20;
constexpr std::array<size_t, 4> kOffsetPositions = {4, 8, 12, 16};

// Samba's relative pointers count from the start of the whole blob, [MS-DTYP]'s from the start of
// the descriptor: both ways, for the four that a descriptor's header has. Zero means absent.
enum class Rebase { kToDescriptor, kToBlob };
void MoveOffsets(Bytes& descriptor, size_t base, Rebase how) {
  if (descriptor.size() < kDescriptorHeaderSizeBytes) return;
  for (const size_t position : kOffsetPositions) {
    const uint32_t offset =
        bytes::ByteReader(std::span<const uint8_t>(descriptor).subspan(position)).U32();
    if (offset == 0) continue;
    const auto shift = static_cast<uint32_t>(base);
    // One that points before the descriptor becomes one that points far behind it.
    const uint32_t moved = how == Rebase::kToBlob ? offset + shift
                           : offset < shift       ? UINT32_MAX
                                                  : offset - shift;
    bytes::StoreU32(descriptor, position, moved);
  }
}

bool ReadV4Tail(bytes::ByteReader& in, StoredNtacl& out) {
  for (;;) {
    const char c = static_cast<char>(in.U8());
    if (!in.ok() || out.description.size() > kDescriptionMaxSizeBytes) return false;
    if (c == '\0') break;
    out.description += c;
  }
  AlignReader(in, 4);
  out.stored_at = in.U64();
  out.posix_hash = First32(in.Span(kHashFieldSizeBytes));
  return in.ok();
}

void WriteHashField(bytes::ByteWriter& out, const std::optional<Sha256>& hash) {
  if (hash) out.Append(*hash);
  out.Zeros(kHashFieldSizeBytes - (hash ? hash->size() : 0));
}

// The tag values of Samba's own ACL type.
uint16_t SambaTag(security::PosixTag tag) {
  switch (tag) {
    case security::PosixTag::kUser: return 1;
    case security::PosixTag::kUserObject: return 2;
    case security::PosixTag::kGroup: return 3;
    case security::PosixTag::kGroupObject: return 4;
    case security::PosixTag::kOther: return 5;
    case security::PosixTag::kMask: return 6;
  }
  return 0;
}

void WriteSambaAcl(bytes::ByteWriter& out, std::span<const security::PosixAclEntry> acl) {
  const auto count = static_cast<uint32_t>(acl.size());
  out.AlignTo(4);
  out.U32(count);  // Conformance of the array.
  out.AlignTo(8);
  out.U32(count);
  out.U32(0);  // Iterator of the in-memory form.
  for (const security::PosixAclEntry& entry : acl) {
    out.AlignTo(8);
    out.U16(SambaTag(entry.tag));
    out.U16(SambaTag(entry.tag));
    if (entry.tag == security::PosixTag::kUser || entry.tag == security::PosixTag::kGroup) {
      out.AlignTo(8);
      out.U64(entry.id);
    }
    out.AlignTo(4);
    out.U32(entry.permissions);
  }
}

}  // namespace

NtResult<StoredNtacl> DecodeNtacl(std::span<const uint8_t> xattr) {
  bytes::ByteReader in(xattr);
  StoredNtacl out;
  out.version = in.U16();
  const uint16_t union_switch = in.U16();
  if (!in.ok() || union_switch != out.version) return NtStatus::kInvalidSecurityDescr;
  if (out.version < 1 || out.version > 4) return NtStatus::kUnknownRevision;
  if (in.U32() == 0) return NtStatus::kInvalidSecurityDescr;
  if (out.version > 1) {
    if (in.U32() == 0) return NtStatus::kInvalidSecurityDescr;
    uint16_t hash_type = kHashTypeSha256;
    if (out.version > 2) hash_type = in.U16();
    const auto field = in.Span(out.version == 2 ? kHashFieldV2SizeBytes : kHashFieldSizeBytes);
    if (out.version > 2 && hash_type == kHashTypeSha256) out.descriptor_hash = First32(field);
    if (out.version == 4 && !ReadV4Tail(in, out)) return NtStatus::kInvalidSecurityDescr;
    if (hash_type == kHashTypeNone) out.posix_hash.reset();
  }
  AlignReader(in, 4);
  if (!in.ok()) return NtStatus::kInvalidSecurityDescr;
  const size_t base = in.position();
  const auto rest = in.Span(in.remaining());
  Bytes descriptor(rest.begin(), rest.end());
  MoveOffsets(descriptor, base, Rebase::kToDescriptor);
  CONTINUO_ASSIGN_OR_RETURN(out.descriptor, security::DecodeSecurityDescriptor(descriptor));
  return out;
}

Bytes EncodeNtacl(const StoredNtacl& stored, NtaclFormat format) {
  const uint16_t version = format == NtaclFormat::kV3 ? 3 : 4;
  const bool has_hash = version == 4 ? stored.posix_hash.has_value()
                                     : stored.descriptor_hash.has_value();
  bytes::ByteWriter out;
  out.U16(version);
  out.U16(version);
  out.U32(kReferent);
  out.U32(kReferent + 4);
  out.U16(has_hash ? kHashTypeSha256 : kHashTypeNone);
  WriteHashField(out, stored.descriptor_hash);
  if (version == 4) {
    for (const char c : stored.description) out.U8(static_cast<uint8_t>(c));
    out.U8(0);
    out.AlignTo(4);
    out.U64(stored.stored_at);
    WriteHashField(out, stored.posix_hash);
  }
  out.AlignTo(4);
  Bytes descriptor = security::EncodeSecurityDescriptor(stored.descriptor);
  MoveOffsets(descriptor, out.size(), Rebase::kToBlob);
  out.Append(descriptor);
  return std::move(out).Take();
}

Sha256 PosixPermissionsHash(const PosixPermissions& permissions) {
  using security::PosixAclEntry;
  using security::PosixTag;
  std::vector<PosixAclEntry> access = permissions.access;
  if (access.empty()) {  // The minimal ACL that the mode stands for.
    const auto bits = [&](unsigned shift) {
      return static_cast<uint16_t>((permissions.mode >> shift) & 7u);
    };
    access = {{PosixTag::kUserObject, bits(6), 0},
              {PosixTag::kGroupObject, bits(3), 0},
              {PosixTag::kOther, bits(0), 0}};
  }
  const bool is_directory = S_ISDIR(permissions.mode);
  bytes::ByteWriter out;
  out.U32(kReferent);
  out.U32(is_directory ? kReferent + 4 : 0);
  out.U64(permissions.uid);
  out.U64(permissions.gid);
  out.U32(permissions.mode);
  WriteSambaAcl(out, access);
  if (is_directory) WriteSambaAcl(out, permissions.default_entries);
  return crypto::Sha256({out.view()});
}

}  // namespace continuo::vfs
