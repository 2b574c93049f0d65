// The user database as continuoctl changes it: through auth-service or in its file.
#pragma once

#include <memory>
#include <string>

#include <absl/status/statusor.h>

#include "continuo/auth/v1/auth_admin_service.grpc.pb.h"
#include "tools/continuoctl/context.h"

namespace continuo::ctl {

namespace auth_pb = continuo::auth::v1;

// Requests and answers are those of AuthAdminService; a refusal is the answer's `error`.
// Errors: what kept the question from being answered; Unavailable when nobody answered.
class UserBackend {
 public:
  virtual ~UserBackend() = default;
  virtual absl::StatusOr<auth_pb::AddUserResponse> AddUser(const auth_pb::AddUserRequest&) = 0;
  virtual absl::StatusOr<auth_pb::SetPasswordResponse> SetPassword(
      const auth_pb::SetPasswordRequest&) = 0;
  virtual absl::StatusOr<auth_pb::DeleteUserResponse> DeleteUser(
      const auth_pb::DeleteUserRequest&) = 0;
  virtual absl::StatusOr<auth_pb::UpdateUserResponse> UpdateUser(
      const auth_pb::UpdateUserRequest&) = 0;
  virtual absl::StatusOr<auth_pb::ListUsersResponse> ListUsers() = 0;
  virtual absl::StatusOr<auth_pb::ImportSmbpasswdResponse> ImportSmbpasswd(
      const auth_pb::ImportSmbpasswdRequest&) = 0;
};

// Chooses: auth-service when somebody listens on its socket, else the file.
// Errors: FailedPrecondition when tsmb.conf is bad or names no file.
absl::StatusOr<std::unique_ptr<UserBackend>> OpenUserBackend(const Context& context);

std::unique_ptr<UserBackend> MakeRemoteUserBackend(const Context& context);
std::unique_ptr<UserBackend> MakeFileUserBackend(const std::string& userdb_file);

}  // namespace continuo::ctl
