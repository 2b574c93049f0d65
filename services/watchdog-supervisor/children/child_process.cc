#include "services/watchdog-supervisor/children/child_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include <absl/strings/match.h>
#include <absl/strings/str_format.h>

#include "common/base/check.h"
#include "common/daemon/signals.h"
#include "common/rpc/server.h"

extern char** environ;

namespace continuo::supervisor {

namespace {

constexpr int kExitCannotExec = 127;
constexpr int kExitSignalBase = 128;

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// Runs in the child of a process with threads: only async-signal-safe calls.
[[noreturn]] void ExecChild(char* const* arguments, char* const* environment, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kExitCannotExec);  // It died before the line above.
  setpgid(0, 0);
  daemon::UnblockHandledSignals();
  execve(arguments[0], arguments, environment);
  _exit(kExitCannotExec);
}

absl::StatusOr<rpc::UniqueFd> OpenPidfd(pid_t pid) {
  rpc::UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd.ok()) {
    return absl::ErrnoToStatus(errno, absl::StrFormat("open process %d", pid));
  }
  return pidfd;
}

}  // namespace

absl::StatusOr<ChildProcess> ChildProcess::Spawn(const std::vector<std::string>& arguments,
                                                 const std::vector<std::string>& environment) {
  if (access(arguments[0].c_str(), X_OK) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrFormat("start %s", arguments[0]));
  }
  const std::vector<char*> argument_pointers = Pointers(arguments);
  const std::vector<char*> environment_pointers = Pointers(environment);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return absl::ErrnoToStatus(errno, absl::StrFormat("start %s", arguments[0]));
  if (pid == 0) ExecChild(argument_pointers.data(), environment_pointers.data(), parent);
  ChildProcess child;
  child.pid_ = pid;
  child.is_child_ = true;
  // The number is still the child's: nobody else waits for it.
  CONTINUO_ASSIGN_OR_RETURN(child.pidfd_, OpenPidfd(pid));
  return child;
}

absl::StatusOr<ChildProcess> ChildProcess::Attach(const std::string& socket_path) {
  rpc::UniqueFd connection(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!connection.ok() || socket_path.size() > rpc::kUnixPathMaxBytes) {
    return absl::InternalError(absl::StrFormat("connect to %s", socket_path));
  }
  std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
  if (connect(connection.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return absl::UnavailableError(
        absl::StrFormat("connect to %s: %s", socket_path, strerror(errno)));
  }
  // On the connecting side these are the credentials of the process that called listen().
  ucred listener{};
  socklen_t size = sizeof(listener);
  if (getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &listener, &size) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrFormat("who listens on %s", socket_path));
  }
  ChildProcess child;
  child.pid_ = listener.pid;
  CONTINUO_ASSIGN_OR_RETURN(child.pidfd_, OpenPidfd(listener.pid));
  return child;
}

void ChildProcess::Kill() const { Signal(SIGKILL); }

void ChildProcess::Terminate() const { Signal(SIGTERM); }

void ChildProcess::Signal(int signal_number) const {
  if (ok()) syscall(SYS_pidfd_send_signal, pidfd_.get(), signal_number, nullptr, 0);
}

ExitStatus ChildProcess::Reap() {
  if (!is_child_) return {"exited; whoever started it knows its status", 1};
  siginfo_t info{};
  if (waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) != 0) {
    return {absl::StrFormat("ended, waitid: %s", strerror(errno)), 1};
  }
  if (info.si_code == CLD_EXITED) {
    const char* const hint = info.si_status == kExitCannotExec ? " (could not be executed)" : "";
    return {absl::StrFormat("exited with code %d%s", info.si_status, hint), info.si_status};
  }
  return {absl::StrFormat("killed by signal %d (%s)", info.si_status, strsignal(info.si_status)),
          kExitSignalBase + info.si_status};
}

std::vector<std::string> ChildEnvironment(const std::vector<std::string>& additions) {
  static constexpr std::array<const char*, 5> kOwn = {
      "NOTIFY_SOCKET=", "WATCHDOG_USEC=", "WATCHDOG_PID=", "CONTINUO_GUARD_FD=",
      "CONTINUO_SUPERVISOR_PID="};
  std::vector<std::string> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const bool is_own = std::any_of(kOwn.begin(), kOwn.end(), [variable](const char* prefix) {
      return absl::StartsWith(*variable, prefix);
    });
    if (!is_own) environment.emplace_back(*variable);
  }
  environment.insert(environment.end(), additions.begin(), additions.end());
  return environment;
}

}  // namespace continuo::supervisor
