#include "common/rpc/health_listener.h"

#include <utility>
#include <vector>

#include <absl/strings/str_format.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/impl/server_builder_plugin.h>
#include <grpcpp/resource_quota.h>

namespace continuo::rpc {

namespace {

constexpr int kMessageMaxBytesOfProbe = 4096;
constexpr size_t kMemoryMaxBytes = 8u << 20;
constexpr int kStreamsMax = 16;  // Of one connection.
constexpr int kIdleMaxMs = 60'000;

// Reflection is a plugin of every server of the process.
class WithoutPlugins final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    plugins->clear();
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<HealthListener>> HealthListener::Start(const std::string& listen,
                                                                      HealthState* state) {
  std::unique_ptr<HealthListener> listener(new HealthListener(state));
  grpc::ServerBuilder builder;
  builder.SetOption(std::make_unique<WithoutPlugins>());
  builder.SetMaxReceiveMessageSize(kMessageMaxBytesOfProbe);
  builder.SetResourceQuota(grpc::ResourceQuota("health").Resize(kMemoryMaxBytes));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsMax);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kIdleMaxMs);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // A port in use is an error.
  builder.AddListeningPort(listen, grpc::InsecureServerCredentials(), &listener->port_);
  listener->endpoint_.AddTo(&builder);
  listener->server_ = builder.BuildAndStart();
  if (listener->server_ == nullptr || listener->port_ == 0) {
    return absl::UnavailableError(absl::StrFormat("cannot listen on %s for health checks", listen));
  }
  listener->endpoint_.Start();
  return listener;
}

HealthListener::~HealthListener() { Shutdown(absl::Now()); }

void HealthListener::Shutdown(absl::Time deadline) {
  if (server_ == nullptr) return;
  endpoint_.FinishWatches();
  server_->Shutdown(absl::ToChronoTime(deadline));
  endpoint_.Stop();
  server_.reset();
}

}  // namespace continuo::rpc
