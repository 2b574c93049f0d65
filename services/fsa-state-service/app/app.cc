#include "services/fsa-state-service/app/app.h"

#include <utility>

#include <absl/strings/str_cat.h>

#include "common/base/check.h"
#include "continuo/admin/v1/admin_service.pb.h"

namespace continuo::fsastate {
namespace {

Policy PolicyOf(const config::Config& config) {
  return config.global.delegation == config::DelegationMode::kOff ? Policy::kServe
                                                                  : Policy::kDelegate;
}

const char* NameOf(State state) {
  switch (state) {
    case State::kNoFrontend: return "no frontend";
    case State::kServing: return "serving";
    case State::kOffered: return "offered";
    case State::kDelegated: return "delegated";
    case State::kRecalling: return "recalling";
  }
  return "unknown";
}

void FillStatus(const HubStatus& hub, admin::v1::GetStatusResponse* status) {
  const auto add = [status](const char* key, const std::string& value) {
    admin::v1::Setting* const setting = status->add_settings();
    setting->set_key(key);
    setting->set_value(value);
  };
  add("delegation", NameOf(hub.state));
  add("grants", absl::StrCat(hub.grants));
  add("recalls", absl::StrCat(hub.recalls));
}

}  // namespace

FsaStateApp::FsaStateApp(Policy policy)
    : hub_(policy), stream_service_(&hub_), admin_service_(&hub_) {}

absl::StatusOr<std::unique_ptr<daemon::App>> FsaStateApp::Start(
    const daemon::StartContext& context) {
  auto app = std::make_unique<FsaStateApp>(PolicyOf(*context.config));
  app->Apply(*context.config);
  rpc::ServerOptions options;
  options.daemon_name = "fsa-state-service";
  options.run_dir = context.run_dir;
  options.registry = context.registry;
  options.services = {rpc::Mount<fsa::v1::FsaStreamService>(&app->stream_service_),
                      rpc::Mount<fsa::v1::FsaAdminService>(&app->admin_service_)};
  options.rules = {
      {"/continuo.fsa.v1.FsaStreamService/*", {rpc::Role::kDaemon}},
      {"/continuo.fsa.v1.FsaAdminService/*", {rpc::Role::kAdmin, rpc::Role::kDaemon}},
      {"/continuo.fsa.v1.FsaAdminService/RecallDelegation", {rpc::Role::kAdmin}},
      {"/continuo.fsa.v1.FsaAdminService/GrantDelegation", {rpc::Role::kAdmin}}};
  options.fill_status = [hub = &app->hub_](admin::v1::GetStatusResponse* status) {
    FillStatus(hub->status(), status);
  };
  CONTINUO_ASSIGN_OR_RETURN(app->server_, rpc::UnixServer::Start(std::move(options)));
  app->server_->SetServing(rpc::Serving::kYes);
  return app;
}

void FsaStateApp::Apply(const config::Config& config) {
  recaller_ = nullptr;
  hub_.Want(PolicyOf(config));
  if (config.global.delegation == config::DelegationMode::kRandom) {
    recaller_ =
        std::make_unique<RandomRecaller>(&hub_, config.global.delegation_recall_interval);
  }
}

absl::Status FsaStateApp::Reload(std::shared_ptr<const config::Config> config) {
  Apply(*config);
  return absl::OkStatus();
}

absl::Status FsaStateApp::Stop(absl::Time deadline) {
  server_->SetServing(rpc::Serving::kNo);
  recaller_ = nullptr;
  server_->Shutdown(deadline);
  return absl::OkStatus();
}

}  // namespace continuo::fsastate
