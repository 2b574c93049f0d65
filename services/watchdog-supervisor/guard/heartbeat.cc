#include "services/watchdog-supervisor/guard/heartbeat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

#include <absl/strings/numbers.h>

#include "common/daemon/notify.h"
#include "common/logging/log.h"

namespace continuo::supervisor {

namespace {

absl::Duration PeriodOf(const Limits& limits) {
  return std::min({limits.interval / 2, limits.timeout / 2, kHeartbeatMax});
}

}  // namespace

HeartbeatSender::HeartbeatSender()
    : is_systemd_watching_(daemon::SystemdWatchdogInterval() > absl::ZeroDuration()) {
  const char* const text = getenv(kGuardFdVariable);
  int fd = -1;
  if (text == nullptr || !absl::SimpleAtoi(text, &fd) || fcntl(fd, F_GETFD) < 0) return;
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  guard_pipe_.Reset(fd);
}

void HeartbeatSender::SendIfDue(absl::Time now, const Limits& limits) {
  if (now < NextDue(now, limits)) return;
  last_sent_ = now;
  const absl::Duration limit = limits.interval + limits.timeout;
  if (is_systemd_watching_ && limit != last_limit_) daemon::NotifyWatchdogLimit(limit);
  last_limit_ = limit;
  if (is_systemd_watching_) daemon::NotifyWatchdog();
  if (!guard_pipe_.ok()) return;
  const int64_t limit_ms = absl::ToInt64Milliseconds(limit);
  const ssize_t written = write(guard_pipe_.get(), &limit_ms, sizeof(limit_ms));
  // EAGAIN: the guard is far behind and has enough to read.
  if (written < 0 && errno != EAGAIN) logging::Warning("guard.gone");
}

absl::Time HeartbeatSender::NextDue(absl::Time now, const Limits& limits) const {
  if (!is_systemd_watching_ && !guard_pipe_.ok()) return absl::InfiniteFuture();
  // A clock that was set back must not stop the heartbeats.
  if (last_sent_ > now) return now;
  return last_sent_ + PeriodOf(limits);
}

}  // namespace continuo::supervisor
