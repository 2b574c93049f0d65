// grpc.health.v1.Health on a TCP port, for probes that cannot reach a Unix socket (Kubernetes).
//
// Whoever reaches the port may ask, so nothing else is there: no other service, no reflection. What
// strangers can make it use is bounded: memory, streams of a connection, idle connections.
//
// Threading: as HealthEndpoint, whose thread is the only one.
#pragma once

#include <memory>
#include <string>

#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <grpcpp/grpcpp.h>

#include "common/rpc/health_endpoint.h"

namespace continuo::rpc {

class HealthListener {
 public:
  // `listen` is "0.0.0.0:9450" or "[::]:9450"; port 0 is a free one. `state` is not owned.
  // Errors: Unavailable when the address cannot be had.
  static absl::StatusOr<std::unique_ptr<HealthListener>> Start(const std::string& listen,
                                                               HealthState* state);
  ~HealthListener();

  int port() const { return port_; }
  void Shutdown(absl::Time deadline);

 private:
  explicit HealthListener(HealthState* state) : endpoint_(state) {}

  HealthEndpoint endpoint_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace continuo::rpc
