// Puts fsa-state-service together.
//
// Threading: the main thread; with `delegation = random` one more thread that recalls and grants.
#pragma once

#include <memory>

#include "common/daemon/daemon.h"
#include "common/rpc/server.h"
#include "services/fsa-state-service/app/random_recaller.h"
#include "services/fsa-state-service/rpc/admin_service.h"
#include "services/fsa-state-service/rpc/state_hub.h"
#include "services/fsa-state-service/rpc/stream_service.h"

namespace continuo::fsastate {

class FsaStateApp final : public daemon::App {
 public:
  static absl::StatusOr<std::unique_ptr<daemon::App>> Start(const daemon::StartContext& context);
  explicit FsaStateApp(Policy policy);

  absl::Status Reload(std::shared_ptr<const config::Config> config) override;
  absl::Status Stop(absl::Time deadline) override;

 private:
  void Apply(const config::Config& config);

  StateHub hub_;
  StreamServiceImpl stream_service_;
  AdminServiceImpl admin_service_;
  std::unique_ptr<RandomRecaller> recaller_;
  std::unique_ptr<rpc::UnixServer> server_;
};

}  // namespace continuo::fsastate
