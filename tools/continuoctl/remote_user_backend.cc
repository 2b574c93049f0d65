#include "common/rpc/status.h"
#include "tools/continuoctl/user_backend.h"

namespace continuo::ctl {
namespace {

using Stub = auth_pb::AuthAdminService::Stub;

class RemoteUserBackend final : public UserBackend {
 public:
  explicit RemoteUserBackend(const Context& context)
      : context_(context),
        stub_(auth_pb::AuthAdminService::NewStub(context.Channel("auth-service"))) {}

  absl::StatusOr<auth_pb::AddUserResponse> AddUser(
      const auth_pb::AddUserRequest& request) override {
    return Ask<auth_pb::AddUserResponse>(&Stub::AddUser, request);
  }
  absl::StatusOr<auth_pb::SetPasswordResponse> SetPassword(
      const auth_pb::SetPasswordRequest& request) override {
    return Ask<auth_pb::SetPasswordResponse>(&Stub::SetPassword, request);
  }
  absl::StatusOr<auth_pb::DeleteUserResponse> DeleteUser(
      const auth_pb::DeleteUserRequest& request) override {
    return Ask<auth_pb::DeleteUserResponse>(&Stub::DeleteUser, request);
  }
  absl::StatusOr<auth_pb::UpdateUserResponse> UpdateUser(
      const auth_pb::UpdateUserRequest& request) override {
    return Ask<auth_pb::UpdateUserResponse>(&Stub::UpdateUser, request);
  }
  absl::StatusOr<auth_pb::ListUsersResponse> ListUsers() override {
    return Ask<auth_pb::ListUsersResponse>(&Stub::ListUsers, auth_pb::ListUsersRequest());
  }
  absl::StatusOr<auth_pb::ImportSmbpasswdResponse> ImportSmbpasswd(
      const auth_pb::ImportSmbpasswdRequest& request) override {
    return Ask<auth_pb::ImportSmbpasswdResponse>(&Stub::ImportSmbpasswd, request);
  }

 private:
  template <typename Response, typename Request>
  absl::StatusOr<Response> Ask(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                            Response*),
                               const Request& request) {
    Response response;
    const grpc::Status status = Call(context_, *stub_, method, request, response);
    if (!status.ok()) return rpc::FromGrpcStatus(status);
    return response;
  }

  const Context context_;
  const std::unique_ptr<Stub> stub_;
};

}  // namespace

std::unique_ptr<UserBackend> MakeRemoteUserBackend(const Context& context) {
  return std::make_unique<RemoteUserBackend>(context);
}

}  // namespace continuo::ctl
