// Slows down guessing. Failures are counted for each account as seen from one client address, and
// for the address alone, whatever the accounts. After kFreeFailures bad passwords for an account from
// one address (kFreeAddressFailures in all from that address) every further attempt from there waits
// its turn, and the turns lie further and further apart.
//
//   const LogonOrigin origin{"alice", "10.0.0.7"};
//   const std::optional<absl::Duration> wait = limiter.Admit(origin, now);
//   if (!wait) refuse;                       // The queue of waiting attempts is too long.
//   ... check; answer after *wait ...
//   limiter.Failed(origin, now) or limiter.Succeeded(origin);
//
// So nobody can lock a user out from elsewhere: what fails at one address costs the others nothing.
// Unknown accounts are limited like real ones, so that nothing tells them apart. Attempts take turns,
// so many connections at once guess no faster than one. An IPv6 client counts by its /64, the rest of
// the address is its own choice.
//
// Threading: any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

namespace continuo::auth {

struct LogonOrigin {
  std::string account;
  std::string address;  // As text, without the port; empty: unknown, which is one address too.
};

// Failures of each account from all addresses together, at one moment.
class FailureTally {
 public:
  uint32_t Of(std::string_view account) const;

 private:
  friend class RateLimiter;
  std::unordered_map<std::string, uint32_t> counts_;  // By folded name.
};

class RateLimiter {
 public:
  static constexpr uint32_t kFreeFailures = 5;
  static constexpr uint32_t kFreeAddressFailures = 100;  // Many users may share one address.
  static_assert(kFreeFailures < kFreeAddressFailures);
  static constexpr absl::Duration kFirstDelay = absl::Milliseconds(250);  // Doubles each time.
  static constexpr absl::Duration kDelayMax = absl::Seconds(4);
  static constexpr absl::Duration kWaitMax = absl::Seconds(8);
  static constexpr absl::Duration kForgetAfter = absl::Minutes(15);
  static constexpr size_t kEntriesMax = 20'000;  // Of each of the two tables.

  // How long the answer to an attempt made now has to wait; nullopt: refuse it unseen.
  std::optional<absl::Duration> Admit(const LogonOrigin& origin, absl::Time now);
  void Failed(const LogonOrigin& origin, absl::Time now);
  // Forgives the account at this address. The address itself is forgiven by time alone: who has one
  // password could otherwise go on guessing others.
  void Succeeded(const LogonOrigin& origin);

  uint32_t FailureCount(const LogonOrigin& origin) const;
  FailureTally Tally() const;

 private:
  struct Entry {
    uint32_t failures = 0;
    absl::Time next_turn = absl::InfinitePast();
    absl::Time last_failure = absl::InfinitePast();
  };
  using Table = std::unordered_map<std::string, Entry>;

  static absl::Time TurnOf(Table& table, const std::string& key, uint32_t free_failures,
                           absl::Time now);
  static void Count(Table& table, const std::string& key, absl::Time now);
  static void MakeRoom(Table& table, absl::Time now);

  mutable absl::Mutex mutex_;
  Table accounts_ ABSL_GUARDED_BY(mutex_);   // By address and folded name.
  Table addresses_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace continuo::auth
