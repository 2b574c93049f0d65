// SIDs of a domain to ids, by the algorithm of SSSD's ldap_id_mapping, so that files keep their
// owners whether SSSD runs or not.
//
//   slice  = murmurhash3_x86_32(domain SID text, 0xDEADBEEF) mod 10000
//   id     = 200000 + slice * 200000 + RID,   for RIDs below 200000
//
// The range is 200000 to 2000200000 in slices of 200000, SSSD's defaults. Two domains that hash to
// one slice collide; SSSD moves the second by order of discovery, which nobody can reproduce, so
// such a domain needs SSSD itself.
//
// Source:    sssd-ldap(5) "ID MAPPING"; MurmurHash3 is in the public domain.
// Threading: pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "common/security/sid.h"

namespace continuo::auth {

inline constexpr uint32_t kSssFirstId = 200'000;
inline constexpr uint32_t kSssSliceSize = 200'000;
inline constexpr uint32_t kSssSliceCount = 10'000;

uint32_t MurmurHash3(std::span<const uint8_t> data, uint32_t seed);
uint32_t SssSliceOf(std::string_view domain_sid);

// nullopt unless `sid` is S-1-5-21-a-b-c-RID with a RID that fits a slice.
std::optional<uint32_t> SssIdOfSid(const security::Sid& sid);
// The inverse for one known domain; nullopt when `id` is not in its slice.
std::optional<security::Sid> SssSidOfId(const security::Sid& domain_sid, uint32_t id);

}  // namespace continuo::auth
