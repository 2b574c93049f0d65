#include "services/tickle-service/app.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "common/base/check.h"
#include "common/crypto/random.h"
#include "common/logging/log.h"
#include "continuo/admin/v1/admin_service.pb.h"

namespace continuo::tickle {

namespace {

std::string NodeName() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == 0) return "node";
  std::string text(name.data());
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

uint64_t NewIncarnation() {
  std::array<uint8_t, 8> random{};
  crypto::SystemRandom().Fill(random);
  uint64_t incarnation = 0;
  for (const uint8_t byte : random) incarnation = (incarnation << 8) | byte;
  return incarnation;
}

std::set<uint16_t> PortsOf(const config::Config& config) {
  std::set<uint16_t> ports;
  for (const config::Listen& listen : config.global.listen) {
    if (listen.protocol == config::ListenProtocol::kDirectTcp) ports.insert(listen.port);
  }
  return ports;
}

void FillStatus(const RecoveryView& view, const Recovery* recovery,
                admin::v1::GetStatusResponse* status) {
  const auto add = [status](const char* key, const std::string& value) {
    admin::v1::Setting* const setting = status->add_settings();
    setting->set_key(key);
    setting->set_value(value);
  };
  add("tcp_tickle", view.is_configured ? "true" : "false");
  add("tcp_tickle_params", view.path.empty() ? "" : "path=" + view.path);
  if (recovery == nullptr) return;
  const absl::Status health = recovery->Health();
  if (!health.ok()) {
    status->add_degraded_reasons("clients would not be told to reconnect after a failover: " +
                                 health.ToString());
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<daemon::App>> TickleApp::Start(
    const daemon::StartContext& context) {
  auto app = std::make_unique<TickleApp>();
  const config::Global& global = context.config->global;
  RecoveryView view{global.tcp_tickle, global.tcp_tickle_path, ""};
  if (global.tcp_tickle) {
    const LogPlace place{global.tcp_tickle_path, NodeName(), NewIncarnation()};
    view.log_name = place.name();
    app->trace_ = std::make_unique<failover_trace::Recorder>(failover_trace::Recorder::Options{
        .runstate_dir = global.runstate_dir, .daemon = "tickle-service"});
    app->recovery_ = std::make_unique<Recovery>(StoreOptions{.place = place},
                                                PortsOf(*context.config), *app->trace_);
  }
  const auto on_arrived = [recovery = app->recovery_.get(),
                           trace = app->trace_.get()](const AddressEntry& entry) {
    const std::optional<IpAddress> address = ParseIpAddress(entry.key.address);
    if (recovery == nullptr || !address || !CanMove(*address)) return;
    trace->Note(failover_trace::Kind::kAddress, entry.key.address + " on " + entry.interface);
    recovery->AddressArrived(*address, entry.key.interface_index, entry.interface);
  };
  CONTINUO_ASSIGN_OR_RETURN(app->watcher_, AddressWatcher::Start(
                                               [raw = app.get()] {
                                                 auto* const heartbeat = raw->heartbeat_.load();
                                                 if (heartbeat != nullptr) heartbeat->Beat();
                                               },
                                               on_arrived));
  app->stream_service_ = std::make_unique<TickleStreamService>(app->recovery_.get());
  app->admin_service_ = std::make_unique<TickleAdminServiceImpl>(
      std::move(view), app->watcher_.get(), app->recovery_.get(), app->stream_service_.get());
  app->AddMetrics(context.registry);
  CONTINUO_RETURN_IF_ERROR(app->StartRpc(context));
  app->RegisterLoops();
  app->server_->SetServing(rpc::Serving::kYes);
  return app;
}

absl::Status TickleApp::StartRpc(const daemon::StartContext& context) {
  rpc::ServerOptions options;
  options.daemon_name = "tickle-service";
  options.run_dir = context.run_dir;
  options.registry = context.registry;
  options.services = {rpc::Mount<v1::TickleService>(stream_service_.get()),
                      rpc::Mount<v1::TickleAdminService>(admin_service_.get())};
  options.rules = {
      {"/continuo.tickle.v1.TickleService/*", {rpc::Role::kDaemon}},
      {"/continuo.tickle.v1.TickleAdminService/*", {rpc::Role::kAdmin, rpc::Role::kDaemon}},
      {"/continuo.tickle.v1.TickleAdminService/SendTickles", {rpc::Role::kAdmin}},
      {"/continuo.tickle.v1.TickleAdminService/HandOverConnections", {rpc::Role::kAdmin}},
      {"/continuo.tickle.v1.TickleAdminService/ResetConnections", {rpc::Role::kAdmin}}};
  options.fill_status = [this](admin::v1::GetStatusResponse* status) {
    FillStatus(admin_service_->view(), recovery_.get(), status);
  };
  CONTINUO_ASSIGN_OR_RETURN(server_, rpc::UnixServer::Start(std::move(options)));
  return absl::OkStatus();
}

void TickleApp::AddMetrics(metrics::Registry* registry) {
  registry->AddCallbackGauge("addresses_count", "Addresses of this node.", [this] {
    return static_cast<double>(watcher_->Read().addresses.size());
  });
  if (recovery_ == nullptr) return;
  const auto add = [&](const char* name, const char* help, auto pick) {
    registry->AddCallbackGauge(name, help, [recovery = recovery_.get(), pick] {
      return static_cast<double>(pick(recovery->counts()));
    });
  };
  using Counts = RecoveryCounts;
  add("connections", "Client connections on record that are open.",
      [](const Counts& c) { return c.connections; });
  add("recorded_total", "Connections that were put on record.",
      [](const Counts& c) { return c.store.recorded; });
  add("unrecorded_total", "Connections that the storage did not take at once.",
      [](const Counts& c) { return c.store.unrecorded; });
  add("removed_total", "Records removed because their connection closed.",
      [](const Counts& c) { return c.store.removed; });
  add("tickled_total", "Connections that got tickles.",
      [](const Counts& c) { return c.tickled_connections; });
  add("tickles_sent_total", "Tickle ACKs sent.", [](const Counts& c) { return c.tickles_sent; });
  add("tickle_failures_total", "Tickle ACKs that could not be sent.",
      [](const Counts& c) { return c.send_failures; });
  add("reset_total", "Connections reset before an address left.",
      [](const Counts& c) { return c.reset; });
  add("log_syncs_total", "Syncs of the recovery log.",
      [](const Counts& c) { return c.store.syncs; });
  add("storage_failures_total", "Failures of the recovery database.",
      [](const Counts& c) { return c.store.failures; });
  registry->AddCallbackGauge("degraded", "1 while clients are not recorded.",
                             [recovery = recovery_.get()] {
                               return recovery->Health().ok() ? 0.0 : 1.0;
                             });
}

void TickleApp::RegisterLoops() {
  rpc::LoopMonitor& monitor = server_->loop_monitor();
  heartbeat_.store(
      monitor.Register("addresses", [watcher = watcher_.get()] { watcher->Wake(); }));
  if (recovery_ == nullptr) return;
  Recovery* const recovery = recovery_.get();
  monitor.Register("send", [recovery] { recovery->Nudge(); }, &recovery->progress());
  monitor.Register("store", [recovery] { recovery->store().Nudge(); },
                   &recovery->store().progress());
}

// Its keys take a restart.
absl::Status TickleApp::Reload(std::shared_ptr<const config::Config>) { return absl::OkStatus(); }

absl::Status TickleApp::Stop(absl::Time deadline) {
  server_->SetServing(rpc::Serving::kNo);
  // Answers the calls that wait for it; from the server's end on nobody asks the loops to come round.
  if (recovery_ != nullptr) recovery_->Stop(deadline - absl::Seconds(1));
  server_->Shutdown(deadline);
  watcher_.reset();
  return absl::OkStatus();
}

}  // namespace continuo::tickle
