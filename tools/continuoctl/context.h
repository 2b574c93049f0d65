// What every command of continuoctl shares: where the node is, how to answer, and the exit codes.
//
// Threading: one thread.
#pragma once

#include <memory>
#include <string>

#include <absl/status/status.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <grpcpp/grpcpp.h>

#include "common/rpc/channel.h"
#include "common/rpc/server.h"

namespace continuo::ctl {

// What scripts can rely on.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;      // Refused, not found, or a daemon is not well.
inline constexpr int kExitUsage = 2;        // The command line.
inline constexpr int kExitUnreachable = 3;  // A daemon that is needed does not answer.
inline constexpr int kExitBadConfig = 78;

struct Context {
  std::string run_dir = std::string(rpc::kDefaultRunDir);
  std::string config_path = "/etc/tsmb.conf";
  bool is_json = false;
  absl::Duration timeout = absl::Seconds(5);

  std::shared_ptr<grpc::Channel> Channel(const std::string& daemon) const {
    return rpc::MakeUnixChannel(rpc::SocketPath(run_dir, daemon));
  }
};

// Makes one unary call with the context's deadline: Call(context, *stub, &Stub::Method, request,
// response).
template <typename Stub, typename Request, typename Response>
grpc::Status Call(const Context& context, Stub& stub,
                  grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                  const Request& request, Response& response) {
  grpc::ClientContext call;
  call.set_deadline(absl::ToChronoTime(absl::Now() + context.timeout));
  return (stub.*method)(&call, request, &response);
}

// Says on stderr why `daemon` gave no answer, and returns the exit code for it.
int ReportCallFailure(const Context& context, const std::string& daemon,
                      const grpc::Status& status);

// Says `message` on stderr and returns `exit_code`.
int Fail(int exit_code, const std::string& message);

}  // namespace continuo::ctl
