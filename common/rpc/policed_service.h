// A service as callers with certain roles may use it: allowed methods run the real handlers, all
// others answer PERMISSION_DENIED without running anything.
//
// How: gRPC 1.51 has no hook in which a server could refuse a call (interceptors cannot end one, and
// authentication processors exist for TLS only). But a service is a list of methods with handlers,
// so this one lists the same methods as the wrapped one, found in its descriptor, with either the
// wrapped handler or a refusing one.
//
// Requires: the wrapped service has only callback methods and outlives this one.
// Threading: built before the server starts, immutable after.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <grpcpp/impl/service_type.h>

#include "common/metrics/metrics.h"
#include "common/rpc/policy.h"
#include "common/rpc/server.h"

namespace continuo::rpc {

class PolicedService final : public grpc::Service {
 public:
  // `refused` counts refused calls; may be null.
  // Errors: InvalidArgument when no descriptor of that name is linked in or a method is not of the
  //         callback kind.
  static absl::StatusOr<std::unique_ptr<PolicedService>> Make(const MountedService& mounted,
                                                              const std::vector<MethodRule>& rules,
                                                              RoleSet caller,
                                                              metrics::Counter* refused);

 private:
  PolicedService() = default;

  std::vector<std::unique_ptr<std::string>> method_names_;  // Borrowed by gRPC.
};

}  // namespace continuo::rpc
