// The text form of security descriptors.
//
//   "O:BAG:SYD:PAI(A;OICI;FA;;;SY)(A;;0x1200a9;;;WD)"
//
// Source: [MS-DTYP] 2.5.1. Conditional expressions and resource attributes are not part of what
// share configurations use: such an ACE is refused, not skipped.
// Threading: pure.
#pragma once

#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "common/security/security_descriptor.h"

namespace continuo::security {

inline constexpr size_t kSddlMaxSizeBytes = 256 * 1024;

struct SddlOptions {
  Sid domain;  // For aliases relative to a domain (DA, DU, LA, ...): refused when invalid.
};

// Errors: InvalidArgument with the position and what was expected there.
absl::StatusOr<SecurityDescriptor> ParseSddl(std::string_view text, const SddlOptions& options);

// Round-trips through ParseSddl for every descriptor without object, callback or unknown ACEs;
// those are written as "(type;...)" in hexadecimal for logs only.
std::string FormatSddl(const SecurityDescriptor& sd, const SddlOptions& options);

}  // namespace continuo::security
