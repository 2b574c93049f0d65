#include "services/auth-service/idmap/domain_ids.h"

#include <absl/time/clock.h>

#include "services/auth-service/idmap/sss_idmap.h"

namespace continuo::auth {

DomainIds::DomainIds(DomainDirectory& directory, KnownDomains& domains, const security::Sid& user)
    : directory_(directory), domains_(domains), give_up_(absl::Now() + kIdsOfLogonMax) {
  const std::optional<uint32_t> told = Ask(user);
  is_algorithmic_ = !told || told == SssIdOfSid(user);
}

std::optional<uint32_t> DomainIds::IdOf(const security::Sid& sid) {
  const std::optional<uint32_t> computed = SssIdOfSid(sid);
  if (is_algorithmic_) return computed;
  const std::optional<uint32_t> told = Ask(sid);
  return told ? told : computed;
}

std::optional<uint32_t> DomainIds::Ask(const security::Sid& sid) {
  if (absl::Now() >= give_up_) return std::nullopt;
  const std::optional<uint32_t> told = directory_.IdOfSid(sid);
  if (told && told != SssIdOfSid(sid)) domains_.LearnId(sid, *told);
  return told;
}

}  // namespace continuo::auth
