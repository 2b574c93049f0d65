// continuo.fsa.v1.FsaStreamService: the frontend's stream.
//
// Threading: reactors run on gRPC threads and hand everything to the hub, which never blocks.
#pragma once

#include <grpcpp/grpcpp.h>

#include "continuo/fsa/v1/fsa_stream_service.grpc.pb.h"
#include "services/fsa-state-service/rpc/state_hub.h"

namespace continuo::fsastate {

class StreamServiceImpl final : public fsa::v1::FsaStreamService::CallbackService {
 public:
  explicit StreamServiceImpl(StateHub* hub) : hub_(hub) {}

  grpc::ServerBidiReactor<fsa::v1::AttachRequest, fsa::v1::AttachResponse>* Attach(
      grpc::CallbackServerContext* context) override;

 private:
  StateHub* const hub_;
};

}  // namespace continuo::fsastate
