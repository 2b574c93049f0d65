// continuo.tickle.v1.TickleService: the frontend's stream.
//
// Threading: handlers run on gRPC threads, answers come from the store's thread; nothing waits.
#pragma once

#include <atomic>
#include <memory>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <grpcpp/grpcpp.h>

#include "continuo/tickle/v1/tickle_service.grpc.pb.h"
#include "services/tickle-service/recovery.h"

namespace continuo::tickle {

class TickleStreamService final : public v1::TickleService::CallbackService {
 public:
  // Null: tcp_tickle is off. `recovery` outlives the server that mounts this service.
  explicit TickleStreamService(Recovery* recovery) : recovery_(recovery) {}

  bool is_attached() const { return is_attached_.load(); }

  grpc::ServerBidiReactor<v1::AttachRequest, v1::AttachResponse>* Attach(
      grpc::CallbackServerContext* context) override;

 private:
  class Outbox;
  class Session;

  Recovery* const recovery_;
  std::atomic<bool> is_attached_{false};
};

}  // namespace continuo::tickle
