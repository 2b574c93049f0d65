// Ids of a domain's users and groups: SSSD's where it runs, else what SSSD would say
// (sss_idmap.h), so that files keep their owners either way.
//
// SSSD maps a whole domain in one way. So of each logon one SID is asked for: where its id is that of
// the algorithm, so are the others; where it is not (POSIX attributes in the directory, another range),
// SSSD is asked for each, and KnownDomains remembers the pairs for the way back.
//
// Threading: one logon's own; asks the directory, which may wait: for workers.
#pragma once

#include <cstdint>
#include <optional>

#include <absl/time/time.h>

#include "services/auth-service/idmap/domain_directory.h"
#include "services/auth-service/idmap/known_domains.h"

namespace continuo::auth {

// What one logon may wait for ids in all; beyond it the algorithm decides.
inline constexpr absl::Duration kIdsOfLogonMax = absl::Seconds(3);

class DomainIds {
 public:
  // `user` is who logs on.
  DomainIds(DomainDirectory& directory, KnownDomains& domains, const security::Sid& user);

  std::optional<uint32_t> IdOf(const security::Sid& sid);

 private:
  std::optional<uint32_t> Ask(const security::Sid& sid);

  DomainDirectory& directory_;
  KnownDomains& domains_;
  const absl::Time give_up_;
  bool is_algorithmic_ = true;
};

}  // namespace continuo::auth
