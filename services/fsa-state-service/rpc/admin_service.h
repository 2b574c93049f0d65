// continuo.fsa.v1.FsaAdminService: listings and the delegation's verbs.
//
// Threading: handlers run on gRPC threads; a listing of what is delegated is finished by the
// frontend's stream when the answer is in.
#pragma once

#include <grpcpp/grpcpp.h>

#include "continuo/fsa/v1/fsa_admin_service.grpc.pb.h"
#include "services/fsa-state-service/rpc/state_hub.h"

namespace continuo::fsastate {

class AdminServiceImpl final : public fsa::v1::FsaAdminService::CallbackService {
 public:
  explicit AdminServiceImpl(StateHub* hub) : hub_(hub) {}

  grpc::ServerUnaryReactor* ListFiles(grpc::CallbackServerContext* context,
                                      const fsa::v1::ListFilesRequest* request,
                                      fsa::v1::ListFilesResponse* response) override;
  grpc::ServerUnaryReactor* ListOpens(grpc::CallbackServerContext* context,
                                      const fsa::v1::ListOpensRequest* request,
                                      fsa::v1::ListOpensResponse* response) override;
  grpc::ServerUnaryReactor* ListLocks(grpc::CallbackServerContext* context,
                                      const fsa::v1::ListLocksRequest* request,
                                      fsa::v1::ListLocksResponse* response) override;
  grpc::ServerUnaryReactor* ListLeases(grpc::CallbackServerContext* context,
                                       const fsa::v1::ListLeasesRequest* request,
                                       fsa::v1::ListLeasesResponse* response) override;
  grpc::ServerUnaryReactor* GetCounters(grpc::CallbackServerContext* context,
                                        const fsa::v1::GetCountersRequest* request,
                                        fsa::v1::GetCountersResponse* response) override;
  grpc::ServerUnaryReactor* GetDelegation(grpc::CallbackServerContext* context,
                                          const fsa::v1::GetDelegationRequest* request,
                                          fsa::v1::GetDelegationResponse* response) override;
  grpc::ServerUnaryReactor* RecallDelegation(grpc::CallbackServerContext* context,
                                             const fsa::v1::RecallDelegationRequest* request,
                                             fsa::v1::RecallDelegationResponse* response) override;
  grpc::ServerUnaryReactor* GrantDelegation(grpc::CallbackServerContext* context,
                                            const fsa::v1::GrantDelegationRequest* request,
                                            fsa::v1::GrantDelegationResponse* response) override;

 private:
  StateHub* const hub_;
};

}  // namespace continuo::fsastate
