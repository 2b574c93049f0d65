// A UnixServer in a short directory of its own, and connections to it as any user.
#pragma once

#include <memory>
#include <string>

#include <grpcpp/grpcpp.h>

#include "common/metrics/metrics.h"
#include "common/rpc/server.h"
#include "continuo/supervisor/v1/supervisor_service.grpc.pb.h"

namespace continuo::rpc {

// Echoes a constant; ListHistory waits for ever in its callback when told to.
class FakeSupervisorService final
    : public supervisor::v1::SupervisorService::CallbackService {
 public:
  grpc::ServerUnaryReactor* ListDaemons(grpc::CallbackServerContext* context,
                                        const supervisor::v1::ListDaemonsRequest* request,
                                        supervisor::v1::ListDaemonsResponse* response) override;
  grpc::ServerUnaryReactor* ListHistory(grpc::CallbackServerContext* context,
                                        const supervisor::v1::ListHistoryRequest* request,
                                        supervisor::v1::ListHistoryResponse* response) override;

  std::atomic<int> history_call_count{0};
  std::atomic<bool> is_blocking{false};
};

class ServerFixture {
 public:
  ServerFixture();
  ~ServerFixture();

  ServerOptions Options();
  // A channel whose connection was made with `uid`; needs root unless it is our own.
  std::shared_ptr<grpc::Channel> ConnectAs(uid_t uid);

  std::string run_dir;
  metrics::Registry registry{"test"};
  FakeSupervisorService service;
  std::unique_ptr<UnixServer> server;
};

void SetDeadline(grpc::ClientContext* context, absl::Duration limit = absl::Seconds(5));

}  // namespace continuo::rpc
