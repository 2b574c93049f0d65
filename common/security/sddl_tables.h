// The abbreviations of SDDL, [MS-DTYP] 2.5.1.1. Internal to this folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/security/access_mask.h"
#include "common/security/security_descriptor.h"
#include "common/security/sid.h"

namespace continuo::security::sddl {

// Two letters; case counts not.
std::optional<Sid> SidOfAlias(std::string_view alias, const Sid& domain);
// Empty when `sid` has no alias.
std::string_view AliasOfSid(const Sid& sid, const Sid& domain);
std::optional<AccessMask> RightOfAlias(std::string_view alias);
// "FA", "FR", ... for an exact whole mask; empty otherwise.
std::string_view AliasOfMask(AccessMask mask);
std::optional<AceType> AceTypeOfAlias(std::string_view alias);
std::string_view AliasOfAceType(AceType type);
std::optional<uint8_t> AceFlagOfAlias(std::string_view alias);

struct AceFlagName {
  std::string_view alias;
  uint8_t flag;
};
std::span<const AceFlagName> AceFlagNames();

}  // namespace continuo::security::sddl
