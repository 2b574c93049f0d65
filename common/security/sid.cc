#include "common/security/sid.h"

#include <charconv>

#include <absl/strings/str_format.h>

namespace continuo::security {
namespace {

constexpr uint64_t kAuthorityMax = 0xFFFFFFFFFFFFu;

// Reads one number from the front of `text` and removes it.
std::optional<uint64_t> TakeNumber(std::string_view& text, uint64_t max) {
  int base = 10;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    base = 16;
    text.remove_prefix(2);
  }
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || value > max) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

}  // namespace

std::optional<Sid> Sid::Parse(std::string_view text) {
  if (text.size() < 4 || (text[0] != 'S' && text[0] != 's') || text.substr(1, 3) != "-1-") {
    return std::nullopt;
  }
  text.remove_prefix(4);
  const auto authority = TakeNumber(text, kAuthorityMax);
  if (!authority) return std::nullopt;
  Sid sid(*authority, std::span<const uint32_t>());
  while (!text.empty()) {
    if (text[0] != '-' || sid.count_ == kSidMaxSubAuthorities) return std::nullopt;
    text.remove_prefix(1);
    const auto sub_authority = TakeNumber(text, UINT32_MAX);
    if (!sub_authority) return std::nullopt;
    sid.sub_authorities_[sid.count_++] = static_cast<uint32_t>(*sub_authority);
  }
  return sid;
}

std::optional<Sid> Sid::Decode(bytes::ByteReader& in) {
  const uint8_t revision = in.U8();
  const uint8_t count = in.U8();
  const uint64_t authority =
      (uint64_t{in.U16BigEndian()} << 32) | uint64_t{in.U32BigEndian()};
  if (!in.ok() || revision != 1 || count > kSidMaxSubAuthorities) return std::nullopt;
  Sid sid(authority, std::span<const uint32_t>());
  for (size_t i = 0; i < count; ++i) sid.sub_authorities_[i] = in.U32();
  sid.count_ = count;
  if (!in.ok()) return std::nullopt;
  return sid;
}

void Sid::EncodeTo(bytes::ByteWriter& out) const {
  out.U8(1);
  out.U8(count_);
  out.U16BigEndian(static_cast<uint16_t>(authority_ >> 32));
  out.U32BigEndian(static_cast<uint32_t>(authority_));
  for (const uint32_t sub_authority : sub_authorities()) out.U32(sub_authority);
}

std::string Sid::ToString() const {
  if (!valid_) return "(none)";
  // Values of 2^32 and above are written in hexadecimal, [MS-DTYP] 2.4.2.1.
  std::string out = authority_ > UINT32_MAX ? absl::StrFormat("S-1-0x%012x", authority_)
                                            : absl::StrFormat("S-1-%d", authority_);
  for (const uint32_t sub_authority : sub_authorities()) {
    absl::StrAppendFormat(&out, "-%d", sub_authority);
  }
  return out;
}

std::optional<Sid> Sid::WithRid(uint32_t rid) const {
  if (!valid_ || count_ == kSidMaxSubAuthorities) return std::nullopt;
  Sid sid = *this;
  sid.sub_authorities_[sid.count_++] = rid;
  return sid;
}

bool Sid::IsInDomain(const Sid& domain) const {
  if (!valid_ || count_ != domain.count_ + 1) return false;
  Sid parent = *this;
  parent.sub_authorities_[--parent.count_] = 0;
  return parent == domain;
}

std::optional<uint32_t> UidOfUnixSid(const Sid& sid) {
  if (!sid.rid() || sid != UnixUserSid(*sid.rid())) return std::nullopt;
  return sid.rid();
}

std::optional<uint32_t> GidOfUnixSid(const Sid& sid) {
  if (!sid.rid() || sid != UnixGroupSid(*sid.rid())) return std::nullopt;
  return sid.rid();
}

}  // namespace continuo::security
