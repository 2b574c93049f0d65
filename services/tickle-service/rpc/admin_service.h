// continuo.tickle.v1.TickleAdminService.
//
// Threading: handlers run on gRPC threads; some calls are finished on Recovery's.
#pragma once

#include <string>

#include <grpcpp/grpcpp.h>

#include "continuo/tickle/v1/tickle_admin_service.grpc.pb.h"
#include "services/tickle-service/addresses/watcher.h"
#include "services/tickle-service/recovery.h"
#include "services/tickle-service/rpc/stream_service.h"

namespace continuo::tickle {

// What the configuration of the start says.
struct RecoveryView {
  bool is_configured = false;
  std::string path;
  std::string log_name;
};

class TickleAdminServiceImpl final : public v1::TickleAdminService::CallbackService {
 public:
  // All outlive the server that mounts this service; `recovery` is null when tcp_tickle is off.
  TickleAdminServiceImpl(RecoveryView view, const AddressWatcher* watcher, Recovery* recovery,
                         const TickleStreamService* stream)
      : view_(std::move(view)), watcher_(watcher), recovery_(recovery), stream_(stream) {}

  const RecoveryView& view() const { return view_; }

  grpc::ServerUnaryReactor* ListAddresses(grpc::CallbackServerContext* context,
                                          const v1::ListAddressesRequest* request,
                                          v1::ListAddressesResponse* response) override;
  grpc::ServerUnaryReactor* GetRecovery(grpc::CallbackServerContext* context,
                                        const v1::GetRecoveryRequest* request,
                                        v1::GetRecoveryResponse* response) override;
  grpc::ServerUnaryReactor* ListConnections(grpc::CallbackServerContext* context,
                                            const v1::ListConnectionsRequest* request,
                                            v1::ListConnectionsResponse* response) override;
  grpc::ServerUnaryReactor* SendTickles(grpc::CallbackServerContext* context,
                                        const v1::SendTicklesRequest* request,
                                        v1::SendTicklesResponse* response) override;
  grpc::ServerUnaryReactor* HandOverConnections(grpc::CallbackServerContext* context,
                                                const v1::HandOverConnectionsRequest* request,
                                                v1::HandOverConnectionsResponse* response) override;
  grpc::ServerUnaryReactor* ResetConnections(grpc::CallbackServerContext* context,
                                             const v1::ResetConnectionsRequest* request,
                                             v1::ResetConnectionsResponse* response) override;

 private:
  const RecoveryView view_;
  const AddressWatcher* const watcher_;
  Recovery* const recovery_;
  const TickleStreamService* const stream_;
};

}  // namespace continuo::tickle
