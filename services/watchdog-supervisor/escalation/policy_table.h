// The supervisor's policy: one row for each daemon of the group.
//
// Threading: constants.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include <absl/time/time.h>

namespace continuo::supervisor {

enum class DaemonId : size_t { kFsaState, kCaStore, kAuth, kTickle, kFrontend };
inline constexpr size_t kDaemonCount = 5;

// How long one daemon may take. The health deadline is the key watchdog_timeout for all of them.
struct DaemonPolicy {
  std::string_view name;
  bool needs_the_others = false;  // Started once all others are ready, stopped first.
  absl::Duration start_limit;     // From exec to the first SERVING.
  absl::Duration stop_share;      // Of drain_timeout, kept back for this daemon.
};

// In the order of starting; stopping goes from the last to the first.
inline constexpr std::array<DaemonPolicy, kDaemonCount> kPolicies = {{
    {"fsa-state-service", false, absl::Seconds(30), absl::Milliseconds(200)},
    {"ca-store-service", false, absl::Seconds(30), absl::Milliseconds(200)},
    {"auth-service", false, absl::Seconds(30), absl::Milliseconds(200)},
    {"tickle-service", false, absl::Seconds(30), absl::Milliseconds(200)},
    {"smb-frontend", true, absl::Seconds(30), absl::Milliseconds(200)},
}};

inline constexpr const DaemonPolicy& PolicyOf(DaemonId id) {
  return kPolicies[static_cast<size_t>(id)];
}

}  // namespace continuo::supervisor
