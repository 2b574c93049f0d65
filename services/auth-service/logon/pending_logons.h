// The logons that wait for their client's next token: bounded in number, in number per connection
// and in age; the oldest makes room. A leg takes its logon out and puts it back, so two legs of one
// logon never run at once.
//
// Threading: any thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include "common/base/clock.h"
#include "services/auth-service/logon/logon_mechanism.h"
#include "services/auth-service/spnego/spnego_acceptor.h"

namespace continuo::auth {

struct PendingLogon {
  std::unique_ptr<spnego::SpnegoAcceptor> acceptor;
  // Owned by `acceptor`; null until a mechanism was chosen.
  std::shared_ptr<LogonMechanism*> mechanism;
  absl::Time started;
  uint64_t connection_key = 0;
  std::string client_address;
  int leg_count = 0;
};

class PendingLogons {
 public:
  static constexpr size_t kMax = 8'192;
  static constexpr size_t kPerConnectionMax = 16;
  static constexpr absl::Duration kAgeMax = absl::Seconds(30);
  static_assert(kPerConnectionMax < kMax);

  explicit PendingLogons(base::RandomSource& random) : random_(random) {}

  // Stores a logon under a new id (`id` 0) or again under its own.
  uint64_t Put(uint64_t id, PendingLogon logon, absl::Time now);
  // Takes it out; nullopt when unknown, too old or in another leg's hands.
  std::optional<PendingLogon> Take(uint64_t id, absl::Time now);
  void Drop(uint64_t id);

  struct Listed {
    uint64_t id = 0;
    std::string client_address;
    absl::Duration age;
    int leg_count = 0;
  };
  std::vector<Listed> List(absl::Time now) const;
  size_t size() const;
  uint64_t dropped_count() const;

 private:
  using AgeKey = std::pair<absl::Time, uint64_t>;

  void Erase(uint64_t id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DropOld(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  base::RandomSource& random_;
  mutable absl::Mutex mutex_;
  std::unordered_map<uint64_t, PendingLogon> logons_ ABSL_GUARDED_BY(mutex_);
  std::set<AgeKey> by_age_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<uint64_t, std::set<AgeKey>> by_connection_ ABSL_GUARDED_BY(mutex_);
  uint64_t dropped_count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace continuo::auth
