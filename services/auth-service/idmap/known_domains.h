// Domains and users that a KDC has vouched for, so that SIDs and ids of a domain have names and owners
// without a directory to ask.
//
// A domain is known by its NetBIOS name and SID for good: the first that has a slice of ids keeps it
// (sss_idmap.h). Of users as many as kUsersMax are remembered, by what was seen last.
//
// Threading: any thread; blocks on nothing. The revision rises with each new domain: whoever keeps them
// on disk compares it.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "common/security/sid.h"
#include "services/auth-service/idmap/well_known.h"

namespace continuo::auth {

class KnownDomains {
 public:
  static constexpr size_t kUsersMax = 65'536;
  static constexpr size_t kDomainsMax = 64;
  static constexpr size_t kIdsMax = 262'144;

  // From a PAC that was verified. Requires: `user_sid` is S-1-5-21-a-b-c-RID; others are passed over.
  void LearnUser(const std::string& domain_name, const std::string& user_name,
                 const security::Sid& user_sid);
  void LearnDomain(const std::string& name, const security::Sid& domain_sid);
  // One that is not the algorithm's. Beyond kIdsMax none is learned.
  void LearnId(const security::Sid& sid, uint32_t id);

  // A user, or the domain itself, or the domain without a name for the RID; nullopt otherwise.
  std::optional<NamedSid> FindSid(const security::Sid& sid) const;
  std::optional<NamedSid> FindName(std::string_view domain, std::string_view name) const;
  std::optional<security::Sid> SidOfId(uint32_t id) const;
  std::optional<uint32_t> LearnedId(const security::Sid& sid) const;

  std::map<std::string, security::Sid> domains() const;
  uint64_t revision() const;

 private:
  struct User {
    security::Sid sid;
    std::string domain;
    std::string name;
  };

  void LearnDomainLocked(const std::string& name, const security::Sid& domain_sid)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::map<std::string, security::Sid> domains_ ABSL_GUARDED_BY(mutex_);  // By upper-case name.
  std::list<User> users_ ABSL_GUARDED_BY(mutex_);                         // Seen last first.
  std::map<security::Sid, std::list<User>::iterator> by_sid_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::string>, security::Sid> by_name_ ABSL_GUARDED_BY(mutex_);
  std::map<security::Sid, uint32_t> id_of_sid_ ABSL_GUARDED_BY(mutex_);
  std::map<uint32_t, security::Sid> sid_of_id_ ABSL_GUARDED_BY(mutex_);
  uint64_t revision_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace continuo::auth
