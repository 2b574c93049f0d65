#include "services/auth-service/kerberos/pac_logon_info.h"

#include "common/bytes/byte_reader.h"
#include "common/bytes/utf16.h"

namespace continuo::auth::kerberos {

namespace {

using security::Sid;

// GROUP_MEMBERSHIP attributes, [MS-PAC] 2.2.1: SE_GROUP_ENABLED. A SID without it grants nothing.
constexpr uint32_t kGroupEnabled = 0x00000004;
constexpr uint32_t kExtraSids = 0x00000020;     // UserFlags, 2.5: D.
constexpr uint32_t kResourceGroups = 0x00000200;  // H.

// NDR: every primitive is aligned to its size from the start of the body.
class Ndr {
 public:
  explicit Ndr(std::span<const uint8_t> body) : in_(body) {}
  bool ok() const { return in_.ok(); }
  size_t remaining() const { return in_.remaining(); }
  void Align(size_t alignment) {
    while (in_.ok() && in_.position() % alignment != 0) in_.Skip(1);
  }
  uint8_t U8() { return in_.U8(); }
  uint16_t U16() {
    Align(2);
    return in_.U16();
  }
  uint32_t U32() {
    Align(4);
    return in_.U32();
  }
  uint64_t Filetime() {  // Two 32-bit halves: aligned to 4.
    const uint64_t low = U32();
    return low | (uint64_t{U32()} << 32);
  }
  uint64_t U48BigEndian() {
    const uint64_t high = in_.U16BigEndian();
    return (high << 32) | in_.U32BigEndian();
  }
  std::span<const uint8_t> Span(size_t size_bytes) { return in_.Span(size_bytes); }
  void Skip(size_t size_bytes) { in_.Skip(size_bytes); }

 private:
  bytes::ByteReader in_;
};

// RPC_UNICODE_STRING: lengths and a pointer; the text comes in the deferred part.
struct StringHead {
  uint16_t size_bytes = 0;
  bool is_present = false;
};

StringHead ReadStringHead(Ndr& in) {
  in.Align(4);
  StringHead head;
  head.size_bytes = in.U16();
  in.Skip(2);
  head.is_present = in.U32() != 0;
  return head;
}

std::optional<std::string> ReadString(Ndr& in, const StringHead& head) {
  if (!head.is_present) return std::string();
  in.U32();  // Maximum count.
  const uint32_t offset = in.U32();
  const uint32_t actual = in.U32();
  if (offset != 0 || actual != head.size_bytes / 2u || actual > in.remaining() / 2) {
    return std::nullopt;
  }
  return bytes::Utf16LeToUtf8(in.Span(size_t{actual} * 2));
}

// RPC_SID: conformant array count, then the packet form.
std::optional<Sid> ReadSid(Ndr& in) {
  const uint32_t conformant_count = in.U32();
  const uint8_t revision = in.U8();
  const uint8_t count = in.U8();
  const uint64_t authority = in.U48BigEndian();
  if (!in.ok() || revision != 1 || count != conformant_count ||
      count > security::kSidMaxSubAuthorities) {
    return std::nullopt;
  }
  std::vector<uint32_t> subs;
  for (uint8_t i = 0; i < count; ++i) subs.push_back(in.U32());
  if (!in.ok()) return std::nullopt;
  return Sid(authority, subs);
}

// The RIDs of an array of GROUP_MEMBERSHIP that are enabled.
std::optional<std::vector<uint32_t>> ReadRids(Ndr& in, uint32_t count) {
  const uint32_t conformant_count = in.U32();
  if (conformant_count != count || count > kPacGroupsMax || count > in.remaining() / 8) {
    return std::nullopt;
  }
  std::vector<uint32_t> rids;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t rid = in.U32();
    if ((in.U32() & kGroupEnabled) != 0) rids.push_back(rid);
  }
  if (!in.ok()) return std::nullopt;
  return rids;
}

bool AddRids(Ndr& in, uint32_t count, const Sid& domain, std::vector<Sid>& out) {
  const auto rids = ReadRids(in, count);
  if (!rids) return false;
  for (const uint32_t rid : *rids) {
    const auto sid = domain.WithRid(rid);
    if (!sid) return false;
    out.push_back(*sid);
  }
  return true;
}

// The fixed part of KERB_VALIDATION_INFO.
struct Fixed {
  uint64_t kick_off = 0;
  StringHead effective_name;
  StringHead others[5];  // FullName to HomeDirectoryDrive.
  uint32_t user_id = 0;
  uint32_t primary_group_id = 0;
  uint32_t group_count = 0;
  bool has_groups = false;
  uint32_t user_flags = 0;
  StringHead logon_server;
  StringHead logon_domain;
  bool has_domain_id = false;
  uint32_t sid_count = 0;
  bool has_extra_sids = false;
  bool has_resource_domain = false;
  uint32_t resource_count = 0;
  bool has_resource_groups = false;
};

Fixed ReadFixed(Ndr& in) {
  Fixed fixed;
  in.Filetime();  // LogonTime
  in.Filetime();  // LogoffTime
  fixed.kick_off = in.Filetime();
  for (int i = 0; i < 3; ++i) in.Filetime();  // PasswordLastSet, CanChange, MustChange
  fixed.effective_name = ReadStringHead(in);
  for (StringHead& head : fixed.others) head = ReadStringHead(in);
  in.U16();  // LogonCount
  in.U16();  // BadPasswordCount
  fixed.user_id = in.U32();
  fixed.primary_group_id = in.U32();
  fixed.group_count = in.U32();
  fixed.has_groups = in.U32() != 0;
  fixed.user_flags = in.U32();
  in.Skip(16);  // UserSessionKey
  fixed.logon_server = ReadStringHead(in);
  fixed.logon_domain = ReadStringHead(in);
  fixed.has_domain_id = in.U32() != 0;
  in.Skip(8);       // Reserved1
  in.U32();         // UserAccountControl
  in.Skip(7 * 4);   // SubAuthStatus to Reserved3
  fixed.sid_count = in.U32();
  fixed.has_extra_sids = in.U32() != 0;
  fixed.has_resource_domain = in.U32() != 0;
  fixed.resource_count = in.U32();
  fixed.has_resource_groups = in.U32() != 0;
  return fixed;
}

bool ReadExtraSids(Ndr& in, uint32_t count, bool is_used, std::vector<Sid>& out) {
  const uint32_t conformant_count = in.U32();
  if (conformant_count != count || count > kPacGroupsMax || count > in.remaining() / 8) {
    return false;
  }
  std::vector<bool> is_enabled;
  for (uint32_t i = 0; i < count; ++i) {
    const bool is_present = in.U32() != 0;
    is_enabled.push_back((in.U32() & kGroupEnabled) != 0);
    if (!is_present) return false;
  }
  for (uint32_t i = 0; i < count; ++i) {
    const auto sid = ReadSid(in);
    if (!sid) return false;
    if (is_used && is_enabled[i]) out.push_back(*sid);
  }
  return true;
}

}  // namespace

std::optional<PacLogonInfo> DecodePacLogonInfo(std::span<const uint8_t> data) {
  bytes::ByteReader header(data);
  // Common header: version 1, little-endian, length 8; private header: object size; then a pointer.
  const uint8_t version = header.U8();
  const uint8_t endianness = header.U8();
  const uint16_t header_size = header.U16();
  header.Skip(4);
  const uint32_t object_size = header.U32();
  header.Skip(4);
  if (!header.ok() || version != 1 || endianness != 0x10 || header_size != 8) return std::nullopt;
  if (object_size > header.remaining()) return std::nullopt;
  Ndr in(header.Span(object_size));
  if (in.U32() == 0) return std::nullopt;
  const Fixed fixed = ReadFixed(in);
  if (!in.ok() || !fixed.has_domain_id) return std::nullopt;

  PacLogonInfo info;
  const auto user_name = ReadString(in, fixed.effective_name);
  if (!user_name) return std::nullopt;
  info.user_name = *user_name;
  for (const StringHead& head : fixed.others) {
    if (!ReadString(in, head)) return std::nullopt;
  }
  std::vector<uint32_t> group_rids;
  if (fixed.has_groups) {
    auto rids = ReadRids(in, fixed.group_count);
    if (!rids) return std::nullopt;
    group_rids = *std::move(rids);
  }
  const auto server = ReadString(in, fixed.logon_server);
  const auto domain_name = ReadString(in, fixed.logon_domain);
  if (!server || !domain_name) return std::nullopt;
  info.domain_name = *domain_name;
  const auto domain = ReadSid(in);
  if (!domain) return std::nullopt;
  const auto user = domain->WithRid(fixed.user_id);
  const auto primary = domain->WithRid(fixed.primary_group_id);
  if (!user || !primary) return std::nullopt;
  info.user_sid = *user;
  info.primary_group_sid = *primary;
  for (const uint32_t rid : group_rids) info.group_sids.push_back(*domain->WithRid(rid));
  const bool use_extra = (fixed.user_flags & kExtraSids) != 0;
  if (fixed.has_extra_sids &&
      !ReadExtraSids(in, fixed.sid_count, use_extra, info.group_sids)) {
    return std::nullopt;
  }
  if (fixed.has_resource_domain && fixed.has_resource_groups) {
    const auto resource_domain = ReadSid(in);
    if (!resource_domain) return std::nullopt;
    std::vector<Sid> resource_groups;
    if (!AddRids(in, fixed.resource_count, *resource_domain, resource_groups)) return std::nullopt;
    if ((fixed.user_flags & kResourceGroups) != 0) {
      info.group_sids.insert(info.group_sids.end(), resource_groups.begin(),
                             resource_groups.end());
    }
  }
  info.kick_off_filetime = fixed.kick_off;
  if (!in.ok()) return std::nullopt;
  return info;
}

}  // namespace continuo::auth::kerberos
