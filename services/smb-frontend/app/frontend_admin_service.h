// continuo.frontend.v1.FrontendAdminService: what an administrator sees of the clients.
//
// Threading: handlers run on gRPC threads and take short locks only; the two verbs hop to an event
// loop and answer from there.
#pragma once

#include <memory>

#include "services/smb-frontend/dispatch/server_context.h"

namespace grpc {
class Service;
}

namespace continuo::app {

class FrontendAdminService {
 public:
  explicit FrontendAdminService(dispatch::ServerContext& server);
  ~FrontendAdminService();

  grpc::Service* service();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace continuo::app
