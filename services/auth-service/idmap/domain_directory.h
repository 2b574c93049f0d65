// What somebody else knows of a domain's users and groups; SSSD in a daemon, a fake in tests.
//
// Threading: any thread; calls may wait as long as the implementation says: for workers only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/security/sid.h"
#include "services/auth-service/idmap/well_known.h"

namespace continuo::auth {

class DomainDirectory {
 public:
  virtual ~DomainDirectory() = default;

  // nullopt: unknown, or nobody answers.
  virtual std::optional<NamedSid> FindSid(const security::Sid& sid) = 0;
  // Never without a domain: a local group of that bare name would answer first.
  virtual std::optional<NamedSid> FindName(std::string_view domain, std::string_view name) = 0;
  virtual std::optional<uint32_t> IdOfSid(const security::Sid& sid) = 0;

  // Why it does not answer; empty when it does, or when there is none.
  virtual std::string Problem() const = 0;
};

}  // namespace continuo::auth
