// Puts ca-store-service together.
//
// Threading: the main thread; OnOpen on the opener's.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "common/daemon/daemon.h"
#include "common/rpc/server.h"
#include "services/ca-store-service/rpc/admin_service.h"
#include "services/ca-store-service/rpc/stream_service.h"
#include "services/ca-store-service/store_opener.h"
#include "services/ca-store-service/store_trace.h"

namespace continuo::castore {

class CaStoreApp final : public daemon::App {
 public:
  static absl::StatusOr<std::unique_ptr<daemon::App>> Start(const daemon::StartContext& context);

  absl::Status Reload(std::shared_ptr<const config::Config> config) override;
  absl::Status Stop(absl::Time deadline) override;

 private:
  // What the store's watch beats; shared with a store that a hanging disk leaves behind.
  using Heartbeat = std::shared_ptr<std::atomic<rpc::LoopHeartbeat*>>;

  void Apply(const config::Config& config);
  absl::Status StartServer(const daemon::StartContext& context);
  absl::Status StartStore(const daemon::StartContext& context);
  void OnOpen(std::shared_ptr<HandleStore> store);

  CaStoreAdminServiceImpl admin_service_;
  StreamServiceImpl stream_service_;
  const Heartbeat heartbeat_ = std::make_shared<std::atomic<rpc::LoopHeartbeat*>>(nullptr);
  std::shared_ptr<StoreTrace> trace_;   // Shared in the same way.
  std::shared_ptr<HandleStore> store_;  // Set on the opener's thread, read after it is gone.
  std::unique_ptr<rpc::UnixServer> server_;
  std::unique_ptr<StoreOpener> opener_;
};

}  // namespace continuo::castore
