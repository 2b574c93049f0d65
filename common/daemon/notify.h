// What a daemon tells systemd (sd_notify). Without NOTIFY_SOCKET nothing happens.
//
// Threading: any thread.
#pragma once

#include <string>

#include <absl/time/time.h>

namespace continuo::daemon {

// Set by a supervisor for the processes that it starts; they die with it.
inline constexpr char kSupervisorPidVariable[] = "CONTINUO_SUPERVISOR_PID";

void NotifyReady();
void NotifyReloading();
void NotifyStopping();
void NotifyStatus(const std::string& text);
void NotifyWatchdog();

// Sets how long systemd waits for the next keep-alive, in place of WatchdogSec=.
void NotifyWatchdogLimit(absl::Duration limit);

// WatchdogSec= of the unit, or zero when systemd expects no keep-alives.
absl::Duration SystemdWatchdogInterval();

}  // namespace continuo::daemon
