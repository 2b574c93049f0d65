// The main() of every daemon.
//
//   int main(int argc, char** argv) {
//     return continuo::daemon::Main(argc, argv, {
//         .name = "auth-service",
//         .description = "Logons and identities for the SMB front end.",
//         .start = [](const continuo::daemon::StartContext& context) {
//           return AuthApp::Start(context);  // StatusOr<std::unique_ptr<daemon::App>>
//         }});
//   }
//
// Main does, in this order: command line (--config FILE, --check-config, --version, --run-dir DIR,
// --metrics-listen ADDRESS|off, --log-level N), blocks the handled signals before any thread
// exists, reads tsmb.conf, starts logging and metrics, calls `start`, tells systemd READY=1 and then
// waits: SIGHUP reads the file again, reopens the log and calls Reload; SIGTERM or SIGINT tells
// STOPPING=1 and calls Stop with drain_timeout; a second one, or a Stop that is too late, ends the
// process at once. A process that a supervisor started (CONTINUO_SUPERVISOR_PID) dies with it.
//
// Exit codes: 0 clean, 1 failure, 78 bad configuration or command line.
// Threading: App is called from the main thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "common/config/config.h"
#include "common/metrics/metrics.h"

namespace continuo::daemon {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitBadConfig = 78;

class App {
 public:
  virtual ~App() = default;

  // A new, valid configuration. What cannot change without a restart is left alone and logged.
  // Errors: the former configuration stays in force; the caller logs the status.
  virtual absl::Status Reload(std::shared_ptr<const config::Config> config) = 0;

  // Stops in the reverse order of the start, intake first; done or given up by `deadline`.
  virtual absl::Status Stop(absl::Time deadline) = 0;
};

struct StartContext {
  std::shared_ptr<const config::Config> config;
  std::string config_path;
  std::string run_dir;                  // Sockets, lock files: node-local.
  metrics::Registry* registry = nullptr;  // Outlives the App.
  bool is_supervised = false;           // A watchdog-supervisor started this process.
  // Ends the process as if SIGTERM had come (exit code 0), or at once as a failure with a reason. May
  // be called from any thread at any time.
  std::function<void(absl::Status)> request_exit;
  std::vector<std::string> extra_arguments;   // Those of MainOptions::extra_flags that were given.
  // The common arguments in a form that another daemon of the group takes: configuration, run
  // directory, and the log level and "--metrics-listen off" where they were given.
  std::vector<std::string> shared_arguments;
};

struct MainOptions {
  std::string name;         // "auth-service".
  std::string description;  // One sentence for --help.
  // A start that sees IsStopPending() (signals.h) may give up with Cancelled: exit code 0.
  std::function<absl::StatusOr<std::unique_ptr<App>>(const StartContext&)> start;
  // Flags without value that only this daemon has, like "--attach"; those given are passed on.
  std::vector<std::string> extra_flags = {};
};

int Main(int argc, char** argv, const MainOptions& options);

}  // namespace continuo::daemon
