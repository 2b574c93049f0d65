#include "services/auth-service/app/auth_app.h"

#include <absl/strings/str_format.h>

#include "common/base/check.h"
#include "common/logging/log.h"
#include "continuo/admin/v1/admin_service.pb.h"
#include "services/auth-service/idmap/sssd_directory.h"
#include "services/auth-service/kerberos/kerberos_mechanism.h"

namespace continuo::auth {

namespace {

// Kerberos and NSS wait on files and sockets; a handful of threads hides that from the others.
constexpr int kLogonWorkers = 8;
constexpr int kLookupWorkers = 8;
// A lookup that takes longer is worth an administrator's attention.
constexpr absl::Duration kLookupPatience = absl::Seconds(5);

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
      sssd_(MakeSssdDirectory()),
      identity_(store_, random_, domains_),
      loader_(store_, engine_, identity_),
      logon_workers_("auth-logon", kLogonWorkers),
      lookup_workers_("auth-lookup", kLookupWorkers),
      auth_service_(engine_, {*unix_names_, domains_, *sssd_}, {logon_workers_, lookup_workers_},
                    context.registry),
      admin_service_(engine_, lookup_workers_, clock_,
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
  RegisterWorkers("auth.logon", logon_workers_);
  RegisterWorkers("auth.lookup", lookup_workers_);
  server_->loop_monitor().Register("auth.userdb", [this] { loader_.Nudge(); },
                                   &loader_.progress());
}

void AuthApp::RegisterWorkers(const std::string& name, WorkerPool& workers) {
  for (size_t i = 0; i < workers.thread_count(); ++i) {
    std::function<void()> nudge;
    if (i == 0) nudge = [&workers] { workers.Nudge(); };
    server_->loop_monitor().Register(absl::StrFormat("%s%d", name, i), nudge,
                                     &workers.progress(i));
  }
}

void AuthApp::SetUpKerberos(const config::Config& config) {
  const std::string keytab = KeytabOf(config);
  std::string degraded;
  KerberosFactory factory;
  if (!keytab.empty()) {
    auto credential = kerberos::AcceptorCredential::Load(keytab);
    if (credential.ok()) {
      factory = kerberos::MakeFactory(*std::move(credential), domains_, *sssd_);
    } else {
      degraded = "kerberos: " + std::string(credential.status().message());
      logging::Warning("kerberos.unavailable", {{"keytab", keytab}, {"reason", degraded}});
    }
  }
  engine_.SetKerberos(std::move(factory));
  const absl::MutexLock lock(&kerberos_mutex_);
  kerberos_degraded_ = std::move(degraded);
  // Only a domain has a KDC that is worth asking for us; a keytab alone may be of any realm.
  const std::string probed =
      config.global.userdb_type == config::UserDbType::kAd ? keytab : std::string();
  if (probed == probed_keytab_) return;
  kdc_probe_ = probed.empty() ? nullptr : std::make_unique<kerberos::KdcProbe>(probed);
  probed_keytab_ = probed;
}

std::vector<std::string> AuthApp::Degraded() const {
  std::vector<std::string> reasons = loader_.degraded();
  const absl::Duration waited = lookup_workers_.LongestTask();
  if (waited > kLookupPatience) {
    reasons.push_back(absl::StrFormat("names: the name service (NSS) has not answered for %d s",
                                      absl::ToInt64Seconds(waited)));
  }
  if (std::string problem = sssd_->Problem(); !problem.empty()) {
    reasons.push_back("names: " + std::move(problem));
  }
  const absl::MutexLock lock(&kerberos_mutex_);
  if (!kerberos_degraded_.empty()) reasons.push_back(kerberos_degraded_);
  if (kdc_probe_ != nullptr) {
    const std::string problem = kdc_probe_->Problem();
    if (!problem.empty()) reasons.push_back("kerberos: " + problem);
  }
  return reasons;
}

absl::Status AuthApp::Reload(std::shared_ptr<const config::Config> config) {
  SetUpKerberos(*config);
  return loader_.Reload(std::move(config));
}

absl::Status AuthApp::Stop(absl::Time deadline) {
  server_->SetServing(rpc::Serving::kNo);
  server_->Shutdown(deadline);
  logon_workers_.Stop();
  lookup_workers_.Stop();
  loader_.Stop();
  return absl::OkStatus();
}

}  // namespace continuo::auth
