// auth-service put together: files, engine, workers, RPC.
//
// Order of start: user database, Kerberos, workers, RPC, health. Stop is the reverse.
// Threading: the main thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "common/crypto/random.h"
#include "common/daemon/daemon.h"
#include "common/rpc/server.h"
#include "services/auth-service/app/directory_loader.h"
#include "services/auth-service/app/identity_keeper.h"
#include "services/auth-service/idmap/id_mapper.h"
#include "services/auth-service/kerberos/kdc_probe.h"
#include "services/auth-service/rpc/auth_admin_rpc_service.h"
#include "services/auth-service/rpc/auth_rpc_service.h"

namespace continuo::auth {

class SystemClock final : public base::Clock {
 public:
  absl::Time Now() override { return absl::Now(); }
};

class AuthApp final : public daemon::App {
 public:
  static absl::StatusOr<std::unique_ptr<daemon::App>> Start(const daemon::StartContext& context);

  absl::Status Reload(std::shared_ptr<const config::Config> config) override;
  absl::Status Stop(absl::Time deadline) override;

 private:
  explicit AuthApp(const daemon::StartContext& context);
  absl::Status Run(const daemon::StartContext& context);
  void RegisterLoops();
  void RegisterWorkers(const std::string& name, WorkerPool& workers);
  void SetUpKerberos(const config::Config& config);
  std::vector<std::string> Degraded() const;

  crypto::SystemRandom random_;
  SystemClock clock_;
  const userdb::UserStore store_;
  LogonEngine engine_;
  const std::unique_ptr<UnixNames> unix_names_;
  KnownDomains domains_;
  const std::unique_ptr<DomainDirectory> sssd_;
  IdentityKeeper identity_;
  DirectoryLoader loader_;
  WorkerPool logon_workers_;
  WorkerPool lookup_workers_;
  AuthRpcService auth_service_;
  AuthAdminRpcService admin_service_;
  mutable absl::Mutex kerberos_mutex_;
  std::string kerberos_degraded_ ABSL_GUARDED_BY(kerberos_mutex_);
  std::unique_ptr<kerberos::KdcProbe> kdc_probe_ ABSL_GUARDED_BY(kerberos_mutex_);
  std::string probed_keytab_ ABSL_GUARDED_BY(kerberos_mutex_);
  std::unique_ptr<rpc::UnixServer> server_;
};

}  // namespace continuo::auth
