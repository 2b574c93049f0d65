// Whether a text is good SDDL, for whoever reads configuration before a machine SID is known.
//
// Threading: pure.
#pragma once

#include <string_view>

#include <absl/status/status.h>

namespace continuo::security {

// Aliases of a domain, like DA, are good: the daemons put in the machine's own.
// Errors: those of ParseSddl.
absl::Status CheckSddl(std::string_view text);

}  // namespace continuo::security
