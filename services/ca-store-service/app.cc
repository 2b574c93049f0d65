#include "services/ca-store-service/app.h"

#include <utility>

#include <absl/strings/str_join.h>
#include <absl/time/clock.h>

#include "common/base/check.h"
#include "common/logging/log.h"
#include "continuo/admin/v1/admin_service.pb.h"

namespace continuo::castore {

namespace {

// How long a start waits for the store before it goes on without: a refusal is then the start's.
constexpr absl::Duration kOpenWait = absl::Seconds(5);

bool IsConfigured(const config::Config& config) {
  bool is_wanted = config.global.ca;
  for (const config::Share& share : config.shares) is_wanted |= share.ca;
  return is_wanted && !config.global.ca_path.empty();
}

void AddMetrics(CaStoreAdminServiceImpl& service, metrics::Registry& registry) {
  const auto add = [&](const char* name, const char* help, auto read) {
    registry.AddCallbackGauge(name, help, [&service, read] {
      const std::shared_ptr<HandleStore> store = service.Store();
      return store == nullptr ? 0.0 : static_cast<double>(read(store->Counts()));
    });
  };
  using C = const StoreCounts&;
  add("handles_outstanding", "Persistent handles on record.", [](C c) { return c.handles; });
  add("intents", "Persistent CREATEs under way.", [](C c) { return c.intents; });
  add("handles_restored_total", "Handed out after a start.", [](C c) { return c.restored; });
  add("handles_reclaimed_total", "Of those, clients came back.", [](C c) { return c.reclaimed; });
  add("handles_expired_total", "Whose time was up.", [](C c) { return c.expired; });
  add("handles_set_aside", "On disk and not served.", [](C c) { return c.set_aside; });
  add("handles_lost", "That a damaged database could not give.", [](C c) { return c.lost; });
  add("changes_total", "Changes made durable.", [](C c) { return c.map.changes; });
  add("change_failures_total", "Changes answered with an error.",
      [](C c) { return c.map.failures; });
  add("syncs_total", "Synced writes of the database.", [](C c) { return c.map.writes; });
}

// Says what an administrator must know about the store.
void FillStatus(const CaStoreAdminServiceImpl& service, admin::v1::GetStatusResponse* status) {
  const StoreView view = service.View();
  const auto add = [status](const char* key, const std::string& value) {
    admin::v1::Setting* const setting = status->add_settings();
    setting->set_key(key);
    setting->set_value(value);
  };
  add("ca_path", view.ca_path);
  add("ca_shares", absl::StrJoin(view.ca_shares, ","));
  if (view.probe == nullptr) return;
  const absl::Status answer = view.probe->Last();
  if (!answer.ok()) status->add_degraded_reasons(std::string(answer.message()));
  const std::shared_ptr<HandleStore> store = service.Store();
  if (store == nullptr) {
    status->add_degraded_reasons("the records are not open: " +
                                 std::string(service.OpenStatus().message()));
    return;
  }
  add("epoch", std::to_string(store->owner().epoch));
  const absl::Status health = store->Health();
  if (!health.ok()) {
    status->add_degraded_reasons("changes fail: " + std::string(health.message()));
  }
  for (const std::string& loss : store->losses()) status->add_degraded_reasons(loss);
}

}  // namespace

absl::StatusOr<std::unique_ptr<daemon::App>> CaStoreApp::Start(
    const daemon::StartContext& context) {
  auto app = std::make_unique<CaStoreApp>();
  app->Apply(*context.config);
  if (context.registry != nullptr) AddMetrics(app->admin_service_, *context.registry);
  CONTINUO_RETURN_IF_ERROR(app->StartServer(context));
  if (IsConfigured(*context.config)) CONTINUO_RETURN_IF_ERROR(app->StartStore(context));
  app->server_->SetServing(rpc::Serving::kYes);
  return app;
}

absl::Status CaStoreApp::StartServer(const daemon::StartContext& context) {
  rpc::ServerOptions options;
  options.daemon_name = "ca-store-service";
  options.run_dir = context.run_dir;
  options.registry = context.registry;
  options.services = {rpc::Mount<v1::CaStoreService>(&stream_service_),
                      rpc::Mount<v1::CaStoreAdminService>(&admin_service_)};
  options.rules = {
      {"/continuo.castore.v1.CaStoreService/*", {rpc::Role::kDaemon}},
      {"/continuo.castore.v1.CaStoreAdminService/*", {rpc::Role::kAdmin, rpc::Role::kDaemon}}};
  options.fill_status = [this](admin::v1::GetStatusResponse* status) {
    FillStatus(admin_service_, status);
  };
  CONTINUO_ASSIGN_OR_RETURN(server_, rpc::UnixServer::Start(std::move(options)));
  return absl::OkStatus();
}

absl::Status CaStoreApp::StartStore(const daemon::StartContext& context) {
  CONTINUO_ASSIGN_OR_RETURN(const Identity self, OwnIdentity());
  stream_service_.SetMode(StreamServiceImpl::Mode::kOpening);
  const std::shared_ptr<StableFiles> files = MakePosixStableFiles();
  const std::shared_ptr<DatabaseFactory> databases = MakeRocksFactory();
  const std::string ca_path = context.config->global.ca_path;
  trace_ = std::make_shared<StoreTrace>(failover_trace::Recorder::Options{
      .runstate_dir = context.config->global.runstate_dir, .daemon = "ca-store-service"});
  const auto open = [=, heartbeat = heartbeat_, trace = trace_, exit = context.request_exit] {
    trace->NoteAdoption(*files, ca_path);
    HandleStore::Options options;
    options.incarnation.ca_path = ca_path;
    options.incarnation.self = self;
    options.incarnation.now = absl::Now();
    options.incarnation.files = files;
    options.incarnation.databases = databases;
    // The supervisor sees the exit and ends the group: another node serves.
    options.on_fenced = exit;
    options.on_watch = [heartbeat] {
      rpc::LoopHeartbeat* const beats = heartbeat->load();
      if (beats != nullptr) beats->Beat();
    };
    options.on_outcome = [trace](Outcome outcome, const ReclaimProgress& progress) {
      trace->NoteOutcome(outcome, progress);
    };
    return HandleStore::Open(std::move(options));
  };
  opener_ = std::make_unique<StoreOpener>(StoreOpener::Options{
      .open = open,
      .on_open = [this](std::shared_ptr<HandleStore> store) { OnOpen(std::move(store)); },
      .on_refused = context.request_exit});
  admin_service_.SetOpener(opener_.get());
  const absl::Status opened = opener_->WaitFor(kOpenWait);
  return StoreOpener::IsFinal(opened) ? opened : absl::OkStatus();
}

void CaStoreApp::OnOpen(std::shared_ptr<HandleStore> store) {
  const StoreCounts counts = store->Counts();
  logging::Info("store.opened", {{"epoch", store->owner().epoch},
                                 {"handles", counts.handles},
                                 {"intents", counts.intents},
                                 {"lost", counts.lost}});
  trace_->NoteAdopted(store->owner().epoch, counts);
  store_ = store;
  heartbeat_->store(server_->loop_monitor().Register(
      "store.watch", [watched = store.get()] { watched->NudgeWatch(); }));
  admin_service_.SetStore(store);
  stream_service_.SetStore(std::move(store));
}

absl::Status CaStoreApp::Reload(std::shared_ptr<const config::Config> config) {
  Apply(*config);
  return absl::OkStatus();
}

absl::Status CaStoreApp::Stop(absl::Time deadline) {
  server_->SetServing(rpc::Serving::kNo);
  admin_service_.SetOpener(nullptr);
  opener_ = nullptr;
  server_->Shutdown(deadline);
  rpc::LoopHeartbeat* const heartbeat = heartbeat_->exchange(nullptr);
  if (heartbeat != nullptr) server_->loop_monitor().Unregister(heartbeat);
  admin_service_.SetStore(nullptr);
  stream_service_.SetStore(nullptr);
  const std::shared_ptr<HandleStore> store = std::move(store_);
  return store == nullptr ? absl::OkStatus() : store->Stop(deadline);
}

void CaStoreApp::Apply(const config::Config& config) {
  StoreView view;
  view.ca_path = config.global.ca_path;
  for (const config::Share& share : config.shares) {
    if (share.ca) view.ca_shares.push_back(share.netname);
  }
  const bool is_configured = IsConfigured(config);
  const StoreView before = admin_service_.View();
  if (is_configured && before.probe != nullptr && before.ca_path == view.ca_path) {
    view.probe = before.probe;
  } else if (is_configured) {
    view.probe = std::make_shared<const PathProbe>(view.ca_path);
  }
  admin_service_.SetView(std::move(view));
}

}  // namespace continuo::castore
