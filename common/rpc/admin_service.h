// continuo.admin.v1.AdminService: what an administrator can ask every daemon.
//
// Threading: handlers run on gRPC threads and only read atomics and copies.
#pragma once

#include <functional>
#include <string>

#include <absl/time/time.h>
#include <grpcpp/grpcpp.h>

#include "common/metrics/metrics.h"
#include "common/rpc/health_endpoint.h"
#include "continuo/admin/v1/admin_service.grpc.pb.h"

namespace continuo::rpc {

class AdminServiceImpl final : public admin::v1::AdminService::CallbackService {
 public:
  struct Options {
    std::string daemon_name;
    const HealthState* health = nullptr;
    metrics::Registry* registry = nullptr;  // May be null.
    std::function<void(admin::v1::GetStatusResponse*)> fill_status;  // May be empty.
  };
  explicit AdminServiceImpl(Options options);

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const admin::v1::GetStatusRequest* request,
                                      admin::v1::GetStatusResponse* response) override;
  grpc::ServerUnaryReactor* GetMetrics(grpc::CallbackServerContext* context,
                                       const admin::v1::GetMetricsRequest* request,
                                       admin::v1::GetMetricsResponse* response) override;
  grpc::ServerUnaryReactor* SetLogLevel(grpc::CallbackServerContext* context,
                                        const admin::v1::SetLogLevelRequest* request,
                                        admin::v1::SetLogLevelResponse* response) override;

 private:
  const Options options_;
  const absl::Time start_time_;
};

}  // namespace continuo::rpc
