// AuthService as gRPC: translates, and chooses the thread. NTLM legs run on gRPC's thread (some
// microseconds of computing), what may wait runs on the workers. An answer that has to be held
// back waits on an alarm, not on a thread.
//
// Threading: gRPC's. Outlives the server; the server stops first.
#pragma once

#include "continuo/auth/v1/auth_service.grpc.pb.h"
#include "common/base/clock.h"
#include "common/metrics/metrics.h"
#include "services/auth-service/idmap/id_mapper.h"
#include "services/auth-service/logon/logon_engine.h"
#include "services/auth-service/rpc/worker_pool.h"

namespace continuo::auth {

// Logons and lookups have threads of their own: a name service that is silent holds up no logon.
struct Workers {
  WorkerPool& logons;
  WorkerPool& lookups;
};

class AuthRpcService final : public v1::AuthService::CallbackService {
 public:
  // The references outlive this. `registry` may be null.
  AuthRpcService(LogonEngine& engine, const IdMapper::Sources& names, const Workers& workers,
                 metrics::Registry* registry);

  grpc::ServerUnaryReactor* InitialToken(grpc::CallbackServerContext* context,
                                         const v1::InitialTokenRequest* request,
                                         v1::InitialTokenResponse* response) override;
  grpc::ServerUnaryReactor* Logon(grpc::CallbackServerContext* context,
                                  const v1::LogonRequest* request,
                                  v1::LogonResponse* response) override;
  grpc::ServerUnaryReactor* AbandonLogon(grpc::CallbackServerContext* context,
                                         const v1::AbandonLogonRequest* request,
                                         v1::AbandonLogonResponse* response) override;
  grpc::ServerUnaryReactor* LookupSids(grpc::CallbackServerContext* context,
                                       const v1::LookupSidsRequest* request,
                                       v1::LookupSidsResponse* response) override;
  grpc::ServerUnaryReactor* LookupNames(grpc::CallbackServerContext* context,
                                        const v1::LookupNamesRequest* request,
                                        v1::LookupNamesResponse* response) override;
  grpc::ServerUnaryReactor* MapSidsToUnixIds(grpc::CallbackServerContext* context,
                                             const v1::MapSidsToUnixIdsRequest* request,
                                             v1::MapSidsToUnixIdsResponse* response) override;
  grpc::ServerUnaryReactor* MapUnixIdsToSids(grpc::CallbackServerContext* context,
                                             const v1::MapUnixIdsToSidsRequest* request,
                                             v1::MapUnixIdsToSidsResponse* response) override;

 private:
  IdMapper Mapper() const;
  grpc::ServerUnaryReactor* OnWorker(grpc::CallbackServerContext* context,
                                     std::function<void()> work);
  void RunLeg(const v1::LogonRequest& request, v1::LogonResponse* response,
              grpc::ServerUnaryReactor* reactor);

  LogonEngine& engine_;
  const IdMapper::Sources names_;
  const Workers workers_;
  metrics::Counter* succeeded_ = nullptr;
  metrics::Counter* refused_ = nullptr;
  metrics::Histogram* latency_ = nullptr;
};

}  // namespace continuo::auth
