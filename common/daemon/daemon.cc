#include "common/daemon/daemon.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <thread>
#include <utility>

#include <absl/strings/numbers.h>
#include <absl/strings/str_format.h>
#include <absl/synchronization/mutex.h>

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/config/parser.h"
#include "common/config/reload.h"
#include "common/daemon/command_line.h"
#include "common/daemon/notify.h"
#include "common/daemon/signals.h"
#include "common/logging/log.h"
#include "common/rpc/priority.h"
#include "common/rpc/version.h"
#include "common/security/sddl_check.h"

namespace continuo::daemon {

namespace {

using SharedConfig = std::shared_ptr<const config::Config>;

// A stop that overruns its deadline by this much is ended without ceremony.
constexpr absl::Duration kStopGrace = absl::Seconds(1);
constexpr absl::Duration kLastLogWait = absl::Milliseconds(200);

// The first reason wins; the main thread is woken by SIGTERM to itself.
class ExitRequest {
 public:
  void Request(absl::Status reason) {
    {
      absl::MutexLock lock(&mutex_);
      if (is_requested_) return;
      is_requested_ = true;
      reason_ = std::move(reason);
    }
    kill(getpid(), SIGTERM);
  }

  // From here on a request changes nothing: the process ends anyway.
  absl::Status Close() {
    absl::MutexLock lock(&mutex_);
    is_requested_ = true;
    return reason_;
  }

 private:
  absl::Mutex mutex_;
  bool is_requested_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status reason_ ABSL_GUARDED_BY(mutex_);
};

int ExitWith(int code, std::string_view daemon, const absl::Status& status) {
  if (code == kExitOk) {
    logging::Info("daemon.stopped", {{"daemon", daemon}});
  } else {
    logging::Error("daemon.failed", {{"daemon", daemon}, {"status", status}, {"exit_code", code}});
    NotifyStatus(std::string(status.message()));  // What started us names the reason.
  }
  logging::Flush();
  return code;
}

logging::Destination DestinationOf(const config::Global& global) {
  switch (global.log_destination) {
    case config::LogDestination::kSyslog:
      return logging::Destination::kSyslog;
    case config::LogDestination::kFile:
      return logging::Destination::kFile;
    case config::LogDestination::kConsole:
      break;
  }
  return logging::Destination::kStderr;
}

absl::Status ConfigureLogging(const MainOptions& options, const CommandLine& line,
                              const config::Global& global) {
  logging::Options log;
  log.daemon_name = options.name;
  log.level = logging::SeverityFromLevel(line.log_level.value_or(static_cast<int>(global.log_level)));
  log.destination = DestinationOf(global);
  log.file_path = global.log_path;
  return logging::Configure(log);
}

// Where metrics are served: the command line decides over the file; empty is off.
std::string MetricsListen(const MainOptions& options, const CommandLine& line,
                          const config::Config& config) {
  if (line.metrics_listen) return *line.metrics_listen == "off" ? "" : *line.metrics_listen;
  const std::optional<config::HostPort> address = config::MetricsAddressOf(config, options.name);
  return address ? config::ToText(*address) : "";
}

// Metrics that cannot be served are a degradation, not a reason to refuse clients.
std::unique_ptr<metrics::Exposer> StartMetrics(const std::string& listen,
                                               const metrics::Registry& registry) {
  if (listen.empty()) return nullptr;
  absl::StatusOr<std::unique_ptr<metrics::Exposer>> exposer =
      metrics::Exposer::Start(listen, registry);
  if (exposer.ok()) return *std::move(exposer);
  logging::Warning("metrics.not_served", {{"status", exposer.status()}});
  return nullptr;
}

// True when a supervisor started this process and is still there to watch it.
absl::StatusOr<bool> JoinSupervisor() {
  const char* const text = getenv(kSupervisorPidVariable);
  if (text == nullptr) return false;
  int supervisor_pid = 0;
  if (!absl::SimpleAtoi(text, &supervisor_pid)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s=%s is no process id", kSupervisorPidVariable, text));
  }
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return absl::ErrnoToStatus(errno, "PR_SET_PDEATHSIG");
  // The supervisor may have died before the line above; then nothing will tell us.
  if (getppid() != supervisor_pid) return absl::UnavailableError("the supervisor has gone");
  return true;
}

// An address for metrics is one daemon's own; only "off" is for all.
std::vector<std::string> SharedArguments(const CommandLine& line) {
  std::vector<std::string> arguments = {"--config", line.config_path, "--run-dir", line.run_dir};
  if (line.log_level) {
    arguments.push_back("--log-level");
    arguments.push_back(absl::StrFormat("%d", *line.log_level));
  }
  if (line.metrics_listen == "off") {
    arguments.push_back("--metrics-listen");
    arguments.push_back("off");
  }
  return arguments;
}

void LogWarnings(const config::ParseResult& parsed) {
  for (const config::Diagnostic& warning : parsed.warnings) {
    logging::Warning("config.warning", {{"text", warning.ToString()}});
  }
}

config::ParseResult LoadConfig(const CommandLine& line) {
  return config::LoadConfigFile(line.config_path, {.validate_sddl = security::CheckSddl});
}

int CheckConfig(const CommandLine& line) {
  const config::ParseResult parsed = LoadConfig(line);
  std::fputs(parsed.Describe().c_str(), parsed.ok() ? stdout : stderr);
  if (parsed.ok()) std::fprintf(stdout, "%s: no errors\n", line.config_path.c_str());
  return parsed.ok() ? kExitOk : kExitBadConfig;
}

class Process {
 public:
  Process(const MainOptions& options, CommandLine line)
      : options_(options), line_(std::move(line)), registry_(options.name) {}

  int Run();

 private:
  absl::Status Start(bool is_supervised);
  void Reload();
  int Stop();

  const MainOptions& options_;
  const CommandLine line_;
  metrics::Registry registry_;
  ExitRequest exit_request_;
  SharedConfig config_;
  std::unique_ptr<metrics::Exposer> exposer_;
  std::unique_ptr<App> app_;
};

int Process::Run() {
  config::ParseResult parsed = LoadConfig(line_);
  if (!parsed.ok()) {
    std::fputs(parsed.DescribeErrors().c_str(), stderr);
    return ExitWith(kExitBadConfig, options_.name,
                    absl::InvalidArgumentError(
                        absl::StrFormat("%s has %d errors", line_.config_path,
                                        parsed.errors.size())));
  }
  config_ = std::make_shared<const config::Config>(std::move(parsed.config));
  if (const absl::Status status = ConfigureLogging(options_, line_, config_->global);
      !status.ok()) {
    return ExitWith(kExitBadConfig, options_.name, status);
  }
  LogWarnings(parsed);
  const absl::StatusOr<bool> is_supervised = JoinSupervisor();
  if (!is_supervised.ok()) return ExitWith(kExitFailure, options_.name, is_supervised.status());
  if (const absl::Status status = Start(*is_supervised); !status.ok()) {
    return ExitWith(absl::IsCancelled(status) ? kExitOk : kExitFailure, options_.name, status);
  }
  NotifyReady();
  logging::Info("daemon.ready", {{"version", rpc::Version()}, {"config", line_.config_path}});
  while (WaitForSignal() == SIGHUP) Reload();
  return Stop();
}

absl::Status Process::Start(bool is_supervised) {
  rpc::LockMemory();
  StartContext context;
  context.config = config_;
  context.config_path = line_.config_path;
  context.run_dir = line_.run_dir;
  context.registry = &registry_;
  context.is_supervised = is_supervised;
  context.request_exit = [this](absl::Status reason) { exit_request_.Request(std::move(reason)); };
  context.extra_arguments = line_.extra_arguments;
  context.shared_arguments = SharedArguments(line_);
  CONTINUO_ASSIGN_OR_RETURN(app_, options_.start(context));
  exposer_ = StartMetrics(MetricsListen(options_, line_, *config_), registry_);
  return absl::OkStatus();
}

void Process::Reload() {
  NotifyReloading();
  config::ParseResult parsed = LoadConfig(line_);
  if (!parsed.ok()) {
    for (const config::Diagnostic& error : parsed.errors) {
      logging::Error("config.refused", {{"text", error.ToString()}});
    }
    NotifyReady();
    return;
  }
  auto config = std::make_shared<const config::Config>(std::move(parsed.config));
  LogWarnings(parsed);
  // Configure opens the log file anew, which is what a log rotation asks for too.
  if (const absl::Status status = ConfigureLogging(options_, line_, config->global); !status.ok()) {
    logging::Error("log.not_reopened", {{"status", status}});
  }
  for (const config::ConfigChange& change : config::DiffConfig(*config_, *config)) {
    logging::Info("config.changed", {{"what", change.description},
                                     {"applied", change.needs_restart ? "restart" : "now"}});
  }
  if (const absl::Status status = app_->Reload(config); status.ok()) {
    config_ = config;
  } else {
    logging::Error("config.not_applied", {{"status", status}});
  }
  NotifyReady();
}

int Process::Stop() {
  NotifyStopping();
  const absl::Status reason = exit_request_.Close();
  if (!reason.ok()) {
    // The whole group ends: nobody is taken leave of, so that clients wait for the node that takes over.
    ExitWith(kExitFailure, options_.name, reason);
    logging::Flush(kLastLogWait);
    std::fflush(nullptr);
    _exit(kExitFailure);
  }
  const absl::Duration limit = config_->global.drain_timeout;
  const absl::Time deadline = absl::Now() + limit;
  logging::Info("daemon.stopping", {{"limit", limit}});
  // Waits for a second signal or for the deadline to pass; either ends the process here and now.
  std::thread guard([this, deadline] {
    const int signal_number = WaitForSignalUntil(deadline + kStopGrace);
    logging::Error("daemon.stop_cut_short",
                   {{"daemon", options_.name},
                    {"reason", signal_number == 0 ? "drain_timeout passed" : "second signal"}});
    logging::Flush(kLastLogWait);
    _exit(kExitFailure);
  });
  guard.detach();
  registry_.StopCollecting();  // The exposer itself takes a second to end; the process ends first.
  const absl::Status stopped = app_->Stop(deadline);
  const int code = ExitWith(stopped.ok() ? kExitOk : kExitFailure, options_.name, stopped);
  // The guard still uses this object, and an app whose stop failed may too.
  std::fflush(nullptr);
  _exit(code);
}

}  // namespace

int Main(int argc, char** argv, const MainOptions& options) {
  const absl::StatusOr<CommandLine> line =
      ParseCommandLine(std::vector<std::string>(argv + 1, argv + argc), options.extra_flags);
  if (!line.ok()) {
    std::fprintf(stderr, "%s: %s\n%s", options.name.c_str(),
                 std::string(line.status().message()).c_str(), HelpText(options).c_str());
    return kExitBadConfig;
  }
  switch (line->action) {
    case CommandLine::Action::kHelp:
      std::fputs(HelpText(options).c_str(), stdout);
      return kExitOk;
    case CommandLine::Action::kVersion:
      std::fprintf(stdout, "%s %s\n", options.name.c_str(), std::string(rpc::Version()).c_str());
      return kExitOk;
    case CommandLine::Action::kCheckConfig:
      return CheckConfig(*line);
    case CommandLine::Action::kServe:
      break;
  }
  BlockHandledSignals();  // Before any thread exists, so that all inherit the mask.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // Debian builds Abseil so that every mutex which is taken while another is held goes into one global
  // graph: with a mutex in each of 100,000 opens that costs more than all else. Sanitizer builds keep it.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
#endif
  return Process(options, *line).Run();
}

}  // namespace continuo::daemon
