#include "common/rpc/channel.h"

#include <grpcpp/grpcpp.h>

#include "common/rpc/server.h"

namespace continuo::rpc {

namespace {
constexpr int kInitialBackoffMs = 20;
constexpr int kMaxBackoffMs = 500;
// gRPC's "minimal backoff" is how long one attempt to connect may take. A daemon that is gone refuses
// at once; one on a busy machine needs its time to accept and to greet.
constexpr int kConnectTimeoutMs = 5000;
}  // namespace

std::shared_ptr<grpc::Channel> MakeUnixChannel(const std::string& socket_path,
                                               const std::string& connection_key) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kInitialBackoffMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxBackoffMs);
  arguments.SetMaxReceiveMessageSize(static_cast<int>(kMessageMaxBytes));
  arguments.SetMaxSendMessageSize(static_cast<int>(kMessageMaxBytes));
  // No proxy, no service configuration from DNS: the other side is on this node.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  // Without this the authority would be the path, percent-encoded.
  arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost");
  if (!connection_key.empty()) arguments.SetString("continuo.connection_key", connection_key);
  return grpc::CreateCustomChannel("unix:" + socket_path, grpc::InsecureChannelCredentials(),
                                   arguments);
}

}  // namespace continuo::rpc
