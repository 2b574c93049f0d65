// continuo.castore.v1.CaStoreService: the frontend's stream.
//
// Threading: handlers run on gRPC threads, results come from the store's threads; nothing waits.
#pragma once

#include <memory>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <grpcpp/grpcpp.h>

#include "continuo/castore/v1/ca_store_service.grpc.pb.h"
#include "services/ca-store-service/store/handle_store.h"

namespace continuo::castore {

class StreamServiceImpl final : public v1::CaStoreService::CallbackService {
 public:
  enum class Mode { kNotConfigured, kOpening };
  void SetMode(Mode mode);
  // The store is open: a frontend that waits for it is welcomed. Null takes it away.
  void SetStore(std::shared_ptr<HandleStore> store);

  grpc::ServerBidiReactor<v1::AttachRequest, v1::AttachResponse>* Attach(
      grpc::CallbackServerContext* context) override;

 private:
  class Outbox;
  class Session;

  // Makes `session` the one frontend. Errors: AlreadyExists, FailedPrecondition.
  absl::Status Enter(const std::shared_ptr<Outbox>& outbox);
  void Leave(const Outbox* outbox);
  std::shared_ptr<HandleStore> StoreOf(const Outbox* outbox);
  static void Welcome(HandleStore& store, const std::shared_ptr<Outbox>& outbox,
                      uint64_t frontend);

  absl::Mutex mutex_;
  Mode mode_ ABSL_GUARDED_BY(mutex_) = Mode::kNotConfigured;
  std::shared_ptr<HandleStore> store_ ABSL_GUARDED_BY(mutex_);
  uint64_t frontends_ ABSL_GUARDED_BY(mutex_) = 0;  // That ever attached.
  std::shared_ptr<Outbox> attached_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace continuo::castore
