// Unix ids and SIDs of accounts, as auth-service knows them, for descriptors that are derived from
// owner and mode.
//
// Answers are kept: the mapping of an account does not change while it exists. A miss asks
// auth-service and waits for it, so the mapper is for worker threads; when auth-service does not
// answer in time the Unix SID (S-1-22-…) stands in and is not kept.
// Threading: any thread but an event loop's.
#pragma once

#include <optional>

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_map.h>
#include <absl/synchronization/mutex.h>

#include "common/security/posix_descriptor.h"
#include "services/smb-frontend/clients/auth_client.h"

namespace continuo::app {

class AuthIdMapper final : public security::IdMapper {
 public:
  // `auth` outlives the mapper.
  explicit AuthIdMapper(clients::AuthClient& auth) : auth_(auth) {}

  security::Sid SidOfUid(uint32_t uid) const override;
  security::Sid SidOfGid(uint32_t gid) const override;
  std::optional<uint32_t> UidOfSid(const security::Sid& sid) const override;
  std::optional<uint32_t> GidOfSid(const security::Sid& sid) const override;

  // Everything is asked for anew: after a reload.
  void Forget();

 private:
  static constexpr size_t kMaxKept = 100'000;

  std::optional<security::Sid> AskSid(clients::UnixId id) const;
  std::optional<clients::UnixId> AskId(const security::Sid& sid) const;
  std::optional<clients::UnixId> IdOf(const security::Sid& sid) const;

  clients::AuthClient& auth_;
  mutable absl::Mutex mutex_;
  mutable absl::flat_hash_map<uint32_t, security::Sid> users_ ABSL_GUARDED_BY(mutex_);
  mutable absl::flat_hash_map<uint32_t, security::Sid> groups_ ABSL_GUARDED_BY(mutex_);
  mutable absl::flat_hash_map<security::Sid, clients::UnixId> ids_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace continuo::app
