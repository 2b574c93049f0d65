#include "services/auth-service/app/auth_app.h"

#include <absl/strings/str_format.h>

#include "common/base/check.h"
#include "common/logging/log.h"
#include "continuo/admin/v1/admin_service.pb.h"
#include "services/auth-service/kerberos/kerberos_mechanism.h"

namespace continuo::auth {

namespace {

// Kerberos and NSS wait on files and sockets; a handful of threads hides that from the others.
constexpr int kWorkerCount = 8;
constexpr char kSystemKeytab[] = "/etc/krb5.keytab";

std::vector<rpc::MethodRule> Rules() {
  using rpc::Role;
  return {
      {"/continuo.auth.v1.AuthService/*", {Role::kDaemon}},
      {"/continuo.auth.v1.AuthService/LookupSids", {Role::kDaemon, Role::kAdmin}},
      {"/continuo.auth.v1.AuthService/LookupNames", {Role::kDaemon, Role::kAdmin}},
      {"/continuo.auth.v1.AuthService/MapSidsToUnixIds", {Role::kDaemon, Role::kAdmin}},
      {"/continuo.auth.v1.AuthService/MapUnixIdsToSids", {Role::kDaemon, Role::kAdmin}},
      {"/continuo.auth.v1.AuthAdminService/*", {Role::kAdmin}},
  };
}

}  // namespace

AuthApp::AuthApp(const daemon::StartContext& context)
    : store_(context.config->global.userdb_file, random_),
      engine_(random_, clock_),
      unix_names_(MakeNssUnixNames()),
      loader_(store_, engine_),
      workers_(kWorkerCount),
      auth_service_(engine_, *unix_names_, workers_, context.registry),
      admin_service_(engine_, workers_, clock_,
                     {.store = &store_,
                      .reload = [this] { return loader_.Reload(); },
                      .degraded = [this] { return Degraded(); }}) {}

absl::StatusOr<std::unique_ptr<daemon::App>> AuthApp::Start(const daemon::StartContext& context) {
  std::unique_ptr<AuthApp> app(new AuthApp(context));
  CONTINUO_RETURN_IF_ERROR(app->Run(context));
  return std::unique_ptr<daemon::App>(std::move(app));
}

absl::Status AuthApp::Run(const daemon::StartContext& context) {
  CONTINUO_RETURN_IF_ERROR(loader_.Start(context.config));
  SetUpKerberos(*context.config);
  if (context.registry != nullptr) {
    context.registry->AddCallbackGauge("pending_logons", "Logons that wait for their client.",
                                       [this] { return static_cast<double>(engine_.pending().size()); });
  }
  rpc::ServerOptions options;
  options.daemon_name = "auth-service";
  options.run_dir = context.run_dir;
  options.services = {rpc::Mount<v1::AuthService>(&auth_service_),
                      rpc::Mount<v1::AuthAdminService>(&admin_service_)};
  options.rules = Rules();
  options.registry = context.registry;
  options.fill_status = [this](admin::v1::GetStatusResponse* status) {
    for (std::string& reason : Degraded()) status->add_degraded_reasons(std::move(reason));
  };
  CONTINUO_ASSIGN_OR_RETURN(server_, rpc::UnixServer::Start(std::move(options)));
  RegisterLoops();
  server_->SetServing(rpc::Serving::kYes);
  logging::Info("auth.serving", {{"userdb", store_.path()},
                                 {"users", engine_.directory()->users->users().size()},
                                 {"kerberos", engine_.has_kerberos()}});
  return absl::OkStatus();
}

// Nobody asks the loops to come round once the server has been shut down.
void AuthApp::RegisterLoops() {
  rpc::LoopMonitor& monitor = server_->loop_monitor();
  for (size_t i = 0; i < workers_.thread_count(); ++i) {
    std::function<void()> nudge;
    if (i == 0) nudge = [this] { workers_.Nudge(); };
    monitor.Register(absl::StrFormat("auth.worker%d", i), nudge, &workers_.progress(i));
  }
  monitor.Register("auth.userdb", [this] { loader_.Nudge(); }, &loader_.progress());
}

void AuthApp::SetUpKerberos(const config::Config& config) {
  std::string keytab = config.global.kerberos_keytab;
  if (keytab.empty() && config.global.userdb_type == config::UserDbType::kAd) {
    keytab = kSystemKeytab;
  }
  std::string degraded;
  KerberosFactory factory;
  if (!keytab.empty()) {
    auto credential = kerberos::AcceptorCredential::Load(keytab);
    if (credential.ok()) {
      factory = kerberos::MakeFactory(*std::move(credential));
    } else {
      degraded = "kerberos: " + std::string(credential.status().message());
      logging::Warning("kerberos.unavailable", {{"keytab", keytab}, {"reason", degraded}});
    }
  }
  engine_.SetKerberos(std::move(factory));
  const absl::MutexLock lock(&kerberos_mutex_);
  kerberos_degraded_ = std::move(degraded);
}

std::vector<std::string> AuthApp::Degraded() const {
  std::vector<std::string> reasons = loader_.degraded();
  const absl::MutexLock lock(&kerberos_mutex_);
  if (!kerberos_degraded_.empty()) reasons.push_back(kerberos_degraded_);
  return reasons;
}

absl::Status AuthApp::Reload(std::shared_ptr<const config::Config> config) {
  SetUpKerberos(*config);
  return loader_.Reload(std::move(config));
}

absl::Status AuthApp::Stop(absl::Time deadline) {
  server_->SetServing(rpc::Serving::kNo);
  server_->Shutdown(deadline);
  workers_.Stop();
  loader_.Stop();
  return absl::OkStatus();
}

}  // namespace continuo::auth
