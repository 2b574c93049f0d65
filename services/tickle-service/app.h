// Puts tickle-service together.
//
// Threading: the main thread.
#pragma once

#include <atomic>
#include <memory>

#include "common/daemon/daemon.h"
#include "common/rpc/server.h"
#include "services/tickle-service/addresses/watcher.h"
#include "services/tickle-service/recovery.h"
#include "services/tickle-service/rpc/admin_service.h"
#include "services/tickle-service/rpc/stream_service.h"

namespace continuo::tickle {

class TickleApp final : public daemon::App {
 public:
  static absl::StatusOr<std::unique_ptr<daemon::App>> Start(const daemon::StartContext& context);

  absl::Status Reload(std::shared_ptr<const config::Config> config) override;
  absl::Status Stop(absl::Time deadline) override;

 private:
  absl::Status StartRpc(const daemon::StartContext& context);
  void AddMetrics(metrics::Registry* registry);
  void RegisterLoops();

  // In the order of the start; destroyed in reverse.
  std::unique_ptr<failover_trace::Recorder> trace_;
  std::unique_ptr<Recovery> recovery_;  // Null when tcp_tickle is off.
  std::unique_ptr<AddressWatcher> watcher_;
  std::atomic<rpc::LoopHeartbeat*> heartbeat_{nullptr};
  std::unique_ptr<TickleStreamService> stream_service_;
  std::unique_ptr<TickleAdminServiceImpl> admin_service_;
  std::unique_ptr<rpc::UnixServer> server_;
};

}  // namespace continuo::tickle
