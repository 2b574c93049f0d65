#include "common/rpc/server.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <map>
#include <thread>
#include <utility>

#include <absl/strings/str_format.h>
#include <absl/synchronization/mutex.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/server_posix.h>

#include "common/base/check.h"
#include "common/logging/log.h"
#include "common/rpc/admin_service.h"
#include "common/rpc/callback_threads.h"
#include "common/rpc/health_endpoint.h"
#include "common/rpc/health_listener.h"
#include "common/rpc/policed_service.h"
#include "common/rpc/priority.h"
#include "common/rpc/unix_socket.h"

namespace continuo::rpc {

namespace {

constexpr absl::Duration kDescriptorPause = absl::Milliseconds(50);

// Called by name because nothing else refers to the reflection library: a linker that drops unused
// libraries would drop it together with the static initialiser that normally registers it.
void EnableReflection() { grpc::reflection::InitProtoReflectionServerBuilderPlugin(); }

// Asks the group database only for callers whose roles depend on it: a lookup may wait for a
// directory server, and the supervisor's connection must not wait behind one.
bool IsAdminGroupMember(const PeerCredentials& peer, const std::string& group) {
  return peer.uid != 0 && peer.uid != geteuid() && IsGroupMember(peer, group);
}

// One gRPC server for callers with one set of roles.
class RoleServer {
 public:
  static absl::StatusOr<std::unique_ptr<RoleServer>> Start(
      const std::vector<MountedService>& services, const std::vector<MethodRule>& rules,
      RoleSet caller, HealthState* health, metrics::Counter* refused) {
    std::unique_ptr<RoleServer> role_server(new RoleServer(health));
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(static_cast<int>(kMessageMaxBytes));
    builder.SetMaxSendMessageSize(static_cast<int>(kMessageMaxBytes));
    // One poller is enough for reflection, the only synchronous service.
    builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::NUM_CQS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MIN_POLLERS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MAX_POLLERS, 2);
    for (const MountedService& mounted : services) {
      CONTINUO_ASSIGN_OR_RETURN(std::unique_ptr<PolicedService> policed,
                                PolicedService::Make(mounted, rules, caller, refused));
      builder.RegisterService(policed.get());
      role_server->services_.push_back(std::move(policed));
    }
    role_server->health_.AddTo(&builder);
    role_server->server_ = builder.BuildAndStart();
    if (role_server->server_ == nullptr) return absl::InternalError("gRPC did not start a server");
    role_server->health_.Start();
    return role_server;
  }

  ~RoleServer() { Shutdown(absl::Now()); }

  void Add(UniqueFd connection) {
    grpc::AddInsecureChannelFromFd(server_.get(), connection.Release());
  }

  void FinishWatches() { health_.FinishWatches(); }

  void Shutdown(absl::Time deadline) {
    if (server_ == nullptr) return;
    health_.FinishWatches();
    server_->Shutdown(absl::ToChronoTime(deadline));
    health_.Stop();
    server_.reset();
  }

 private:
  explicit RoleServer(HealthState* health) : health_(health) {}

  std::vector<std::unique_ptr<PolicedService>> services_;
  HealthEndpoint health_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

std::string SocketPath(std::string_view run_dir, std::string_view daemon_name) {
  return absl::StrFormat("%s/%s.sock", run_dir, daemon_name);
}

std::vector<MethodRule> CommonRules() {
  return {{"/continuo.admin.v1.AdminService/*", {Role::kAdmin, Role::kDaemon}},
          {"/continuo.admin.v1.AdminService/SetLogLevel", Role::kAdmin}};
}

namespace {

void Signal(const UniqueFd& event) {
  const uint64_t one = 1;
  // EAGAIN says that it is signalled already.
  CONTINUO_CHECK(write(event.get(), &one, sizeof(one)) == sizeof(one) || errno == EAGAIN);
}

}  // namespace

struct UnixServer::Impl {
  explicit Impl(ServerOptions server_options) : options(std::move(server_options)) {}

  absl::Status Start();
  void RunAcceptor();
  void AcceptOne();
  absl::StatusOr<RoleServer*> ServerFor(RoleSet caller);
  void Shutdown(absl::Time deadline);

  ServerOptions options;
  HealthState health;
  std::unique_ptr<AdminServiceImpl> admin;
  metrics::Counter* refused = nullptr;
  metrics::Counter* accepted = nullptr;
  std::unique_ptr<UnixListener> listener;
  UniqueFd stop_event;
  UniqueFd nudge_event;  // The health check's question to the acceptor.
  LoopHeartbeat* heartbeat = nullptr;
  std::unique_ptr<CallbackThreads> callback_threads;
  std::unique_ptr<HealthListener> health_listener;
  std::thread acceptor;
  bool is_shut_down = false;
  // By RoleSet::bits(). Written by Start and the acceptor, emptied after the acceptor ended.
  std::map<uint32_t, std::unique_ptr<RoleServer>> role_servers;
};

absl::Status UnixServer::Impl::Start() {
  EnableReflection();
  for (const MethodRule& rule : CommonRules()) options.rules.push_back(rule);
  CONTINUO_RETURN_IF_ERROR(ValidateRules(options.rules));
  health.stall_limit = options.stall_limit;
  if (options.registry != nullptr) {
    refused = &options.registry->AddCounter("rpc_refused_calls_total",
                                            "Calls that the caller's user may not make.");
    accepted = &options.registry->AddCounter("rpc_connections_total", "Connections accepted.");
  }
  admin = std::make_unique<AdminServiceImpl>(AdminServiceImpl::Options{
      options.daemon_name, &health, options.registry, options.fill_status});
  options.services.push_back(Mount<admin::v1::AdminService>(admin.get()));
  for (const MountedService& mounted : options.services) health.service_names.insert(mounted.name);

  CONTINUO_ASSIGN_OR_RETURN(
      listener, UnixListener::Open(options.run_dir, options.daemon_name, options.admin_group));
  // The callers that come first, root or our own uid, find their server ready.
  const PeerCredentials self{geteuid(), getegid(), getpid()};
  CONTINUO_RETURN_IF_ERROR(ServerFor(RolesOf(self, {geteuid(), {}, false})).status());
  stop_event.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  nudge_event.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop_event.ok() || !nudge_event.ok()) {
    return absl::ErrnoToStatus(errno, "make an event descriptor");
  }
  if (!options.health_listen.empty()) {
    CONTINUO_ASSIGN_OR_RETURN(health_listener,
                              HealthListener::Start(options.health_listen, &health));
  }
  callback_threads = std::make_unique<CallbackThreads>(&health.monitor);
  heartbeat = health.monitor.Register("rpc.acceptor", [this] { Signal(nudge_event); });
  acceptor = std::thread([this] { RunAcceptor(); });
  return absl::OkStatus();
}

void UnixServer::Impl::RunAcceptor() {
  pthread_setname_np(pthread_self(), "rpc-acceptor");
  FavourCurrentThread();  // A supervisor that connects on a loaded machine waits for this thread.
  for (;;) {
    pollfd waits[3] = {{stop_event.get(), POLLIN, 0},
                       {listener->fd(), POLLIN, 0},
                       {nudge_event.get(), POLLIN, 0}};
    if (poll(waits, 3, -1) < 0 && errno != EINTR) return;
    if (waits[0].revents != 0) return;
    if (waits[1].revents != 0) AcceptOne();
    uint64_t nudges = 0;
    if (waits[2].revents != 0 && read(nudge_event.get(), &nudges, sizeof(nudges)) < 0) nudges = 0;
    heartbeat->Beat();
  }
}

void UnixServer::Impl::AcceptOne() {
  absl::StatusOr<UnixListener::Accepted> connection = listener->Accept();
  if (!connection.ok()) {
    if (absl::IsResourceExhausted(connection.status())) {
      static logging::RateLimit limit({.lines_per_second = 1, .burst = 1});
      limit.Log(logging::Severity::kError, "rpc.accept_failed", {{"status", connection.status()}});
      absl::SleepFor(kDescriptorPause);  // The listener stays readable: do not spin.
    }
    return;
  }
  const RoleContext context{geteuid(), options.daemon_uids,
                            IsAdminGroupMember(connection->peer, options.admin_group)};
  const absl::StatusOr<RoleServer*> server = ServerFor(RolesOf(connection->peer, context));
  if (!server.ok()) {
    logging::Error("rpc.role_server_failed", {{"status", server.status()}});
    return;
  }
  if (accepted != nullptr) accepted->Add();
  (*server)->Add(std::move(connection->fd));
}

absl::StatusOr<RoleServer*> UnixServer::Impl::ServerFor(RoleSet caller) {
  std::unique_ptr<RoleServer>& slot = role_servers[caller.bits()];
  if (slot == nullptr) {
    CONTINUO_ASSIGN_OR_RETURN(
        slot, RoleServer::Start(options.services, options.rules, caller, &health, refused));
  }
  return slot.get();
}

void UnixServer::Impl::Shutdown(absl::Time deadline) {
  if (is_shut_down) return;
  is_shut_down = true;
  health.is_serving.store(false);
  if (acceptor.joinable()) {
    Signal(stop_event);
    acceptor.join();
    health.monitor.Unregister(heartbeat);
  }
  for (auto& [bits, server] : role_servers) server->FinishWatches();
  if (health_listener != nullptr) health_listener->Shutdown(deadline);
  for (auto& [bits, server] : role_servers) server->Shutdown(deadline);
  role_servers.clear();
  callback_threads.reset();
  listener.reset();
}

UnixServer::UnixServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

absl::StatusOr<std::unique_ptr<UnixServer>> UnixServer::Start(ServerOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  CONTINUO_RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<UnixServer>(new UnixServer(std::move(impl)));
}

UnixServer::~UnixServer() { impl_->Shutdown(absl::Now()); }

void UnixServer::SetServing(Serving serving) {
  impl_->health.is_serving.store(serving == Serving::kYes);
}

void UnixServer::Shutdown(absl::Time deadline) { impl_->Shutdown(deadline); }

int UnixServer::health_port() const {
  return impl_->health_listener == nullptr ? 0 : impl_->health_listener->port();
}

LoopMonitor& UnixServer::loop_monitor() { return impl_->health.monitor; }

const std::string& UnixServer::socket_path() const { return impl_->listener->path(); }

}  // namespace continuo::rpc
