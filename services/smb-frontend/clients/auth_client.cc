#include "services/smb-frontend/clients/auth_client.h"

#include <set>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <grpcpp/grpcpp.h>

#include "common/rpc/channel.h"
#include "common/rpc/status.h"
#include "continuo/auth/v1/auth_service.grpc.pb.h"

namespace continuo::clients {

namespace {

namespace v1 = ::continuo::auth::v1;

constexpr absl::Duration kAbandonDeadline = absl::Seconds(5);

std::string ToString(const Bytes& data) { return {data.begin(), data.end()}; }
Bytes ToBytes(const std::string& data) { return {data.begin(), data.end()}; }

absl::StatusOr<security::Sid> ParseSid(const std::string& text) {
  const auto sid = security::Sid::Parse(text);
  if (!sid) return absl::InternalError("auth-service sent '" + text + "' where a SID belongs");
  return *sid;
}

absl::StatusOr<LogonIdentity> FromProto(const v1::Identity& in) {
  LogonIdentity out;
  out.user_name = in.user_name();
  out.domain_name = in.domain_name();
  CONTINUO_ASSIGN_OR_RETURN(out.user_sid, ParseSid(in.user_sid()));
  CONTINUO_ASSIGN_OR_RETURN(out.primary_group_sid, ParseSid(in.primary_group_sid()));
  for (const std::string& text : in.group_sids()) {
    CONTINUO_ASSIGN_OR_RETURN(security::Sid sid, ParseSid(text));
    out.group_sids.push_back(sid);
  }
  out.uid = in.uid();
  out.gid = in.gid();
  out.supplementary_gids = {in.supplementary_gids().begin(), in.supplementary_gids().end()};
  out.privileges = {in.privileges().begin(), in.privileges().end()};
  out.is_guest = in.is_guest();
  out.is_anonymous = in.is_anonymous();
  if (in.expiry_unix_s() != 0) out.expiry = absl::FromUnixSeconds(in.expiry_unix_s());
  return out;
}

absl::StatusOr<LogonOutcome> FromProto(const v1::LogonResponse& in) {
  switch (in.outcome_case()) {
    case v1::LogonResponse::kMore:
      return LogonOutcome(LogonContinue{in.more().context_id(), ToBytes(in.more().token())});
    case v1::LogonResponse::kDone: {
      CONTINUO_ASSIGN_OR_RETURN(LogonIdentity identity, FromProto(in.done().identity()));
      return LogonOutcome(LogonDone{ToBytes(in.done().token()), ToBytes(in.done().session_key()),
                                    std::move(identity)});
    }
    case v1::LogonResponse::kRefused: {
      const NtStatus status(in.refused().nt_status());
      if (status.ok()) return absl::InternalError("auth-service refused with STATUS_SUCCESS");
      return LogonOutcome(LogonRefused{status, ToBytes(in.refused().token())});
    }
    case v1::LogonResponse::OUTCOME_NOT_SET:
      break;
  }
  return absl::InternalError("auth-service sent a logon without an outcome");
}

NameKind FromProto(v1::NameKind kind) {
  if (kind < v1::NAME_KIND_USER || kind > v1::NAME_KIND_UNKNOWN) return NameKind::kUnknown;
  return static_cast<NameKind>(kind);
}

template <typename Response>
absl::StatusOr<std::vector<NamedSid>> NamedSids(const Response& response) {
  std::vector<NamedSid> out;
  for (const v1::NamedSid& in : response.results()) {
    NamedSid named;
    named.sid = security::Sid::Parse(in.sid());
    named.domain_name = in.domain_name();
    named.name = in.name();
    named.kind = FromProto(in.kind());
    out.push_back(std::move(named));
  }
  return out;
}

UnixIdKind FromProto(v1::UnixIdKind kind) {
  switch (kind) {
    case v1::UNIX_ID_KIND_UID:
      return UnixIdKind::kUid;
    case v1::UNIX_ID_KIND_GID:
      return UnixIdKind::kGid;
    case v1::UNIX_ID_KIND_BOTH:
      return UnixIdKind::kBoth;
    default:
      return UnixIdKind::kNone;
  }
}

v1::UnixIdKind ToProto(UnixIdKind kind) {
  switch (kind) {
    case UnixIdKind::kGid:
      return v1::UNIX_ID_KIND_GID;
    case UnixIdKind::kBoth:
      return v1::UNIX_ID_KIND_BOTH;
    default:
      return v1::UNIX_ID_KIND_UID;
  }
}

// An answer for each question, or auth-service broke its contract.
template <typename T>
absl::StatusOr<std::vector<T>> CheckCount(absl::StatusOr<std::vector<T>> results, size_t asked) {
  if (results.ok() && results->size() != asked) {
    return absl::InternalError("auth-service answered another number of questions than asked");
  }
  return results;
}

class GrpcAuthClient final : public AuthClient {
 public:
  explicit GrpcAuthClient(const std::string& socket_path)
      : stub_(v1::AuthService::NewStub(rpc::MakeUnixChannel(socket_path))) {}

  ~GrpcAuthClient() override {
    absl::MutexLock lock(&mutex_);
    is_closing_ = true;
    for (grpc::ClientContext* context : calls_) context->TryCancel();
    mutex_.Await(absl::Condition(
        +[](std::set<grpc::ClientContext*>* calls) { return calls->empty(); }, &calls_));
  }

  void InitialToken(absl::Time deadline, AuthCallback<Bytes> done) override {
    Start<v1::InitialTokenRequest, v1::InitialTokenResponse, Bytes>(
        {}, deadline, &Stub::InitialToken,
        [](const v1::InitialTokenResponse& response) -> absl::StatusOr<Bytes> {
          return ToBytes(response.token());
        },
        std::move(done));
  }

  void Logon(LogonLeg leg, absl::Time deadline, AuthCallback<LogonOutcome> done) override {
    v1::LogonRequest request;
    request.set_context_id(leg.context_id);
    request.set_token(ToString(leg.token));
    request.set_client_address(std::move(leg.client_address));
    request.set_connection_key(leg.connection_key);
    Start<v1::LogonRequest, v1::LogonResponse, LogonOutcome>(
        std::move(request), deadline, &Stub::Logon,
        [](const v1::LogonResponse& response) { return FromProto(response); }, std::move(done));
  }

  void AbandonLogon(uint64_t context_id) override {
    v1::AbandonLogonRequest request;
    request.set_context_id(context_id);
    Start<v1::AbandonLogonRequest, v1::AbandonLogonResponse, bool>(
        std::move(request), absl::Now() + kAbandonDeadline, &Stub::AbandonLogon,
        [](const v1::AbandonLogonResponse&) -> absl::StatusOr<bool> { return true; },
        [](absl::StatusOr<bool>) {});
  }

  void LookupSids(std::vector<security::Sid> sids, absl::Time deadline,
                  AuthCallback<std::vector<NamedSid>> done) override {
    v1::LookupSidsRequest request;
    for (const security::Sid& sid : sids) request.add_sids(sid.ToString());
    Start<v1::LookupSidsRequest, v1::LookupSidsResponse, std::vector<NamedSid>>(
        std::move(request), deadline, &Stub::LookupSids,
        [asked = sids.size()](const v1::LookupSidsResponse& response) {
          return CheckCount(NamedSids(response), asked);
        },
        std::move(done));
  }

  void LookupNames(std::vector<std::string> names, absl::Time deadline,
                   AuthCallback<std::vector<NamedSid>> done) override {
    v1::LookupNamesRequest request;
    for (const std::string& name : names) request.add_names(name);
    Start<v1::LookupNamesRequest, v1::LookupNamesResponse, std::vector<NamedSid>>(
        std::move(request), deadline, &Stub::LookupNames,
        [asked = names.size()](const v1::LookupNamesResponse& response) {
          return CheckCount(NamedSids(response), asked);
        },
        std::move(done));
  }

  void MapSidsToUnixIds(std::vector<security::Sid> sids, absl::Time deadline,
                        AuthCallback<std::vector<UnixId>> done) override {
    v1::MapSidsToUnixIdsRequest request;
    for (const security::Sid& sid : sids) request.add_sids(sid.ToString());
    Start<v1::MapSidsToUnixIdsRequest, v1::MapSidsToUnixIdsResponse, std::vector<UnixId>>(
        std::move(request), deadline, &Stub::MapSidsToUnixIds,
        [asked = sids.size()](const v1::MapSidsToUnixIdsResponse& response) {
          std::vector<UnixId> ids;
          for (const v1::UnixId& id : response.results()) {
            ids.push_back({FromProto(id.kind()), id.id()});
          }
          return CheckCount(absl::StatusOr<std::vector<UnixId>>(std::move(ids)), asked);
        },
        std::move(done));
  }

  void MapUnixIdsToSids(std::vector<UnixId> ids, absl::Time deadline,
                        AuthCallback<std::vector<security::Sid>> done) override {
    v1::MapUnixIdsToSidsRequest request;
    for (const UnixId& id : ids) {
      v1::UnixId* out = request.add_ids();
      out->set_kind(ToProto(id.kind));
      out->set_id(id.id);
    }
    Start<v1::MapUnixIdsToSidsRequest, v1::MapUnixIdsToSidsResponse, std::vector<security::Sid>>(
        std::move(request), deadline, &Stub::MapUnixIdsToSids,
        [asked = ids.size()](const v1::MapUnixIdsToSidsResponse& response)
            -> absl::StatusOr<std::vector<security::Sid>> {
          std::vector<security::Sid> sids;
          for (const std::string& text : response.sids()) {
            CONTINUO_ASSIGN_OR_RETURN(security::Sid sid, ParseSid(text));
            sids.push_back(sid);
          }
          return CheckCount(absl::StatusOr<std::vector<security::Sid>>(std::move(sids)), asked);
        },
        std::move(done));
  }

 private:
  using Stub = v1::AuthService::StubInterface::async_interface;

  template <typename Request, typename Response, typename T>
  void Start(Request request, absl::Time deadline,
             void (Stub::*method)(grpc::ClientContext*, const Request*, Response*,
                                  std::function<void(grpc::Status)>),
             std::function<absl::StatusOr<T>(const Response&)> translate, AuthCallback<T> done) {
    struct Call {  // Owns everything that gRPC borrows until completion.
      grpc::ClientContext context;
      Request request;
      Response response;
    };
    auto call = std::make_shared<Call>();
    call->context.set_deadline(absl::ToChronoTime(deadline));
    // The connection may just be in the making, the first of all or one after a failed attempt: what
    // counts is the deadline.
    call->context.set_wait_for_ready(true);
    call->request = std::move(request);
    bool is_admitted = false;
    {
      const absl::MutexLock lock(&mutex_);
      is_admitted = !is_closing_;
      if (is_admitted) calls_.insert(&call->context);
    }
    if (!is_admitted) return done(absl::CancelledError("the auth client is closing"));
    (stub_->async()->*method)(
        &call->context, &call->request, &call->response,
        [this, call, translate = std::move(translate),
         done = std::move(done)](grpc::Status status) {
          if (status.ok()) {
            done(translate(call->response));
          } else {
            done(rpc::FromGrpcStatus(status));
          }
          const absl::MutexLock lock(&mutex_);  // Last: the destructor waits for this.
          calls_.erase(&call->context);
        });
  }

  const std::unique_ptr<v1::AuthService::Stub> stub_;
  absl::Mutex mutex_;
  bool is_closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<grpc::ClientContext*> calls_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<AuthClient> AuthClient::Create(const std::string& socket_path) {
  return std::make_unique<GrpcAuthClient>(socket_path);
}

}  // namespace continuo::clients
