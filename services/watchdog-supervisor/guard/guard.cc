#include "services/watchdog-supervisor/guard/guard.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>

#include <absl/strings/numbers.h>
#include <absl/strings/str_format.h>
#include <absl/time/clock.h>

#include "common/daemon/daemon.h"
#include "common/daemon/signals.h"
#include "common/logging/log.h"
#include "common/rpc/priority.h"
#include "common/rpc/unique_fd.h"
#include "services/watchdog-supervisor/guard/heartbeat.h"
#include "services/watchdog-supervisor/history/history_file.h"

namespace continuo::supervisor {

namespace {

// Until the first heartbeat: exec, configuration, logging.
constexpr absl::Duration kFirstHeartbeatLimit = absl::Seconds(10);
constexpr absl::Duration kSweepLimit = absl::Seconds(2);
constexpr absl::Duration kSweepPause = absl::Milliseconds(2);

struct Supervisor {
  pid_t pid = -1;
  rpc::UniqueFd pidfd;
  rpc::UniqueFd heartbeats;
};

[[noreturn]] void ExecSupervisor(std::vector<std::string> arguments, int heartbeat_fd,
                                 pid_t guard_pid) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != guard_pid) _exit(daemon::kExitFailure);
  setpgid(0, 0);
  fcntl(heartbeat_fd, F_SETFD, 0);
  setenv(kGuardFdVariable, absl::StrFormat("%d", heartbeat_fd).c_str(), 1);
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  daemon::UnblockHandledSignals();
  execv("/proc/self/exe", pointers.data());
  _exit(daemon::kExitFailure);
}

std::optional<Supervisor> StartSupervisor(const std::vector<std::string>& arguments) {
  int ends[2] = {-1, -1};
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return std::nullopt;
  Supervisor supervisor;
  supervisor.heartbeats.Reset(ends[0]);
  const rpc::UniqueFd write_end(ends[1]);
  const pid_t guard_pid = getpid();
  supervisor.pid = fork();
  if (supervisor.pid < 0) return std::nullopt;
  if (supervisor.pid == 0) {
    std::vector<std::string> inner = arguments;
    std::erase(inner, "--guard");
    inner.push_back("--no-guard");
    ExecSupervisor(std::move(inner), write_end.get(), guard_pid);
  }
  supervisor.pidfd.Reset(static_cast<int>(syscall(SYS_pidfd_open, supervisor.pid, 0)));
  if (!supervisor.pidfd.ok()) return std::nullopt;
  return supervisor;
}

// The processes whose parent is this one: field 4 of /proc/<pid>/stat, after the name in brackets.
std::vector<pid_t> Children() {
  std::vector<pid_t> children;
  DIR* const proc = opendir("/proc");
  if (proc == nullptr) return children;
  while (const dirent* const entry = readdir(proc)) {
    int pid = 0;
    if (!absl::SimpleAtoi(entry->d_name, &pid)) continue;
    std::ifstream file(absl::StrFormat("/proc/%d/stat", pid));
    std::string line;
    std::getline(file, line);
    const size_t bracket = line.rfind(')');
    char state = 0;
    int parent = 0;
    if (bracket == std::string::npos ||
        sscanf(line.c_str() + bracket + 1, " %c %d", &state, &parent) != 2) {
      continue;
    }
    if (parent == getpid()) children.push_back(pid);
  }
  closedir(proc);
  return children;
}

// Kills whatever is left below this process. Orphans become our children, generation by generation.
void Sweep() {
  const absl::Time give_up = absl::Now() + kSweepLimit;
  do {
    for (const pid_t child : Children()) kill(child, SIGKILL);
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    if (waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD) return;
    absl::SleepFor(kSweepPause);
  } while (absl::Now() < give_up);
  logging::Error("guard.processes_left");
}

int FailGroup(const std::string& run_dir, const std::string& reason) {
  Sweep();
  const absl::Status written = AppendHistory(
      HistoryPath(run_dir), {absl::Now(), "failed", "watchdog-supervisor", reason});
  logging::Error("group.failed", {{"daemon", "watchdog-supervisor"},
                                  {"reason", reason},
                                  {"history", written},
                                  {"exit_code", daemon::kExitFailure}});
  return daemon::kExitFailure;
}

int FinishWith(const Supervisor& supervisor, const std::string& run_dir) {
  siginfo_t info{};
  if (waitid(P_PIDFD, static_cast<id_t>(supervisor.pidfd.get()), &info, WEXITED) == 0 &&
      info.si_code == CLD_EXITED) {
    Sweep();
    return info.si_status;
  }
  return FailGroup(run_dir, absl::StrFormat("the supervisor was killed by signal %d",
                                            info.si_status));
}

// A guard that was itself held up (a paused virtual machine) may be the first to run again: it waits
// once more before it takes its own pause for the supervisor's.
bool WasHeldUp(absl::Time due, absl::Duration limit) { return absl::Now() - due > limit / 2; }

// A supervisor that ends closes its pipe before it is a process no more. From then on the pipe would
// wake the guard without a pause, at the expense of the supervisor that it waits for.
bool HasEnded(const pollfd& heartbeats) {
  return (heartbeats.revents & POLLHUP) != 0 && (heartbeats.revents & POLLIN) == 0;
}

int Watch(const Supervisor& supervisor, int signal_fd, const std::string& run_dir) {
  absl::Duration limit = kFirstHeartbeatLimit;
  absl::Time last = absl::Now();
  int forgiven_count = 0;
  pollfd waits[3] = {{supervisor.pidfd.get(), POLLIN, 0},
                     {signal_fd, POLLIN, 0},
                     {supervisor.heartbeats.get(), POLLIN, 0}};
  for (;;) {
    const absl::Duration left = last + limit - absl::Now();
    const int64_t left_ms = std::max<int64_t>(absl::ToInt64Milliseconds(left) + 1, 0);
    if (poll(waits, 3, static_cast<int>(std::min<int64_t>(left_ms, 60000))) < 0) continue;
    if (waits[0].revents != 0) return FinishWith(supervisor, run_dir);
    if (HasEnded(waits[2])) waits[2].fd = -1;
    signalfd_siginfo signal_info{};
    while (read(signal_fd, &signal_info, sizeof(signal_info)) == sizeof(signal_info)) {
      syscall(SYS_pidfd_send_signal, supervisor.pidfd.get(),
              static_cast<int>(signal_info.ssi_signo), nullptr, 0);
    }
    int64_t limit_ms = 0;
    while (read(supervisor.heartbeats.get(), &limit_ms, sizeof(limit_ms)) == sizeof(limit_ms)) {
      limit = absl::Milliseconds(limit_ms);
      last = absl::Now();
      forgiven_count = 0;
    }
    if (absl::Now() - last < limit) continue;
    if (WasHeldUp(last + limit, limit) && forgiven_count++ < kForgivenPausesMax) {
      last = absl::Now();
      continue;
    }
    kill(supervisor.pid, SIGKILL);
    return FailGroup(run_dir, absl::StrFormat("the supervisor gave no sign of life for %s",
                                              absl::FormatDuration(limit)));
  }
}

}  // namespace

int RunGuard(const std::vector<std::string>& arguments, const std::string& run_dir) {
  prctl(PR_SET_NAME, "continuo-guard");
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  daemon::BlockHandledSignals();
  sigset_t handled;
  sigemptyset(&handled);
  for (const int signal_number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&handled, signal_number);
  const rpc::UniqueFd signal_fd(signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
  const std::optional<Supervisor> supervisor = StartSupervisor(arguments);
  if (!signal_fd.ok() || !supervisor) {
    logging::Error("guard.not_started", {{"status", absl::ErrnoToStatus(errno, "start")}});
    return daemon::kExitFailure;
  }
  rpc::LockMemory();
  rpc::FavourCurrentThread();
  return Watch(*supervisor, signal_fd.get(), run_dir);
}

}  // namespace continuo::supervisor
