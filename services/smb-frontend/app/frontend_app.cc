#include "services/smb-frontend/app/frontend_app.h"

#include <algorithm>
#include <future>
#include <utility>

#include <absl/strings/ascii.h>

#include "common/base/text.h"
#include "common/logging/log.h"
#include "common/rpc/channel.h"
#include "continuo/frontend/v1/frontend_admin_service.grpc.pb.h"
#include "services/smb-frontend/app/file_limit.h"
#include "services/smb-frontend/app/server_identity.h"
#include "services/smb-frontend/app/session_pipe_environment.h"
#include "services/smb-frontend/dispatch/smb_connection.h"
#include "services/smb-frontend/vfs/credentials.h"

namespace continuo::app {
namespace {

// auth-service starts beside us: what is asked of it at the start may take a moment.
constexpr absl::Duration kResolveDeadline = absl::Seconds(5);
constexpr absl::Duration kBackgroundPoll = absl::Milliseconds(5);

net::IoEngine EngineOf(config::IoEngine engine) {
  switch (engine) {
    case config::IoEngine::kIoUring:
      return net::IoEngine::kIoUring;
    case config::IoEngine::kEpoll:
      return net::IoEngine::kEpoll;
    case config::IoEngine::kAuto:
      break;
  }
  return net::IoEngine::kAuto;
}

net::AdmissionLimits LimitsOf(const config::Config& config) {
  net::AdmissionLimits limits;
  limits.connections_max = config.global.connections_max;
  if (limits.connections_max != 0) {
    // Who has not logged on never takes the place of all who could.
    limits.unauthenticated_max =
        std::min(limits.unauthenticated_max, std::max(limits.connections_max / 2, 1u));
  }
  return limits;
}

bool HasContinuousShare(const config::Config& config) {
  return std::any_of(config.shares.begin(), config.shares.end(),
                     [](const config::Share& share) { return share.ca; });
}

// Names in `permissions` to SIDs, through auth-service. Blocks: only on the main thread.
std::optional<security::Sid> ResolveName(clients::AuthClient& auth, const std::string& name) {
  using Answer = absl::StatusOr<std::vector<clients::NamedSid>>;
  auto promise = std::make_shared<std::promise<Answer>>();
  std::future<Answer> answer = promise->get_future();
  auth.LookupNames({name}, absl::Now() + kResolveDeadline,
                   [promise](Answer found) { promise->set_value(std::move(found)); });
  const Answer found = answer.get();
  if (!found.ok()) {
    logging::Warning("name.unresolved", {{"name", name}, {"status", found.status()}});
    return std::nullopt;
  }
  if (found->empty()) return std::nullopt;
  return found->front().sid;
}

}  // namespace

FrontendApp::FrontendApp() : break_sender_(server_) {}

FrontendApp::~FrontendApp() {
  // A start that failed: nothing is handed out any more to what is about to go.
  if (restorer_ != nullptr) restorer_->Stop();
}

absl::StatusOr<std::unique_ptr<daemon::App>> FrontendApp::Start(
    const daemon::StartContext& context) {
  auto app = std::unique_ptr<FrontendApp>(new FrontendApp());
  CONTINUO_RETURN_IF_ERROR(app->Run(context));
  return std::unique_ptr<daemon::App>(std::move(app));
}

absl::Status FrontendApp::Run(const daemon::StartContext& context) {
  const config::Config& config = *context.config;
  registry_ = context.registry;
  CONTINUO_RETURN_IF_ERROR(vfs::CheckCanActAsUsers());
  RaiseFileLimit();
  {
    absl::MutexLock lock(&server_.reload_mutex);
    server_.config_in_force = context.config;
  }
  server_.started = absl::Now();
  server_.server_name = ServerNameOf(config);
  CONTINUO_ASSIGN_OR_RETURN(server_.server_guid, LoadServerGuid(config));
  trace_ = std::make_unique<failover_trace::Recorder>(failover_trace::Recorder::Options{
      .runstate_dir = config.global.runstate_dir, .daemon = "smb-frontend"});
  server_.on_first_session = [trace = trace_.get()] {
    trace->Note(failover_trace::Kind::kReconnect, "first session");
  };
  auth_ = clients::AuthClient::Create(rpc::SocketPath(context.run_dir, "auth-service"));
  server_.auth = auth_.get();
  id_mapper_ = std::make_shared<AuthIdMapper>(*auth_);
  if (HasContinuousShare(config)) {
    restorer_ = std::make_unique<HandleRestorer>(server_, &timer_, context.request_exit);
  }
  fsa_ = std::make_unique<frontend::FsaHost>(frontend::FsaHostOptions{
      .sink = &break_sender_,
      .timer = &timer_,
      .recorder = restorer_ != nullptr ? restorer_->recorder() : nullptr});
  server_.fsa = fsa_.get();
  server_.fsa_sink = &break_sender_;
  fsa_stream_ = std::make_unique<frontend::FsaStream>(
      rpc::MakeUnixChannel(rpc::SocketPath(context.run_dir, "fsa-state-service")), fsa_.get(),
      [request_exit = context.request_exit](const absl::Status& status) {
        // What others decide about files is unknown from now on: the node's group ends.
        request_exit(absl::UnavailableError("the stream to fsa-state-service ended: " +
                                            std::string(base::ToStd(status.message()))));
      });
  StartRecorder(context);
  foreign_changes_ = std::make_unique<notify::ForeignChanges>(fsa_.get());
  server_.foreign_changes = foreign_changes_.get();
  server_.make_pipe_environment = [this](std::shared_ptr<session::Session> session) {
    return MakePipeEnvironment(server_, std::move(session));
  };
  CONTINUO_RETURN_IF_ERROR(LoadShares(config));
  CONTINUO_RETURN_IF_ERROR(StartLoops(config));
  CONTINUO_RETURN_IF_ERROR(StartRpc(context));
  RegisterLoopHeartbeats();
  RegisterMetrics(context.registry);
  CONTINUO_RETURN_IF_ERROR(RestoreHandles(context));
  CONTINUO_RETURN_IF_ERROR(Listen(config));
  trace_->Note(failover_trace::Kind::kListen, "");
  rpc_->SetServing(rpc::Serving::kYes);
  return absl::OkStatus();
}

void FrontendApp::StartRecorder(const daemon::StartContext& context) {
  if (!context.config->global.tcp_tickle) return;
  recorder_ = std::make_unique<ConnectionRecorder>(
      rpc::SocketPath(context.run_dir, "tickle-service"), context.request_exit);
  server_.on_connection_closed = [this](uint64_t id) { recorder_->Closed(id); };
}

absl::Status FrontendApp::LoadShares(const config::Config& config) {
  const std::shared_ptr<const session::ShareTable> previous = server_.shares();
  const auto resolve = [this](const std::string& name) { return ResolveName(*auth_, name); };
  std::shared_ptr<const session::ShareTable> shares =
      session::ShareTable::Make(config, id_mapper_, resolve, previous.get());
  absl::MutexLock lock(&server_.reload_mutex);
  server_.shares_in_force = std::move(shares);
  return absl::OkStatus();
}

absl::Status FrontendApp::StartLoops(const config::Config& config) {
  net::ServerLoopsOptions options;
  options.engine = EngineOf(config.global.io_engine);
  options.loop_count = config.global.event_loops;
  options.workers.thread_count = config.global.vfs_metadata_threads;
  options.limits = LimitsOf(config);
  if (config.global.tcp_tickle) options.connection.mark = net::kServedMark;
  const auto make_handler = [this](const std::shared_ptr<net::Connection>& connection)
      -> std::shared_ptr<net::ConnectionHandler> {
    auto handler = std::make_shared<dispatch::SmbConnection>(server_, connection);
    server_.connections.Add(handler, handler->id());
    if (recorder_ != nullptr) recorder_->HoldUntilRecorded(connection);
    return handler;
  };
  CONTINUO_ASSIGN_OR_RETURN(loops_, net::ServerLoops::Start(options, make_handler));
  server_.loops = loops_.get();
  logging::Info("loops.started", {{"count", loops_->size()},
                                  {"engine", net::IoEngineName(loops_->loop(0).engine())}});
  return absl::OkStatus();
}

// Clients of persistent handles find them as they were: nobody else is served before.
absl::Status FrontendApp::RestoreHandles(const daemon::StartContext& context) {
  if (restorer_ == nullptr) return absl::OkStatus();
  restorer_->Attach(rpc::SocketPath(context.run_dir, "ca-store-service"));
  return restorer_->WaitUntilRestored();
}

absl::Status FrontendApp::StartRpc(const daemon::StartContext& context) {
  admin_ = std::make_unique<FrontendAdminService>(server_);
  rpc::ServerOptions options;
  options.daemon_name = "smb-frontend";
  options.run_dir = context.run_dir;
  options.registry = context.registry;
  options.services = {
      rpc::Mount<continuo::frontend::v1::FrontendAdminService>(admin_->service())};
  options.rules = {
      {"/continuo.frontend.v1.FrontendAdminService/*", {rpc::Role::kRoot, rpc::Role::kAdmin}}};
  CONTINUO_ASSIGN_OR_RETURN(rpc_, rpc::UnixServer::Start(std::move(options)));
  return absl::OkStatus();
}

void FrontendApp::RegisterLoopHeartbeats() {
  for (size_t i = 0; i < loops_->size(); ++i) {
    net::EventLoop* loop = &loops_->loop(i);
    // The nudge needs the heartbeat that Register returns: it is filled in right after.
    auto slot = std::make_shared<std::atomic<rpc::LoopHeartbeat*>>(nullptr);
    rpc::LoopHeartbeat* heartbeat =
        rpc_->loop_monitor().Register("net.loop" + std::to_string(i), [loop, slot] {
          loop->Post([slot] {
            if (rpc::LoopHeartbeat* beat = slot->load()) beat->Beat();
          });
        });
    slot->store(heartbeat);
    heartbeats_.push_back(heartbeat);
  }
  RegisterHelperThreads();
}

// What may wait for a disk says so by itself; where it waits for work it must come round.
void FrontendApp::RegisterHelperThreads() {
  rpc::LoopMonitor& monitor = rpc_->loop_monitor();
  net::WorkerPool* const workers = &loops_->workers();
  for (size_t i = 0; i < workers->thread_count(); ++i) {
    std::function<void()> nudge;
    if (i == 0) nudge = [workers] { workers->Nudge(); };
    heartbeats_.push_back(
        monitor.Register("net.worker" + std::to_string(i), nudge, &workers->progress(i)));
  }
  heartbeats_.push_back(monitor.Register(
      "notify.foreign", [foreign = foreign_changes_.get()] { foreign->Nudge(); },
      &foreign_changes_->progress()));
  heartbeats_.push_back(monitor.Register(
      "fsa.timer",
      [this] { timer_.Schedule(absl::ZeroDuration(), [this] { timer_progress_.Beat(); }); },
      &timer_progress_));
}

void FrontendApp::RegisterMetrics(metrics::Registry* registry) {
  if (registry == nullptr) return;
  const auto gauge = [&](std::string_view name, std::string_view help, auto read) {
    registry->AddCallbackGauge(name, help, read);
  };
  gauge("connections", "Open client connections.",
        [this] { return static_cast<double>(loops_->counts().open.load()); });
  gauge("sessions", "Sessions in the session table.",
        [this] { return static_cast<double>(server_.sessions.size()); });
  gauge("opens", "Open files, directories and pipes.",
        [this] { return static_cast<double>(server_.opens.size()); });
  gauge("read_bytes_total", "File data sent to clients.",
        [this] { return static_cast<double>(server_.metrics.bytes_read.load()); });
  gauge("written_bytes_total", "File data received from clients.",
        [this] { return static_cast<double>(server_.metrics.bytes_written.load()); });
  if (recorder_ != nullptr) {
    gauge("unrecorded_connections_total", "Connections served before they were on stable storage.",
          [this] { return static_cast<double>(recorder_->unrecorded_count()); });
  }
  for (size_t i = 0; i < server_.metrics.commands.size(); ++i) {
    const dispatch::CommandCounters& counters = server_.metrics.commands[i];
    const metrics::Labels labels = {{"command", std::string(CommandName(i))}};
    registry->AddCallbackGauge(
        "requests_started_total", "Requests that reached their handler.",
        [&counters] { return static_cast<double>(counters.started.load()); }, labels);
    registry->AddCallbackGauge(
        "requests_completed_total", "Requests that were answered.",
        [&counters] { return static_cast<double>(counters.completed.load()); }, labels);
    registry->AddCallbackGauge(
        "requests_failed_total", "Requests that were answered with an error.",
        [&counters] { return static_cast<double>(counters.failed.load()); }, labels);
    registry->AddCallbackGauge(
        "request_seconds_total", "Time from arrival to answer, summed up.",
        [&counters] { return static_cast<double>(counters.duration_ns.load()) * 1e-9; }, labels);
  }
}

absl::Status FrontendApp::Listen(const config::Config& config) {
  std::vector<net::ListenAddress> addresses;
  for (const config::Listen& listen : config.global.listen) {
    if (listen.protocol != config::ListenProtocol::kDirectTcp) continue;
    net::ListenAddress address;
    address.interface = listen.interface;
    address.address = listen.address;
    address.family = listen.family == config::AddressFamily::kIpv6
                         ? net::ListenAddress::Family::kIpv6
                         : net::ListenAddress::Family::kIpv4;
    address.port = listen.port;
    addresses.push_back(std::move(address));
  }
  CONTINUO_RETURN_IF_ERROR(loops_->Listen(addresses));
  for (const net::SocketAddress& address : loops_->ListeningAddresses()) {
    logging::Info("listening", {{"address", address.ToString()}});
  }
  return absl::OkStatus();
}

absl::Status FrontendApp::Reload(std::shared_ptr<const config::Config> config) {
  {
    absl::MutexLock lock(&server_.reload_mutex);
    server_.config_in_force = config;
  }
  loops_->SetLimits(LimitsOf(*config));
  id_mapper_->Forget();
  return LoadShares(*config);
}

void FrontendApp::WaitForBackgroundTasks(absl::Time deadline) {
  while (server_.background_tasks.load() != 0 && absl::Now() < deadline) {
    absl::SleepFor(kBackgroundPoll);
  }
}

absl::Status FrontendApp::Stop(absl::Time deadline) {
  rpc_->SetServing(rpc::Serving::kNo);
  server_.is_draining = true;
  loops_->StopListening();
  for (const auto& connection : server_.connections.all()) {
    connection->transport().PostClose(net::CloseMode::kGraceful);
  }
  while (loops_->counts().open.load() != 0 && absl::Now() < deadline) {
    absl::SleepFor(kBackgroundPoll);
  }
  WaitForBackgroundTasks(deadline);
  foreign_changes_->Stop();
  if (registry_ != nullptr) registry_->StopCollecting();
  for (rpc::LoopHeartbeat* heartbeat : heartbeats_) rpc_->loop_monitor().Unregister(heartbeat);
  heartbeats_.clear();
  rpc_->Shutdown(deadline);
  if (restorer_ != nullptr) restorer_->Stop();
  if (recorder_ != nullptr) recorder_->Stop();
  fsa_stream_->Stop();
  return loops_->DrainAndStop(deadline - absl::Now());
}

}  // namespace continuo::app
