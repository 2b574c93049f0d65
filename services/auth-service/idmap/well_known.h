// Names of the SIDs that are the same everywhere.
//
// Source:    [MS-DTYP] 2.4.2.4, [MS-LSAT] 3.1.1.1 (predefined translation database).
// Threading: pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/security/sid.h"

namespace continuo::auth {

// SID_NAME_USE, [MS-LSAT] 2.2.13.
enum class NameKind : uint8_t {
  kUser = 1,
  kGroup = 2,
  kDomain = 3,
  kAlias = 4,
  kWellKnownGroup = 5,
  kDeletedAccount = 6,
  kInvalid = 7,
  kUnknown = 8,
};

struct NamedSid {
  security::Sid sid;  // Invalid when the name is unknown.
  std::string domain_name;
  std::string name;
  NameKind kind = NameKind::kUnknown;
  friend bool operator==(const NamedSid&, const NamedSid&) = default;
};

std::optional<NamedSid> FindWellKnown(const security::Sid& sid);
// `domain` may be empty: then the name alone decides.
std::optional<NamedSid> FindWellKnown(std::string_view domain, std::string_view name);

}  // namespace continuo::auth
