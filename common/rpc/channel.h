// A client's channel to a daemon of this node.
//
//   auto channel = rpc::MakeUnixChannel(rpc::SocketPath(run_dir, "auth-service"));
//   auto stub = auth::v1::AuthService::NewStub(channel);
//
// The channel connects by itself, again and again with a short backoff (20 ms to 500 ms), because
// a daemon that is not there is either starting or the whole group is about to go down. Every call
// needs its own deadline; calls fail fast with UNAVAILABLE while nobody listens.
//
// Threading: channels and stubs may be used from any thread.
#pragma once

#include <memory>
#include <string>

namespace grpc {
class Channel;
}  // namespace grpc

namespace continuo::rpc {

// `connection_key` makes a connection of its own: channels to one path with equal keys share one.
std::shared_ptr<grpc::Channel> MakeUnixChannel(const std::string& socket_path,
                                               const std::string& connection_key = "");

}  // namespace continuo::rpc
