#include "common/security/sddl_check.h"

#include "common/security/sddl.h"
#include "common/security/sid.h"

namespace continuo::security {

absl::Status CheckSddl(std::string_view text) {
  const SddlOptions any_domain{Sid(5, {21, 1, 1, 1})};
  const auto parsed = ParseSddl(text, any_domain);
  return parsed.ok() ? absl::OkStatus() : parsed.status();
}

}  // namespace continuo::security
