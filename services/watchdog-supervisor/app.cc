#include "services/watchdog-supervisor/app.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/time/clock.h>

#include "common/base/check.h"
#include "common/daemon/notify.h"
#include "common/daemon/signals.h"
#include "common/logging/log.h"
#include "common/rpc/priority.h"

namespace continuo::supervisor {

namespace {

constexpr absl::Duration kStopPollInterval = absl::Milliseconds(50);
constexpr absl::Duration kAttachRetry = absl::Milliseconds(10);
// How long killed processes are waited for before the supervisor itself goes.
constexpr absl::Duration kKillWait = absl::Milliseconds(400);
// How long the trace, on storage that may not answer, holds up the end: of a failure, of a stop.
constexpr absl::Duration kFailureTraceWait = absl::Milliseconds(100);
constexpr absl::Duration kStopTraceWait = absl::Milliseconds(500);

Limits LimitsOf(const config::Config& config) {
  return {config.global.watchdog_interval, config.global.watchdog_timeout};
}

DaemonId IdOf(size_t index) { return static_cast<DaemonId>(index); }
size_t IndexOf(DaemonId id) { return static_cast<size_t>(id); }

std::string BinaryDir() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  return self.parent_path().string();
}

bool Contains(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// Waits until the processes behind `pidfds` have ended, or kKillWait.
void AwaitEnds(std::vector<pollfd> pidfds) {
  const absl::Time give_up = absl::Now() + kKillWait;
  while (!pidfds.empty()) {
    const absl::Duration left = give_up - absl::Now();
    if (left <= absl::ZeroDuration()) return;
    if (poll(pidfds.data(), pidfds.size(), static_cast<int>(absl::ToInt64Milliseconds(left)) + 1) <
            0 &&
        errno != EINTR) {
      return;
    }
    std::erase_if(pidfds, [](const pollfd& entry) { return entry.revents != 0; });
  }
}

}  // namespace

SupervisorApp::SupervisorApp(const daemon::StartContext& context)
    : mode_(Contains(context.extra_arguments, "--attach") ? Mode::kAttach : Mode::kStart),
      run_dir_(context.run_dir),
      shared_arguments_(context.shared_arguments),
      binary_dir_(BinaryDir()),
      trace_({.runstate_dir = context.config->global.runstate_dir,
              .daemon = "watchdog-supervisor"}),
      keepalive_(context.run_dir),
      watch_(LimitsOf(*context.config)) {}

SupervisorApp::~SupervisorApp() {
  is_stopping_.store(true);
  if (processes_.joinable()) {
    WakeProcesses();
    processes_.join();
  }
  if (keepalive_thread_.joinable()) {
    keepalive_.Wake();
    keepalive_thread_.join();
  }
}

absl::StatusOr<std::unique_ptr<daemon::App>> SupervisorApp::Start(
    const daemon::StartContext& context) {
  std::unique_ptr<SupervisorApp> app(new SupervisorApp(context));
  CONTINUO_ASSIGN_OR_RETURN(app->ready_socket_, ReadySocket::Open());
  app->wake_event_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!app->wake_event_.ok()) return absl::ErrnoToStatus(errno, "make an event descriptor");
  // The lock file first: a second supervisor must not start a second group.
  CONTINUO_RETURN_IF_ERROR(app->StartServer(context));
  app->trace_.Note(failover_trace::Kind::kStart, "");
  if (const absl::Status status = app->StartGroup(); !status.ok()) {
    if (!absl::IsCancelled(status)) app->Remember("failed", std::string(status.message()));
    return status;
  }
  app->server_->SetServing(rpc::Serving::kYes);
  app->Remember("started", "all daemons serving");
  app->trace_.Note(failover_trace::Kind::kReady, "");
  return app;
}

void SupervisorApp::Remember(const std::string& event, const std::string& reason) const {
  const absl::Status written =
      AppendHistory(HistoryPath(run_dir_), {absl::Now(), event, "", reason});
  if (!written.ok()) logging::Warning("history.not_written", {{"status", written}});
}

absl::Status SupervisorApp::StartServer(const daemon::StartContext& context) {
  service_ = std::make_unique<SupervisorServiceImpl>(this);
  rpc::ServerOptions options;
  options.daemon_name = "watchdog-supervisor";
  options.run_dir = context.run_dir;
  options.registry = context.registry;
  options.health_listen = config::ToText(context.config->global.health_listen);
  options.services = {rpc::Mount<v1::SupervisorService>(service_.get())};
  options.rules = {
      {"/continuo.supervisor.v1.SupervisorService/*", {rpc::Role::kAdmin, rpc::Role::kDaemon}},
      {"/continuo.supervisor.v1.SupervisorService/ListHistory", rpc::Role::kAdmin}};
  CONTINUO_ASSIGN_OR_RETURN(server_, rpc::UnixServer::Start(std::move(options)));
  loop_heartbeat_.store(
      server_->loop_monitor().Register("keepalive", [this] { keepalive_.Wake(); }));
  return absl::OkStatus();
}

absl::Status SupervisorApp::StartGroup() {
  processes_ = std::thread([this] { RunProcesses(); });
  keepalive_thread_ = std::thread([this] { RunKeepalive(); });
  return mode_ == Mode::kAttach ? AttachAll() : StartAll();
}

absl::Status SupervisorApp::StartAll() {
  for (size_t i = 0; i < kDaemonCount; ++i) {
    if (!kPolicies[i].needs_the_others) CONTINUO_RETURN_IF_ERROR(StartDaemon(IdOf(i)));
  }
  CONTINUO_RETURN_IF_ERROR(WaitUntil(
      [](const GroupWatch& watch) { return watch.OthersServing(DaemonId::kFrontend); }));
  CONTINUO_RETURN_IF_ERROR(StartDaemon(DaemonId::kFrontend));
  return WaitUntil([](const GroupWatch& watch) { return watch.AllServing(); });
}

absl::Status SupervisorApp::StartDaemon(DaemonId id) {
  std::vector<std::string> arguments = {
      absl::StrFormat("%s/%s", binary_dir_, PolicyOf(id).name)};
  arguments.insert(arguments.end(), shared_arguments_.begin(), shared_arguments_.end());
  const std::vector<std::string> environment = ChildEnvironment(
      {absl::StrFormat("%s=%d", daemon::kSupervisorPidVariable, getpid()),
       absl::StrFormat("NOTIFY_SOCKET=%s", ready_socket_->address())});
  CONTINUO_ASSIGN_OR_RETURN(ChildProcess child, ChildProcess::Spawn(arguments, environment));
  Adopt(id, std::move(child));
  return absl::OkStatus();
}

absl::Status SupervisorApp::AttachAll() {
  for (size_t i = 0; i < kDaemonCount; ++i) {
    const std::string path = rpc::SocketPath(run_dir_, kPolicies[i].name);
    const absl::Time give_up = absl::Now() + kPolicies[i].start_limit;
    absl::StatusOr<ChildProcess> found = ChildProcess::Attach(path);
    while (!found.ok() && absl::Now() < give_up) {
      if (daemon::IsStopPending()) return absl::CancelledError("told to stop during the start");
      absl::SleepFor(kAttachRetry);
      found = ChildProcess::Attach(path);
    }
    if (!found.ok()) return found.status();
    Adopt(IdOf(i), *std::move(found));
    absl::MutexLock lock(&mutex_);
    watch_.OnReady(IdOf(i), absl::Now());
  }
  keepalive_.Wake();
  return WaitUntil([](const GroupWatch& watch) { return watch.AllServing(); });
}

void SupervisorApp::Adopt(DaemonId id, ChildProcess child) {
  logging::Info("child.watched", {{"daemon", PolicyOf(id).name}, {"pid", child.pid()}});
  {
    absl::MutexLock lock(&mutex_);
    const absl::Time now = absl::Now();
    watch_.OnStarted(id, now);
    if (ready_book_.OnStarted(id, child.pid())) watch_.OnReady(id, now);
    children_[IndexOf(id)] = std::move(child);
  }
  WakeProcesses();
  keepalive_.Wake();
}

// A failure ends the process before the condition could stay false for ever.
absl::Status SupervisorApp::WaitUntil(bool (*is_reached)(const GroupWatch&)) {
  absl::MutexLock lock(&mutex_);
  const auto condition = [this, is_reached]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return is_reached(watch_);
  };
  while (!mutex_.AwaitWithTimeout(absl::Condition(&condition), kStopPollInterval)) {
    if (daemon::IsStopPending()) return absl::CancelledError("told to stop during the start");
  }
  return absl::OkStatus();
}

absl::Status SupervisorApp::Reload(std::shared_ptr<const config::Config> config) {
  {
    absl::MutexLock lock(&mutex_);
    watch_.SetLimits(LimitsOf(*config));
    for (const ChildProcess& child : children_) {
      if (mode_ == Mode::kStart) child.Signal(SIGHUP);
    }
  }
  keepalive_.Wake();
  return absl::OkStatus();
}

absl::Status SupervisorApp::Stop(absl::Time deadline) {
  server_->SetServing(rpc::Serving::kNo);
  trace_.Note(failover_trace::Kind::kStop, "told to stop");
  absl::Status result;
  absl::Duration kept_back = absl::ZeroDuration();
  for (const DaemonPolicy& policy : kPolicies) kept_back += policy.stop_share;
  for (size_t i = kDaemonCount; i-- > 0;) {
    kept_back -= kPolicies[i].stop_share;
    result.Update(StopDaemon(IdOf(i), deadline - kept_back));
  }
  Remember("stopped", result.ToString());
  (void)trace_.Flush(kStopTraceWait);
  server_->Shutdown(std::min(deadline, absl::Now() + absl::Milliseconds(200)));
  return result;
}

absl::Status SupervisorApp::StopDaemon(DaemonId id, absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  watch_.OnStopping(id);
  if (mode_ == Mode::kAttach) return absl::OkStatus();  // Whoever started it stops it.
  children_[IndexOf(id)].Terminate();
  const auto has_stopped = [this, id]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return watch_.View(id).state == WatchState::kStopped;
  };
  if (mutex_.AwaitWithDeadline(absl::Condition(&has_stopped), deadline)) return absl::OkStatus();
  children_[IndexOf(id)].Kill();
  return absl::DeadlineExceededError(
      absl::StrFormat("%s did not stop in time and was killed", PolicyOf(id).name));
}

void SupervisorApp::RunProcesses() {
  rpc::FavourCurrentThread();
  while (!is_stopping_.load()) {
    std::vector<pollfd> waits = {{wake_event_.get(), POLLIN, 0},
                                 {ready_socket_->fd(), POLLIN, 0}};
    std::vector<DaemonId> ids;
    {
      absl::MutexLock lock(&mutex_);
      for (size_t i = 0; i < kDaemonCount; ++i) {
        if (!children_[i].ok()) continue;
        waits.push_back({children_[i].pidfd(), POLLIN, 0});
        ids.push_back(IdOf(i));
      }
    }
    if (poll(waits.data(), waits.size(), -1) < 0) continue;
    uint64_t count = 0;
    if (waits[0].revents != 0 && read(wake_event_.get(), &count, sizeof(count)) < 0) count = 0;
    HandleReady();  // What a process said last comes before its end.
    for (size_t i = 0; i < ids.size(); ++i) {
      if (waits[i + 2].revents != 0) HandleExit(ids[i]);
    }
    EscalateIfFailed();
  }
}

void SupervisorApp::HandleReady() {
  bool has_news = false;
  while (std::optional<ReadyMessage> message = ready_socket_->Next()) {
    if (!message->status.empty() && last_words_.size() < kEarlyReadyMax) {
      last_words_[message->pid] = std::move(message->status);
    }
    if (!message->is_ready) continue;
    has_news = true;
    absl::MutexLock lock(&mutex_);
    if (const std::optional<DaemonId> id = ready_book_.OnReady(message->pid)) {
      watch_.OnReady(*id, absl::Now());
    }
  }
  if (has_news) keepalive_.Wake();
}

void SupervisorApp::HandleExit(DaemonId id) {
  absl::MutexLock lock(&mutex_);
  ChildProcess ended = std::move(children_[IndexOf(id)]);
  children_[IndexOf(id)] = ChildProcess();
  const auto words = last_words_.find(ended.pid());
  ExitStatus status = ended.Reap();
  if (words != last_words_.end()) absl::StrAppend(&status.text, ": ", words->second);
  watch_.OnExited(id, status.text, status.exit_code);
}

void SupervisorApp::RunKeepalive() {
  rpc::FavourCurrentThread();
  while (!is_stopping_.load()) {
    absl::Time next = absl::InfiniteFuture();
    Limits limits;
    const absl::Time now = absl::Now();
    for (const DaemonId id : TickWatch(now, &next, &limits)) keepalive_.Ask(id, limits.timeout);
    EscalateIfFailed();
    heartbeat_sender_.SendIfDue(now, limits);
    if (rpc::LoopHeartbeat* const heartbeat = loop_heartbeat_.load()) heartbeat->Beat();
    KeepaliveClient::Event event;
    const absl::Time deadline = std::min(next, heartbeat_sender_.NextDue(now, limits));
    if (keepalive_.Wait(deadline, &event) != KeepaliveClient::WaitResult::kEvent) continue;
    absl::MutexLock lock(&mutex_);
    watch_.OnAnswer(event.id, event.answer, absl::Now());
  }
}

std::vector<DaemonId> SupervisorApp::TickWatch(absl::Time now, absl::Time* next, Limits* limits) {
  absl::MutexLock lock(&mutex_);
  std::vector<DaemonId> due = watch_.Tick(now);
  *next = watch_.NextTick();
  *limits = watch_.limits();
  return due;
}

// Kills first, then tells. Does not return once the group has failed.
void SupervisorApp::EscalateIfFailed() {
  Failure failure;
  std::vector<pollfd> ends;
  {
    absl::MutexLock lock(&mutex_);
    if (!watch_.failure()) return;
    failure = *watch_.failure();
    for (const ChildProcess& child : children_) {
      child.Kill();
      if (child.ok()) ends.push_back({child.pidfd(), POLLIN, 0});
    }
  }
  if (is_escalating_.exchange(true)) {
    for (;;) pause();  // The other thread ends the process.
  }
  const std::string daemon(failure.daemon ? PolicyOf(*failure.daemon).name : "watchdog-supervisor");
  trace_.Note(failover_trace::Kind::kDetect, absl::StrFormat("%s: %s", daemon, failure.reason));
  AwaitEnds(std::move(ends));
  trace_.Note(failover_trace::Kind::kKilled, "");
  const absl::Status written =
      AppendHistory(HistoryPath(run_dir_), {absl::Now(), "failed", daemon, failure.reason});
  logging::Error("group.failed", {{"daemon", daemon},
                                  {"reason", failure.reason},
                                  {"history", written},
                                  {"exit_code", failure.exit_code}});
  logging::Flush(absl::Milliseconds(100));
  (void)trace_.Flush(kFailureTraceWait);
  unlink(server_->socket_path().c_str());
  _exit(failure.exit_code);
}

void SupervisorApp::WakeProcesses() {
  const uint64_t one = 1;
  CONTINUO_CHECK(write(wake_event_.get(), &one, sizeof(one)) == sizeof(one) || errno == EAGAIN);
}

GroupSnapshot SupervisorApp::Snapshot() const {
  absl::MutexLock lock(&mutex_);
  GroupSnapshot snapshot;
  snapshot.limits = watch_.limits();
  for (size_t i = 0; i < kDaemonCount; ++i) {
    snapshot.daemons[i] = {children_[i].pid(), watch_.View(IdOf(i))};
  }
  return snapshot;
}

std::vector<HistoryEvent> SupervisorApp::History(size_t max_entries) const {
  return ReadHistory(HistoryPath(run_dir_), max_entries);
}

}  // namespace continuo::supervisor
