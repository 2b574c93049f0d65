// The supervisor's own sign of life to whoever ends the group when it stops: the guard process that
// started it, or systemd (WatchdogSec=).
//
// Shape:     to the guard, on the pipe named by CONTINUO_GUARD_FD: eight bytes, the milliseconds it
//            may take until the next heartbeat, in the node's byte order.
// Threading: one thread.
#pragma once

#include <absl/time/time.h>

#include "common/rpc/unique_fd.h"
#include "services/watchdog-supervisor/escalation/group_watch.h"

namespace continuo::supervisor {

inline constexpr char kGuardFdVariable[] = "CONTINUO_GUARD_FD";
inline constexpr absl::Duration kHeartbeatMax = absl::Milliseconds(500);

class HeartbeatSender {
 public:
  HeartbeatSender();  // Reads the environment.

  void SendIfDue(absl::Time now, const Limits& limits);
  absl::Time NextDue(absl::Time now, const Limits& limits) const;

 private:
  rpc::UniqueFd guard_pipe_;
  bool is_systemd_watching_ = false;
  absl::Duration last_limit_ = absl::ZeroDuration();
  absl::Time last_sent_ = absl::InfinitePast();
};

}  // namespace continuo::supervisor
