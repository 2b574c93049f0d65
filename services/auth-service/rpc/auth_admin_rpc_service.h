// AuthAdminService as gRPC: the user database's verbs on the workers, status at once.
//
// Threading: gRPC's and the workers'. Outlives the server.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "continuo/auth/v1/auth_admin_service.grpc.pb.h"
#include "common/base/clock.h"
#include "common/userdb/user_store.h"
#include "services/auth-service/logon/logon_engine.h"
#include "services/auth-service/rpc/worker_pool.h"

namespace continuo::auth {

class AuthAdminRpcService final : public v1::AuthAdminService::CallbackService {
 public:
  struct Options {
    const userdb::UserStore* store = nullptr;  // Null unless userdb_type is text.
    // Called after a change was written, on a worker: publishes it to the engine.
    std::function<absl::Status()> reload;
    std::function<std::vector<std::string>()> degraded;
  };

  // The references outlive this.
  AuthAdminRpcService(LogonEngine& engine, WorkerPool& workers, base::Clock& clock,
                      Options options);

  grpc::ServerUnaryReactor* ListUsers(grpc::CallbackServerContext* context,
                                      const v1::ListUsersRequest* request,
                                      v1::ListUsersResponse* response) override;
  grpc::ServerUnaryReactor* ListGroups(grpc::CallbackServerContext* context,
                                       const v1::ListGroupsRequest* request,
                                       v1::ListGroupsResponse* response) override;
  grpc::ServerUnaryReactor* AddUser(grpc::CallbackServerContext* context,
                                    const v1::AddUserRequest* request,
                                    v1::AddUserResponse* response) override;
  grpc::ServerUnaryReactor* SetPassword(grpc::CallbackServerContext* context,
                                        const v1::SetPasswordRequest* request,
                                        v1::SetPasswordResponse* response) override;
  grpc::ServerUnaryReactor* DeleteUser(grpc::CallbackServerContext* context,
                                       const v1::DeleteUserRequest* request,
                                       v1::DeleteUserResponse* response) override;
  grpc::ServerUnaryReactor* UpdateUser(grpc::CallbackServerContext* context,
                                       const v1::UpdateUserRequest* request,
                                       v1::UpdateUserResponse* response) override;
  grpc::ServerUnaryReactor* ImportSmbpasswd(grpc::CallbackServerContext* context,
                                            const v1::ImportSmbpasswdRequest* request,
                                            v1::ImportSmbpasswdResponse* response) override;
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const v1::GetStatusRequest* request,
                                      v1::GetStatusResponse* response) override;

 private:
  // Runs `work` on a worker; then publishes what it wrote. `refuse` takes the text of a refusal.
  grpc::ServerUnaryReactor* Change(grpc::CallbackServerContext* context,
                                   std::function<absl::Status()> work,
                                   std::function<void(std::string)> refuse);
  static void Fill(const Directory& directory, const FailureTally& failures,
                   const userdb::UserRecord& user, v1::User* out);

  LogonEngine& engine_;
  WorkerPool& workers_;
  base::Clock& clock_;
  const Options options_;
};

}  // namespace continuo::auth
