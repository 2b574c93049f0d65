// smb-frontend put together.
//
// Start: auth client → FSA host → connection records → shares → loops → RPC server → persistent handles →
// listening sockets → health. Stop is the reverse, intake first. Threading: the main thread.
#pragma once

#include <memory>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "common/base/loop_progress.h"
#include "common/daemon/daemon.h"
#include "common/failover_trace/recorder.h"
#include "common/rpc/server.h"
#include "services/smb-frontend/app/auth_id_mapper.h"
#include "services/smb-frontend/app/break_sender.h"
#include "services/smb-frontend/app/connection_recorder.h"
#include "services/smb-frontend/app/frontend_admin_service.h"
#include "services/smb-frontend/app/handle_restorer.h"
#include "services/smb-frontend/clients/auth_client.h"
#include "services/smb-frontend/dispatch/server_context.h"
#include "services/smb-frontend/fsa_host/fsa_host.h"
#include "services/smb-frontend/fsa_host/fsa_stream.h"
#include "services/smb-frontend/fsa_host/timer_thread.h"
#include "services/smb-frontend/net/server_loops.h"
#include "services/smb-frontend/notify/foreign_changes.h"

namespace continuo::app {

class FrontendApp final : public daemon::App {
 public:
  static absl::StatusOr<std::unique_ptr<daemon::App>> Start(const daemon::StartContext& context);
  ~FrontendApp() override;

  absl::Status Reload(std::shared_ptr<const config::Config> config) override;
  absl::Status Stop(absl::Time deadline) override;

 private:
  FrontendApp();
  absl::Status Run(const daemon::StartContext& context);
  void StartRecorder(const daemon::StartContext& context);
  absl::Status LoadShares(const config::Config& config);
  absl::Status StartLoops(const config::Config& config);
  absl::Status RestoreHandles(const daemon::StartContext& context);
  absl::Status StartRpc(const daemon::StartContext& context);
  absl::Status Listen(const config::Config& config);
  void RegisterLoopHeartbeats();
  void RegisterHelperThreads();
  void RegisterMetrics(metrics::Registry* registry);
  void WaitForBackgroundTasks(absl::Time deadline);

  std::unique_ptr<failover_trace::Recorder> trace_;  // Before what notes in it.
  dispatch::ServerContext server_;
  BreakSender break_sender_;
  std::unique_ptr<clients::AuthClient> auth_;
  std::shared_ptr<AuthIdMapper> id_mapper_;
  base::LoopProgress timer_progress_;  // Before the timer, whose thread beats it.
  frontend::TimerThread timer_;
  std::unique_ptr<HandleRestorer> restorer_;  // Null: no share is continuously available.
  std::unique_ptr<frontend::FsaHost> fsa_;
  std::unique_ptr<ConnectionRecorder> recorder_;  // Null: tcp_tickle is off.
  std::unique_ptr<notify::ForeignChanges> foreign_changes_;
  std::unique_ptr<frontend::FsaStream> fsa_stream_;
  std::unique_ptr<net::ServerLoops> loops_;
  std::unique_ptr<FrontendAdminService> admin_;
  std::unique_ptr<rpc::UnixServer> rpc_;
  std::vector<rpc::LoopHeartbeat*> heartbeats_;
  metrics::Registry* registry_ = nullptr;
};

}  // namespace continuo::app
