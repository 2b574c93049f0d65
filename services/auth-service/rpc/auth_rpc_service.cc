#include "services/auth-service/rpc/auth_rpc_service.h"

#include <algorithm>
#include <memory>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <grpcpp/alarm.h>

#include "common/logging/log.h"

namespace continuo::auth {

namespace {

constexpr int kBatchMax = 4'096;

std::span<const uint8_t> AsBytes(const std::string& text) {
  // protobuf keeps bytes in std::string.
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string ToString(const Bytes& data) { return {data.begin(), data.end()}; }

grpc::ServerUnaryReactor* FinishNow(grpc::CallbackServerContext* context, grpc::Status status) {
  auto* reactor = context->DefaultReactor();
  reactor->Finish(std::move(status));
  return reactor;
}

// An alarm keeps its callback until it goes itself: the callback has to let it go, and not while Set
// is still at it.
struct Delay {
  absl::Mutex mutex;
  std::unique_ptr<grpc::Alarm> alarm ABSL_GUARDED_BY(mutex);
};

void FinishAt(absl::Time when, grpc::ServerUnaryReactor* reactor) {
  auto delay = std::make_shared<Delay>();
  absl::MutexLock lock(&delay->mutex);
  delay->alarm = std::make_unique<grpc::Alarm>();
  delay->alarm->Set(absl::ToChronoTime(when), [delay, reactor](bool) {
    reactor->Finish(grpc::Status::OK);
    absl::MutexLock end(&delay->mutex);
    delay->alarm = nullptr;
  });
}

grpc::Status TooMany() {
  return {grpc::StatusCode::INVALID_ARGUMENT, "at most 4096 questions in one call"};
}

void Fill(const Identity& identity, v1::Identity* out) {
  out->set_user_name(identity.user_name);
  out->set_domain_name(identity.domain_name);
  out->set_user_sid(identity.user_sid.ToString());
  out->set_primary_group_sid(identity.primary_group_sid.ToString());
  for (const security::Sid& sid : identity.group_sids) out->add_group_sids(sid.ToString());
  out->set_uid(identity.uid);
  out->set_gid(identity.gid);
  for (const uint32_t gid : identity.supplementary_gids) out->add_supplementary_gids(gid);
  for (size_t i = 0; i < identity.privileges.size(); ++i) {
    if (!identity.privileges.test(i)) continue;
    out->add_privileges(
        std::string(security::PrivilegeName(static_cast<security::Privilege>(i))));
  }
  out->set_is_guest(identity.is_guest);
  out->set_is_anonymous(identity.is_anonymous);
  if (identity.expiry != absl::InfiniteFuture()) {
    out->set_expiry_unix_s(absl::ToUnixSeconds(identity.expiry));
  }
}

void Fill(const LogonResult& result, v1::LogonResponse* out) {
  if (result.status == NtStatus::kMoreProcessingRequired) {
    out->mutable_more()->set_context_id(result.context_id);
    out->mutable_more()->set_token(ToString(result.token));
    return;
  }
  if (!result.status.ok()) {
    out->mutable_refused()->set_nt_status(result.status.value());
    out->mutable_refused()->set_token(ToString(result.token));
    return;
  }
  v1::LogonDone* done = out->mutable_done();
  done->set_token(ToString(result.token));
  done->set_session_key(ToString(result.outcome.session_key));
  done->set_mechanism(std::string(result.outcome.mechanism));
  Fill(result.outcome.identity, done->mutable_identity());
}

void LogResult(const LogonResult& result, const std::string& client_address) {
  static logging::RateLimit limit;
  if (result.status == NtStatus::kMoreProcessingRequired) return;
  if (result.status.ok()) {
    limit.Log(logging::Severity::kInfo, "logon.succeeded",
              {{"user", result.outcome.identity.user_name},
               {"client", client_address},
               {"mechanism", std::string(result.outcome.mechanism)}});
    return;
  }
  limit.Log(logging::Severity::kInfo, "logon.refused",
            {{"user", result.claimed_user},
             {"client", client_address},
             {"status", std::string(result.status.name())}});
}

void Fill(const NamedSid& named, v1::NamedSid* out) {
  if (named.sid.IsValid()) out->set_sid(named.sid.ToString());
  out->set_domain_name(named.domain_name);
  out->set_name(named.name);
  out->set_kind(static_cast<v1::NameKind>(named.kind));
}

v1::UnixIdKind ToProto(UnixIdKind kind) {
  switch (kind) {
    case UnixIdKind::kUid:
      return v1::UNIX_ID_KIND_UID;
    case UnixIdKind::kGid:
      return v1::UNIX_ID_KIND_GID;
    case UnixIdKind::kBoth:
      return v1::UNIX_ID_KIND_BOTH;
    case UnixIdKind::kNone:
      break;
  }
  return v1::UNIX_ID_KIND_UNSPECIFIED;
}

UnixIdKind FromProto(v1::UnixIdKind kind) {
  if (kind == v1::UNIX_ID_KIND_GID) return UnixIdKind::kGid;
  return kind == v1::UNIX_ID_KIND_BOTH ? UnixIdKind::kBoth : UnixIdKind::kUid;
}

}  // namespace

AuthRpcService::AuthRpcService(LogonEngine& engine, const IdMapper::Sources& names,
                               const Workers& workers, metrics::Registry* registry)
    : engine_(engine), names_(names), workers_(workers) {
  if (registry == nullptr) return;
  succeeded_ = &registry->AddCounter("logons_total", "Logons by result.", {{"result", "ok"}});
  refused_ = &registry->AddCounter("logons_total", "Logons by result.", {{"result", "refused"}});
  latency_ = &registry->AddHistogram("logon_leg_seconds", "Time to compute one leg of a logon.",
                                     metrics::LatencyBounds());
}

IdMapper AuthRpcService::Mapper() const {
  const auto directory = engine_.directory();
  return IdMapper(directory->users, directory->policy.server_name, names_);
}

grpc::ServerUnaryReactor* AuthRpcService::OnWorker(grpc::CallbackServerContext* context,
                                                   std::function<void()> work) {
  auto* reactor = context->DefaultReactor();
  const bool is_posted = workers_.lookups.Post([reactor, work = std::move(work)] {
    work();
    reactor->Finish(grpc::Status::OK);
  });
  if (!is_posted) {
    reactor->Finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many lookups are waiting"});
  }
  return reactor;
}

grpc::ServerUnaryReactor* AuthRpcService::InitialToken(grpc::CallbackServerContext* context,
                                                       const v1::InitialTokenRequest*,
                                                       v1::InitialTokenResponse* response) {
  response->set_token(ToString(engine_.InitialToken()));
  return FinishNow(context, grpc::Status::OK);
}

void AuthRpcService::RunLeg(const v1::LogonRequest& request, v1::LogonResponse* response,
                            grpc::ServerUnaryReactor* reactor) {
  const absl::Time begun = absl::Now();
  LogonResult result = engine_.Step({.context_id = request.context_id(),
                                     .token = AsBytes(request.token()),
                                     .client_address = request.client_address(),
                                     .connection_key = request.connection_key()});
  const absl::Time computed = absl::Now();
  if (latency_ != nullptr) latency_->Observe(absl::ToDoubleSeconds(computed - begun));
  if (succeeded_ != nullptr && result.status != NtStatus::kMoreProcessingRequired) {
    (result.status.ok() ? succeeded_ : refused_)->Add();
  }
  LogResult(result, request.client_address());
  Fill(result, response);
  if (result.delay <= absl::ZeroDuration()) {
    reactor->Finish(grpc::Status::OK);
    return;
  }
  FinishAt(computed + result.delay, reactor);
}

grpc::ServerUnaryReactor* AuthRpcService::Logon(grpc::CallbackServerContext* context,
                                                const v1::LogonRequest* request,
                                                v1::LogonResponse* response) {
  auto* reactor = context->DefaultReactor();
  if (!engine_.MayBlock(AsBytes(request->token()))) {
    RunLeg(*request, response, reactor);
    return reactor;
  }
  const bool is_posted =
      workers_.logons.Post([this, request, response, reactor] { RunLeg(*request, response, reactor); });
  if (!is_posted) {
    reactor->Finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many logons are waiting"});
  }
  return reactor;
}

grpc::ServerUnaryReactor* AuthRpcService::AbandonLogon(grpc::CallbackServerContext* context,
                                                       const v1::AbandonLogonRequest* request,
                                                       v1::AbandonLogonResponse*) {
  engine_.Abandon(request->context_id());
  return FinishNow(context, grpc::Status::OK);
}

grpc::ServerUnaryReactor* AuthRpcService::LookupSids(grpc::CallbackServerContext* context,
                                                     const v1::LookupSidsRequest* request,
                                                     v1::LookupSidsResponse* response) {
  if (request->sids_size() > kBatchMax) return FinishNow(context, TooMany());
  return OnWorker(context, [this, request, response] {
    const IdMapper mapper = Mapper();
    for (const std::string& text : request->sids()) {
      const auto sid = security::Sid::Parse(text);
      Fill(sid ? mapper.LookupSid(*sid) : NamedSid{}, response->add_results());
    }
  });
}

grpc::ServerUnaryReactor* AuthRpcService::LookupNames(grpc::CallbackServerContext* context,
                                                      const v1::LookupNamesRequest* request,
                                                      v1::LookupNamesResponse* response) {
  if (request->names_size() > kBatchMax) return FinishNow(context, TooMany());
  return OnWorker(context, [this, request, response] {
    const IdMapper mapper = Mapper();
    for (const std::string& name : request->names()) {
      Fill(mapper.LookupName(name), response->add_results());
    }
  });
}

grpc::ServerUnaryReactor* AuthRpcService::MapSidsToUnixIds(
    grpc::CallbackServerContext* context, const v1::MapSidsToUnixIdsRequest* request,
    v1::MapSidsToUnixIdsResponse* response) {
  if (request->sids_size() > kBatchMax) return FinishNow(context, TooMany());
  const IdMapper mapper = Mapper();
  for (const std::string& text : request->sids()) {
    const auto sid = security::Sid::Parse(text);
    const UnixId id = sid ? mapper.ToUnixId(*sid) : UnixId{};
    v1::UnixId* out = response->add_results();
    out->set_kind(ToProto(id.kind));
    out->set_id(id.id);
  }
  return FinishNow(context, grpc::Status::OK);
}

grpc::ServerUnaryReactor* AuthRpcService::MapUnixIdsToSids(
    grpc::CallbackServerContext* context, const v1::MapUnixIdsToSidsRequest* request,
    v1::MapUnixIdsToSidsResponse* response) {
  if (request->ids_size() > kBatchMax) return FinishNow(context, TooMany());
  const IdMapper mapper = Mapper();
  for (const v1::UnixId& id : request->ids()) {
    response->add_sids(mapper.ToSid({FromProto(id.kind()), id.id()}).ToString());
  }
  return FinishNow(context, grpc::Status::OK);
}

}  // namespace continuo::auth
