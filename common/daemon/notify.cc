#include "common/daemon/notify.h"

#include <systemd/sd-daemon.h>
#include <time.h>

#include <absl/strings/str_format.h>
#include <absl/strings/str_replace.h>

namespace continuo::daemon {

void NotifyReady() { sd_notify(0, "READY=1"); }

void NotifyReloading() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const int64_t micros = absl::ToInt64Microseconds(absl::DurationFromTimespec(now));
  sd_notify(0, absl::StrFormat("RELOADING=1\nMONOTONIC_USEC=%d", micros).c_str());
}

void NotifyStopping() { sd_notify(0, "STOPPING=1"); }

void NotifyStatus(const std::string& text) {
  sd_notify(0, ("STATUS=" + absl::StrReplaceAll(text, {{"\n", "; "}})).c_str());
}

void NotifyWatchdog() { sd_notify(0, "WATCHDOG=1"); }

void NotifyWatchdogLimit(absl::Duration limit) {
  sd_notify(0, absl::StrFormat("WATCHDOG_USEC=%d", absl::ToInt64Microseconds(limit)).c_str());
}

absl::Duration SystemdWatchdogInterval() {
  uint64_t micros = 0;
  return sd_watchdog_enabled(0, &micros) > 0 ? absl::Microseconds(micros) : absl::ZeroDuration();
}

}  // namespace continuo::daemon
