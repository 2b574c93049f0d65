#include "services/auth-service/idmap/known_domains.h"

#include <algorithm>

#include "common/bytes/utf16.h"
#include "services/auth-service/idmap/sss_idmap.h"

namespace continuo::auth {
namespace {

using security::Sid;

constexpr size_t kDomainUserSubs = 5;  // 21, three of the domain, the RID.

std::optional<Sid> DomainOf(const Sid& sid) {
  const auto subs = sid.sub_authorities();
  if (sid.authority() != 5 || subs.size() != kDomainUserSubs || subs[0] != 21) return std::nullopt;
  return Sid(5, subs.first(kDomainUserSubs - 1));
}

}  // namespace

void KnownDomains::LearnDomain(const std::string& name, const Sid& domain_sid) {
  const absl::MutexLock lock(&mutex_);
  LearnDomainLocked(name, domain_sid);
}

void KnownDomains::LearnDomainLocked(const std::string& name, const Sid& domain_sid) {
  if (name.empty() || domains_.size() >= kDomainsMax) return;
  const uint32_t slice = SssSliceOf(domain_sid.ToString());
  for (const auto& [known_name, known] : domains_) {
    if (known == domain_sid || SssSliceOf(known.ToString()) == slice) return;
  }
  if (domains_.emplace(bytes::FoldName(name), domain_sid).second) ++revision_;
}

void KnownDomains::LearnUser(const std::string& domain_name, const std::string& user_name,
                             const Sid& user_sid) {
  const std::optional<Sid> domain = DomainOf(user_sid);
  if (!domain || user_name.empty()) return;
  const absl::MutexLock lock(&mutex_);
  LearnDomainLocked(domain_name, *domain);
  if (const auto found = by_sid_.find(user_sid); found != by_sid_.end()) {
    const auto user = found->second;
    by_name_.erase({bytes::FoldName(user->domain), bytes::FoldName(user->name)});
    by_sid_.erase(found);
    users_.erase(user);
  }
  if (users_.size() >= kUsersMax) {
    const User& oldest = users_.back();
    by_name_.erase({bytes::FoldName(oldest.domain), bytes::FoldName(oldest.name)});
    by_sid_.erase(oldest.sid);
    users_.pop_back();
  }
  users_.push_front({user_sid, domain_name, user_name});
  by_sid_[user_sid] = users_.begin();
  by_name_[{bytes::FoldName(domain_name), bytes::FoldName(user_name)}] = user_sid;
}

std::optional<NamedSid> KnownDomains::FindSid(const Sid& sid) const {
  const absl::MutexLock lock(&mutex_);
  if (const auto found = by_sid_.find(sid); found != by_sid_.end()) {
    return NamedSid{sid, found->second->domain, found->second->name, NameKind::kUser};
  }
  const std::optional<Sid> domain = DomainOf(sid);
  for (const auto& [name, known] : domains_) {
    if (known == sid) return NamedSid{sid, name, name, NameKind::kDomain};
    if (domain && known == *domain) return NamedSid{sid, name, "", NameKind::kUnknown};
  }
  return std::nullopt;
}

std::optional<NamedSid> KnownDomains::FindName(std::string_view domain,
                                               std::string_view name) const {
  const absl::MutexLock lock(&mutex_);
  const auto found = by_name_.find({bytes::FoldName(domain), bytes::FoldName(name)});
  if (found == by_name_.end()) return std::nullopt;
  const User& user = *by_sid_.at(found->second);
  return NamedSid{user.sid, user.domain, user.name, NameKind::kUser};
}

void KnownDomains::LearnId(const Sid& sid, uint32_t id) {
  const absl::MutexLock lock(&mutex_);
  if (const auto former = id_of_sid_.find(sid); former != id_of_sid_.end()) {
    sid_of_id_.erase(former->second);
    id_of_sid_.erase(former);
  }
  if (id_of_sid_.size() >= kIdsMax) return;
  // An id that another SID had is this one's now.
  if (const auto former = sid_of_id_.find(id); former != sid_of_id_.end()) {
    id_of_sid_.erase(former->second);
  }
  id_of_sid_[sid] = id;
  sid_of_id_[id] = sid;
}

std::optional<uint32_t> KnownDomains::LearnedId(const Sid& sid) const {
  const absl::MutexLock lock(&mutex_);
  const auto found = id_of_sid_.find(sid);
  if (found == id_of_sid_.end()) return std::nullopt;
  return found->second;
}

std::optional<Sid> KnownDomains::SidOfId(uint32_t id) const {
  const absl::MutexLock lock(&mutex_);
  if (const auto found = sid_of_id_.find(id); found != sid_of_id_.end()) return found->second;
  for (const auto& [name, domain] : domains_) {
    if (const auto sid = SssSidOfId(domain, id)) return sid;
  }
  return std::nullopt;
}

std::map<std::string, Sid> KnownDomains::domains() const {
  const absl::MutexLock lock(&mutex_);
  return domains_;
}

uint64_t KnownDomains::revision() const {
  const absl::MutexLock lock(&mutex_);
  return revision_;
}

}  // namespace continuo::auth
