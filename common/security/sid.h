// Security identifiers.
//
//   const std::optional<Sid> everyone = Sid::Parse("S-1-1-0");
//   if (ace.sid == kEveryoneSid) ...
//
// A small value type: no allocation, cheap to copy and compare, usable as a key of std and Abseil
// hash containers, constructible at compile time.
// Source: [MS-DTYP] 2.4.2 (string form 2.4.2.1, packet form 2.4.2.2), well-known ones 2.4.2.4.
// Threading: a value.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/bytes/byte_reader.h"
#include "common/bytes/byte_writer.h"

namespace continuo::security {

inline constexpr size_t kSidMaxSubAuthorities = 15;
inline constexpr size_t kSidHeaderSizeBytes = 8;
inline constexpr size_t kSidMaxSizeBytes = kSidHeaderSizeBytes + 4 * kSidMaxSubAuthorities;

class Sid {
 public:
  // The empty value, equal to no SID of a client; IsValid() is false only for it.
  constexpr Sid() = default;
  // Requires: at most kSidMaxSubAuthorities sub-authorities; `authority` fits 48 bits.
  constexpr Sid(uint64_t authority, std::initializer_list<uint32_t> sub_authorities)
      : Sid(authority, std::span<const uint32_t>(sub_authorities.begin(), sub_authorities.size())) {
  }
  constexpr Sid(uint64_t authority, std::span<const uint32_t> sub_authorities)
      : authority_(authority), count_(static_cast<uint8_t>(sub_authorities.size())), valid_(true) {
    for (size_t i = 0; i < sub_authorities.size(); ++i) sub_authorities_[i] = sub_authorities[i];
  }

  // "S-1-5-21-1-2-3-500", authority decimal or 0x-hexadecimal; case of "S" is ignored. nullopt for
  // anything else, trailing characters included.
  static std::optional<Sid> Parse(std::string_view text);
  // Reads one packet-form SID and advances. nullopt (and a failed reader for short input) unless
  // revision is 1 and there are at most 15 sub-authorities.
  static std::optional<Sid> Decode(bytes::ByteReader& in);

  void EncodeTo(bytes::ByteWriter& out) const;
  size_t EncodedSizeBytes() const { return kSidHeaderSizeBytes + 4 * size_t{count_}; }
  std::string ToString() const;

  constexpr bool IsValid() const { return valid_; }
  constexpr uint64_t authority() const { return authority_; }
  constexpr std::span<const uint32_t> sub_authorities() const {
    return std::span<const uint32_t>(sub_authorities_).first(count_);
  }
  // The last sub-authority (the RID), or nullopt when there is none.
  constexpr std::optional<uint32_t> rid() const {
    if (count_ == 0) return std::nullopt;
    return sub_authorities_[count_ - 1u];
  }
  // This SID with one more sub-authority; nullopt when it has 15 already.
  std::optional<Sid> WithRid(uint32_t rid) const;
  // Whether this SID is `domain` with exactly one more sub-authority.
  bool IsInDomain(const Sid& domain) const;

  friend constexpr bool operator==(const Sid& a, const Sid& b) {
    if (a.count_ != b.count_ || a.authority_ != b.authority_ || a.valid_ != b.valid_) return false;
    // The RID differs most often: compare backwards.
    for (size_t i = a.count_; i > 0; --i) {
      if (a.sub_authorities_[i - 1] != b.sub_authorities_[i - 1]) return false;
    }
    return true;
  }
  friend constexpr std::strong_ordering operator<=>(const Sid& a, const Sid& b) {
    if (const auto c = a.authority_ <=> b.authority_; c != 0) return c;
    if (const auto c = a.count_ <=> b.count_; c != 0) return c;
    for (size_t i = 0; i < a.count_; ++i) {
      if (const auto c = a.sub_authorities_[i] <=> b.sub_authorities_[i]; c != 0) return c;
    }
    return a.valid_ <=> b.valid_;
  }
  template <typename H>
  friend H AbslHashValue(H h, const Sid& sid) {
    h = H::combine(std::move(h), sid.authority_, sid.count_);
    return H::combine_contiguous(std::move(h), sid.sub_authorities_.data(), sid.count_);
  }

 private:
  uint64_t authority_ = 0;
  std::array<uint32_t, kSidMaxSubAuthorities> sub_authorities_{};
  uint8_t count_ = 0;
  bool valid_ = false;
};

// Well-known SIDs, [MS-DTYP] 2.4.2.4.
inline constexpr Sid kNullSid{0, {0}};
inline constexpr Sid kEveryoneSid{1, {0}};
inline constexpr Sid kCreatorOwnerSid{3, {0}};
inline constexpr Sid kCreatorGroupSid{3, {1}};
inline constexpr Sid kOwnerRightsSid{3, {4}};
inline constexpr Sid kNetworkSid{5, {2}};
inline constexpr Sid kAnonymousSid{5, {7}};
inline constexpr Sid kPrincipalSelfSid{5, {10}};
inline constexpr Sid kAuthenticatedUsersSid{5, {11}};
inline constexpr Sid kThisOrganizationSid{5, {15}};
inline constexpr Sid kSystemSid{5, {18}};
inline constexpr Sid kBuiltinAdministratorsSid{5, {32, 544}};
inline constexpr Sid kBuiltinUsersSid{5, {32, 545}};
inline constexpr Sid kBuiltinGuestsSid{5, {32, 546}};
inline constexpr Sid kBuiltinServerOperatorsSid{5, {32, 549}};
inline constexpr Sid kBuiltinBackupOperatorsSid{5, {32, 551}};
inline constexpr Sid kNtlmAuthenticationSid{5, {64, 10}};

// The SIDs that stand for bare Unix ids where no account is known, as Samba has them:
// S-1-22-1-<uid> and S-1-22-2-<gid>.
constexpr Sid UnixUserSid(uint32_t uid) { return Sid(22, {1, uid}); }
constexpr Sid UnixGroupSid(uint32_t gid) { return Sid(22, {2, gid}); }
std::optional<uint32_t> UidOfUnixSid(const Sid& sid);
std::optional<uint32_t> GidOfUnixSid(const Sid& sid);

}  // namespace continuo::security

template <>
struct std::hash<continuo::security::Sid> {
  size_t operator()(const continuo::security::Sid& sid) const noexcept {
    uint64_t h = 0xCBF29CE484222325u ^ sid.authority();
    for (const uint32_t sub : sid.sub_authorities()) h = (h ^ sub) * 0x100000001B3u;
    return static_cast<size_t>(h ^ (h >> 29));
  }
};
