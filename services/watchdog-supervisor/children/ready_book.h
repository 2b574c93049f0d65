// Brings together who said READY=1 and whom the supervisor has started.
//
// A child may be ready before the thread that started it has entered it here: on a busy machine that
// thread waits for its core while the child already runs. What came early is kept.
//
// Threading: none; the owner serialises.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "services/watchdog-supervisor/escalation/policy_table.h"

namespace continuo::supervisor {

// Others than children may send to the socket: what they say is not kept beyond this.
inline constexpr size_t kEarlyReadyMax = 64;
static_assert(kEarlyReadyMax > kDaemonCount);

class ReadyBook {
 public:
  // The daemon that is ready now, if its start has been entered.
  std::optional<DaemonId> OnReady(pid_t pid) {
    const auto place = std::find(pids_.begin(), pids_.end(), pid);
    if (place != pids_.end()) return static_cast<DaemonId>(place - pids_.begin());
    if (early_.size() < kEarlyReadyMax) early_.push_back(pid);
    return std::nullopt;
  }

  // Returns true when it has said READY=1 before.
  bool OnStarted(DaemonId id, pid_t pid) {
    pids_[static_cast<size_t>(id)] = pid;
    return std::erase(early_, pid) > 0;
  }

 private:
  std::array<pid_t, kDaemonCount> pids_{};
  std::vector<pid_t> early_;
};

}  // namespace continuo::supervisor
