#include "services/auth-service/rpc/auth_admin_rpc_service.h"

#include "common/logging/log.h"

namespace continuo::auth {

namespace {

int64_t ToSeconds(absl::Time time) {
  return time == absl::InfiniteFuture() ? 0 : absl::ToUnixSeconds(time);
}

absl::Time FromSeconds(int64_t seconds) {
  return seconds == 0 ? absl::InfiniteFuture() : absl::FromUnixSeconds(seconds);
}

}  // namespace

AuthAdminRpcService::AuthAdminRpcService(LogonEngine& engine, WorkerPool& workers,
                                         base::Clock& clock, Options options)
    : engine_(engine), workers_(workers), clock_(clock), options_(std::move(options)) {}

grpc::ServerUnaryReactor* AuthAdminRpcService::Change(grpc::CallbackServerContext* context,
                                                      std::function<absl::Status()> work,
                                                      std::function<void(std::string)> refuse) {
  auto* reactor = context->DefaultReactor();
  if (options_.store == nullptr) {
    refuse("the users are kept elsewhere (userdb_type is not text)");
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  const bool is_posted = workers_.Post([this, reactor, work = std::move(work),
                                        refuse = std::move(refuse)] {
    absl::Status status = work();
    if (status.ok()) status = options_.reload();
    if (!status.ok()) refuse(std::string(status.message()));
    reactor->Finish(grpc::Status::OK);
  });
  if (!is_posted) reactor->Finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "too much is waiting"});
  return reactor;
}

void AuthAdminRpcService::Fill(const Directory& directory, const FailureTally& failures,
                               const userdb::UserRecord& user, v1::User* out) {
  out->set_name(user.name);
  out->set_full_name(user.full_name);
  out->set_rid(user.rid);
  if (const auto sid = directory.users->machine_sid().WithRid(user.rid)) {
    out->set_sid(sid->ToString());
  }
  out->set_uid(user.uid);
  out->set_gid(user.gid);
  out->set_is_disabled(user.is_disabled);
  out->set_has_password(user.nt_hash.has_value());
  for (const std::string& name : directory.users->GroupNamesOf(user)) out->add_groups(name);
  out->set_last_change_unix_s(absl::ToUnixSeconds(user.last_change));
  out->set_account_expiry_unix_s(ToSeconds(user.account_expiry));
  out->set_password_expiry_unix_s(ToSeconds(user.password_expiry));
  out->set_failure_count(failures.Of(user.name));
}

grpc::ServerUnaryReactor* AuthAdminRpcService::ListUsers(grpc::CallbackServerContext* context,
                                                         const v1::ListUsersRequest*,
                                                         v1::ListUsersResponse* response) {
  const auto directory = engine_.directory();
  const FailureTally failures = engine_.limiter().Tally();
  for (const auto& [key, user] : directory->users->users()) {
    Fill(*directory, failures, user, response->add_users());
  }
  auto* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* AuthAdminRpcService::ListGroups(grpc::CallbackServerContext* context,
                                                          const v1::ListGroupsRequest*,
                                                          v1::ListGroupsResponse* response) {
  const auto directory = engine_.directory();
  for (const auto& [key, group] : directory->users->groups()) {
    v1::Group* out = response->add_groups();
    out->set_name(group.name);
    out->set_rid(group.rid);
    if (const auto sid = directory->users->machine_sid().WithRid(group.rid)) {
      out->set_sid(sid->ToString());
    }
    out->set_gid(group.gid);
  }
  auto* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* AuthAdminRpcService::AddUser(grpc::CallbackServerContext* context,
                                                       const v1::AddUserRequest* request,
                                                       v1::AddUserResponse* response) {
  return Change(
      context,
      [this, request, response]() -> absl::Status {
        userdb::NewUser user;
        user.name = request->name();
        user.full_name = request->full_name();
        user.is_disabled = request->is_disabled();
        user.groups = {request->groups().begin(), request->groups().end()};
        if (request->has_uid()) user.uid = request->uid();
        if (request->has_gid()) user.gid = request->gid();
        const auto added = options_.store->AddUser(user, request->password(), clock_.Now());
        if (!added.ok()) return added.status();
        logging::Info("user.added", {{"user", added->name}, {"uid", added->uid}});
        CONTINUO_RETURN_IF_ERROR(options_.reload());
        Fill(*engine_.directory(), engine_.limiter().Tally(), *added, response->mutable_user());
        return absl::OkStatus();
      },
      [response](std::string error) { response->set_error(std::move(error)); });
}

grpc::ServerUnaryReactor* AuthAdminRpcService::SetPassword(grpc::CallbackServerContext* context,
                                                           const v1::SetPasswordRequest* request,
                                                           v1::SetPasswordResponse* response) {
  return Change(
      context,
      [this, request] {
        return options_.store->SetPassword(request->name(), request->password(), clock_.Now());
      },
      [response](std::string error) { response->set_error(std::move(error)); });
}

grpc::ServerUnaryReactor* AuthAdminRpcService::DeleteUser(grpc::CallbackServerContext* context,
                                                          const v1::DeleteUserRequest* request,
                                                          v1::DeleteUserResponse* response) {
  return Change(
      context,
      [this, request] {
        return options_.store
            ->Change([&](userdb::UserDatabase& db) { return db.DeleteUser(request->name()); })
            .status();
      },
      [response](std::string error) { response->set_error(std::move(error)); });
}

grpc::ServerUnaryReactor* AuthAdminRpcService::UpdateUser(grpc::CallbackServerContext* context,
                                                          const v1::UpdateUserRequest* request,
                                                          v1::UpdateUserResponse* response) {
  return Change(
      context,
      [this, request] {
        userdb::UserChange change;
        if (request->has_is_disabled()) change.is_disabled = request->is_disabled();
        change.add_groups = {request->add_groups().begin(), request->add_groups().end()};
        change.remove_groups = {request->remove_groups().begin(), request->remove_groups().end()};
        if (request->has_account_expiry_unix_s()) {
          change.account_expiry = FromSeconds(request->account_expiry_unix_s());
        }
        if (request->has_password_expiry_unix_s()) {
          change.password_expiry = FromSeconds(request->password_expiry_unix_s());
        }
        return options_.store
            ->Change([&](userdb::UserDatabase& db) {
              return db.UpdateUser(request->name(), change);
            })
            .status();
      },
      [response](std::string error) { response->set_error(std::move(error)); });
}

grpc::ServerUnaryReactor* AuthAdminRpcService::ImportSmbpasswd(
    grpc::CallbackServerContext* context, const v1::ImportSmbpasswdRequest* request,
    v1::ImportSmbpasswdResponse* response) {
  return Change(
      context,
      [this, request, response]() -> absl::Status {
        const auto result = options_.store->ImportSmbpasswd(request->text());
        if (!result.ok()) return result.status();
        response->set_added_count(result->added_count);
        response->set_updated_count(result->updated_count);
        for (const std::string& skipped : result->skipped) response->add_skipped(skipped);
        return absl::OkStatus();
      },
      [response](std::string error) { response->set_error(std::move(error)); });
}

grpc::ServerUnaryReactor* AuthAdminRpcService::GetStatus(grpc::CallbackServerContext* context,
                                                         const v1::GetStatusRequest*,
                                                         v1::GetStatusResponse* response) {
  for (const PendingLogons::Listed& listed : engine_.pending().List(clock_.Now())) {
    v1::PendingLogon* out = response->add_pending_logons();
    out->set_context_id(listed.id);
    out->set_client_address(listed.client_address);
    out->set_age_ms(absl::ToInt64Milliseconds(listed.age));
    out->set_stage(absl::StrFormat("leg %d", listed.leg_count));
  }
  const LogonCounters counters = engine_.counters();
  response->set_logons_succeeded(counters.succeeded);
  response->set_logons_refused(counters.refused);
  response->set_logons_delayed(counters.delayed);
  response->set_contexts_dropped(engine_.pending().dropped_count());
  response->set_kerberos_available(engine_.has_kerberos());
  response->set_machine_sid(engine_.directory()->users->machine_sid().ToString());
  if (options_.store != nullptr) response->set_userdb_path(options_.store->path());
  for (const std::string& reason : options_.degraded()) response->add_degraded(reason);
  auto* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace continuo::auth
