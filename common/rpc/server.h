// A daemon's gRPC server on its Unix socket: /run/continuo/<daemon>.sock.
//
//   rpc::ServerOptions options;
//   options.daemon_name = "auth-service";
//   options.run_dir = context.run_dir;
//   options.services = {rpc::Mount<auth::v1::AuthService>(&logon_service_),
//                       rpc::Mount<auth::v1::AuthAdminService>(&admin_service_)};
//   options.rules = {{"/continuo.auth.v1.AuthService/*", {rpc::Role::kDaemon}}, ...};
//   CONTINUO_ASSIGN_OR_RETURN(server_, rpc::UnixServer::Start(std::move(options)));
//   server_->SetServing(rpc::Serving::kYes);           // Last step of a start.
//   ...
//   server_->SetServing(rpc::Serving::kNo);            // First step of a stop.
//   server_->Shutdown(deadline);                       // Cancels calls that outlive it.
//
// Each server adds by itself: grpc.health.v1.Health (Check, Watch), server reflection, and
// continuo.admin.v1.AdminService (GetStatus, GetMetrics, SetLogLevel).
//
// How callers are checked: the server accepts connections itself, reads SO_PEERCRED, and hands the
// descriptor to one of several gRPC servers, one for each set of roles. In each of them the methods
// that `rules` refuse to these roles are mounted as a handler that answers PERMISSION_DENIED. A
// connection can therefore never gain another caller's rights, whatever happens to descriptor
// numbers, and no service needs to check anything itself.
//
// Requires: services use the callback API (CallbackService), because one object serves several gRPC
//           servers.
// Threading: Start, SetServing and Shutdown from the app's thread. Handlers run on gRPC threads and
// never block. Health answers from its own thread of each gRPC server, which nothing else uses.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "common/metrics/metrics.h"
#include "common/rpc/loop_monitor.h"
#include "common/rpc/policy.h"

namespace grpc {
class Service;
class ServerContextBase;
}  // namespace grpc

namespace continuo::admin::v1 {
class GetStatusResponse;
}  // namespace continuo::admin::v1

namespace continuo::rpc {

inline constexpr std::string_view kDefaultRunDir = "/run/continuo";
inline constexpr std::string_view kAdminGroup = "continuo-admin";
inline constexpr size_t kUnixPathMaxBytes = 107;   // sun_path less its terminator.
inline constexpr size_t kMessageMaxBytes = 64u << 20;  // Of one gRPC message, both directions.

// A service and its full proto name.
struct MountedService {
  std::string name;
  grpc::Service* service = nullptr;  // Not owned; outlives the server.
};

// `Api` is the generated class around the implementation: auth::v1::AuthService.
template <typename Api>
MountedService Mount(grpc::Service* service) {
  return {Api::service_full_name(), service};
}

struct ServerOptions {
  std::string daemon_name;                     // "auth-service"; names socket and lock file.
  std::string run_dir{kDefaultRunDir};         // Made with mode 0750 when it is not there.
  std::vector<MountedService> services;
  std::vector<MethodRule> rules;               // For `services`; see rpc/policy.h.
  std::vector<uid_t> daemon_uids;              // Besides root and our own.
  std::string admin_group{kAdminGroup};
  metrics::Registry* registry = nullptr;       // For GetMetrics and the server's own; may be null.
  // Adds the daemon's own words to AdminService.GetStatus: degraded reasons, counters. Must not
  // block; runs on a gRPC thread.
  std::function<void(admin::v1::GetStatusResponse*)> fill_status;
  // Also answers grpc.health.v1 on this TCP address ("0.0.0.0:9450"); empty: nowhere.
  std::string health_listen;
  // How long a check without a deadline waits for the loops before it says NOT_SERVING.
  absl::Duration stall_limit = absl::Seconds(1);
};

enum class Serving { kNo, kYes };

class UnixServer {
 public:
  // Takes the lock file, replaces a stale socket, binds, starts to accept. Health is NOT_SERVING.
  // Errors: InvalidArgument (path longer than kUnixPathMaxBytes, bad rules); AlreadyExists when
  //         another process holds the lock; Unavailable (health_listen cannot be had); what
  //         the system calls say, naming the path.
  static absl::StatusOr<std::unique_ptr<UnixServer>> Start(ServerOptions options);
  ~UnixServer();  // Shuts down at once if Shutdown was not called.
  UnixServer(const UnixServer&) = delete;
  UnixServer& operator=(const UnixServer&) = delete;

  // SERVING is answered only while also every registered loop advances.
  void SetServing(Serving serving);

  // Stops accepting, removes the socket, lets calls finish until `deadline`, then cancels them.
  void Shutdown(absl::Time deadline);

  LoopMonitor& loop_monitor();
  int health_port() const;  // Of health_listen, also when that asked for port 0. 0: none.
  const std::string& socket_path() const;

 private:
  struct Impl;
  explicit UnixServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// <run_dir>/<daemon>.sock
std::string SocketPath(std::string_view run_dir, std::string_view daemon_name);

// The rules of health, reflection and AdminService that every server has.
std::vector<MethodRule> CommonRules();

}  // namespace continuo::rpc
