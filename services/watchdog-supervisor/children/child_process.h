// One daemon's process: started here or found behind its socket.
//
// Threading: Spawn from a thread that lives as long as the process (the parent-death signal comes
// when that thread ends); Kill and Terminate from any thread; the rest from the owner's.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "common/rpc/unique_fd.h"

namespace continuo::supervisor {

// How a process ended.
struct ExitStatus {
  std::string text;  // "killed by signal 9 (Killed)", "exited with code 1".
  int exit_code = 0;  // 128 + signal for a killed one.
};

class ChildProcess {
 public:
  ChildProcess() = default;

  // Starts `arguments` (the first is the path). The child leads a process group of its own, so that
  // Ctrl-C reaches the supervisor alone, and gets SIGKILL when the calling thread ends.
  // `environment` replaces this process's.
  static absl::StatusOr<ChildProcess> Spawn(const std::vector<std::string>& arguments,
                                            const std::vector<std::string>& environment);

  // The process that listens on a Unix socket.
  // Errors: Unavailable while nobody listens.
  static absl::StatusOr<ChildProcess> Attach(const std::string& socket_path);

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }  // Readable once the process has ended.
  bool ok() const { return pidfd_.ok(); }

  void Kill() const;       // SIGKILL
  void Terminate() const;  // SIGTERM
  void Signal(int signal_number) const;

  // Call once, after pidfd() became readable.
  ExitStatus Reap();

 private:
  pid_t pid_ = -1;
  rpc::UniqueFd pidfd_;
  bool is_child_ = false;
};

// The environment of this process without what concerns it alone, with `additions`.
std::vector<std::string> ChildEnvironment(const std::vector<std::string>& additions);

}  // namespace continuo::supervisor
