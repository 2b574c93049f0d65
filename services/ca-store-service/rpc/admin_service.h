// continuo.castore.v1.CaStoreAdminService.
//
// Threading: handlers run on gRPC threads; they read memory and the last probe, never the storage.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <grpcpp/grpcpp.h>

#include "continuo/castore/v1/ca_store_admin_service.grpc.pb.h"
#include "services/ca-store-service/path_probe.h"
#include "services/ca-store-service/store/handle_store.h"
#include "services/ca-store-service/store_opener.h"

namespace continuo::castore {

// What the configuration in force says.
struct StoreView {
  std::string ca_path;
  std::vector<std::string> ca_shares;
  std::shared_ptr<const PathProbe> probe;  // Null when nothing is configured.
};

class CaStoreAdminServiceImpl final : public v1::CaStoreAdminService::CallbackService {
 public:
  void SetView(StoreView view);
  StoreView View() const;
  void SetOpener(const StoreOpener* opener);
  void SetStore(std::shared_ptr<HandleStore> store);
  std::shared_ptr<HandleStore> Store() const;
  absl::Status OpenStatus() const;  // Why there is no store yet.

  grpc::ServerUnaryReactor* GetStore(grpc::CallbackServerContext* context,
                                     const v1::GetStoreRequest* request,
                                     v1::GetStoreResponse* response) override;
  grpc::ServerUnaryReactor* ListHandles(grpc::CallbackServerContext* context,
                                        const v1::ListHandlesRequest* request,
                                        v1::ListHandlesResponse* response) override;

 private:
  mutable absl::Mutex mutex_;
  StoreView view_ ABSL_GUARDED_BY(mutex_);
  const StoreOpener* opener_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::shared_ptr<HandleStore> store_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace continuo::castore
