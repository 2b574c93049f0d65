// The server on its socket: who may call what, health, locks and stale sockets.
#include "common/rpc/server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include <catch2/catch.hpp>
#include <grpcpp/impl/codegen/client_unary_call.h>

#include "common/rpc/channel.h"
#include "continuo/admin/v1/admin_service.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/unit/rpc/server_fixture.h"

namespace continuo::rpc {
namespace {

namespace health_v1 = ::grpc::health::v1;
using health_v1::HealthCheckResponse;
using supervisor::v1::SupervisorService;

constexpr uid_t kNobody = 65534;

grpc::StatusCode CallHistory(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::ClientContext context;
  SetDeadline(&context);
  supervisor::v1::ListHistoryResponse response;
  return SupervisorService::NewStub(channel)
      ->ListHistory(&context, {}, &response)
      .error_code();
}

grpc::StatusCode CallDaemons(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::ClientContext context;
  SetDeadline(&context);
  supervisor::v1::ListDaemonsResponse response;
  const grpc::Status status =
      SupervisorService::NewStub(channel)->ListDaemons(&context, {}, &response);
  if (status.ok()) CHECK(response.watchdog_interval_ms() == 42);
  return status.error_code();
}

grpc::StatusCode CallSetLogLevel(const std::shared_ptr<grpc::Channel>& channel, int level) {
  grpc::ClientContext context;
  SetDeadline(&context);
  admin::v1::SetLogLevelRequest request;
  request.set_log_level(level);
  admin::v1::SetLogLevelResponse response;
  return admin::v1::AdminService::NewStub(channel)
      ->SetLogLevel(&context, request, &response)
      .error_code();
}

std::pair<grpc::StatusCode, HealthCheckResponse::ServingStatus> Check(
    const std::shared_ptr<grpc::Channel>& channel, const std::string& service = "",
    absl::Duration limit = absl::Seconds(5)) {
  grpc::ClientContext context;
  SetDeadline(&context, limit);
  health_v1::HealthCheckRequest request;
  request.set_service(service);
  HealthCheckResponse response;
  const grpc::Status status =
      health_v1::Health::NewStub(channel)->Check(&context, request, &response);
  return {status.error_code(), response.status()};
}

TEST_CASE("server: a caller whose uid may not call a method is refused", "[unit][rpc]") {
  if (geteuid() != 0) {
    WARN("needs root to connect as another user");
    return;
  }
  ServerFixture fixture;
  fixture.server = *UnixServer::Start(fixture.Options());
  fixture.server->SetServing(Serving::kYes);
  const auto nobody = fixture.ConnectAs(kNobody);
  const auto root = fixture.ConnectAs(0);
  for (int round = 0; round < 3; ++round) {
    CHECK(CallDaemons(nobody) == grpc::StatusCode::OK);
    CHECK(CallHistory(nobody) == grpc::StatusCode::PERMISSION_DENIED);
    CHECK(CallHistory(root) == grpc::StatusCode::OK);
    CHECK(CallSetLogLevel(nobody, 3) == grpc::StatusCode::PERMISSION_DENIED);
    CHECK(Check(nobody).second == HealthCheckResponse::SERVING);
  }
  CHECK(fixture.service.history_call_count == 3);  // The refused calls ran no handler.
}

TEST_CASE("server: a reused descriptor number brings no one else's rights", "[unit][rpc]") {
  if (geteuid() != 0) {
    WARN("needs root to connect as another user");
    return;
  }
  ServerFixture fixture;
  fixture.server = *UnixServer::Start(fixture.Options());
  for (int round = 0; round < 20; ++round) {
    CHECK(CallHistory(fixture.ConnectAs(0)) == grpc::StatusCode::OK);
    CHECK(CallHistory(fixture.ConnectAs(kNobody)) == grpc::StatusCode::PERMISSION_DENIED);
  }
}

TEST_CASE("server: a listed daemon uid has the daemons' rights and no more", "[unit][rpc]") {
  if (geteuid() != 0) {
    WARN("needs root to connect as another user");
    return;
  }
  ServerFixture fixture;
  ServerOptions options = fixture.Options();
  options.daemon_uids = {1234};
  options.rules.push_back(
      {"/continuo.supervisor.v1.SupervisorService/ListDaemons", Role::kDaemon});
  fixture.server = *UnixServer::Start(std::move(options));
  const auto daemon = fixture.ConnectAs(1234);
  CHECK(CallDaemons(daemon) == grpc::StatusCode::OK);
  CHECK(CallHistory(daemon) == grpc::StatusCode::PERMISSION_DENIED);
  CHECK(CallDaemons(fixture.ConnectAs(1235)) == grpc::StatusCode::PERMISSION_DENIED);
}

TEST_CASE("server: health follows the app's word and knows its services", "[unit][rpc]") {
  ServerFixture fixture;
  fixture.server = *UnixServer::Start(fixture.Options());
  const auto channel = MakeUnixChannel(fixture.server->socket_path());
  CHECK(Check(channel).second == HealthCheckResponse::NOT_SERVING);
  fixture.server->SetServing(Serving::kYes);
  CHECK(Check(channel).second == HealthCheckResponse::SERVING);
  CHECK(Check(channel, "continuo.supervisor.v1.SupervisorService").second ==
        HealthCheckResponse::SERVING);
  CHECK(Check(channel, "continuo.admin.v1.AdminService").second == HealthCheckResponse::SERVING);
  CHECK(Check(channel, "no.such.Service").first == grpc::StatusCode::NOT_FOUND);
}

TEST_CASE("server: on its TCP port health is all there is", "[unit][rpc]") {
  ServerFixture fixture;
  ServerOptions options = fixture.Options();
  options.health_listen = "127.0.0.1:0";
  fixture.server = *UnixServer::Start(std::move(options));
  REQUIRE(fixture.server->health_port() > 0);
  const std::string address = "127.0.0.1:" + std::to_string(fixture.server->health_port());
  const auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  CHECK(Check(channel).second == HealthCheckResponse::NOT_SERVING);
  fixture.server->SetServing(Serving::kYes);
  CHECK(Check(channel).second == HealthCheckResponse::SERVING);
  CHECK(CallDaemons(channel) == grpc::StatusCode::UNIMPLEMENTED);
  CHECK(CallSetLogLevel(channel, 1) == grpc::StatusCode::UNIMPLEMENTED);
  const grpc::internal::RpcMethod reflection(
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
      grpc::internal::RpcMethod::NORMAL_RPC, channel);
  grpc::ClientContext context;
  SetDeadline(&context);
  HealthCheckResponse response;
  CHECK(grpc::internal::BlockingUnaryCall(channel.get(), reflection, &context,
                                          health_v1::HealthCheckRequest(), &response)
            .error_code() == grpc::StatusCode::UNIMPLEMENTED);

  ServerFixture second;
  options = second.Options();
  options.health_listen = address;
  CHECK(absl::IsUnavailable(UnixServer::Start(std::move(options)).status()));
}

TEST_CASE("server: a loop that does not advance is NOT_SERVING, one that is slow is not",
          "[unit][rpc]") {
  ServerFixture fixture;
  fixture.server = *UnixServer::Start(fixture.Options());
  fixture.server->SetServing(Serving::kYes);
  const auto channel = MakeUnixChannel(fixture.server->socket_path());
  std::atomic<bool> is_nudged{false};
  LoopHeartbeat* const loop =
      fixture.server->loop_monitor().Register("loop", [&] { is_nudged = true; });
  CHECK(Check(channel, "", absl::Milliseconds(100)).second == HealthCheckResponse::NOT_SERVING);
  CHECK(is_nudged);
  is_nudged = false;
  std::thread slow([&] {
    while (!is_nudged) absl::SleepFor(absl::Milliseconds(1));
    absl::SleepFor(absl::Milliseconds(30));
    loop->Beat();
  });
  CHECK(Check(channel).second == HealthCheckResponse::SERVING);
  slow.join();
}

TEST_CASE("server: health tells that callback threads are blocked, until they go on", "[unit][rpc]") {
  ServerFixture fixture;
  fixture.server = *UnixServer::Start(fixture.Options());
  fixture.server->SetServing(Serving::kYes);
  fixture.service.is_blocking = true;
  constexpr int kCalls = 64;  // Far more than gRPC has threads.
  const auto channel = MakeUnixChannel(fixture.server->socket_path(), "calls");
  const auto stub = SupervisorService::NewStub(channel);
  grpc::CompletionQueue queue;
  struct Call {
    grpc::ClientContext context;
    supervisor::v1::ListHistoryResponse response;
    grpc::Status status;
    std::unique_ptr<grpc::ClientAsyncResponseReader<supervisor::v1::ListHistoryResponse>> reader;
  };
  std::vector<Call> calls(kCalls);
  for (Call& call : calls) {
    SetDeadline(&call.context, absl::Minutes(5));
    call.reader = stub->AsyncListHistory(&call.context, {}, &queue);
    call.reader->Finish(&call.response, &call.status, &call);
  }
  while (fixture.service.history_call_count == 0) absl::SleepFor(absl::Milliseconds(1));
  const auto health_channel = MakeUnixChannel(fixture.server->socket_path(), "health");
  // Answered, by a thread that is not theirs. The answer leaves just before the caller's deadline: on a
  // busy machine it may come too late, which says nothing.
  auto blocked = Check(health_channel);
  while (blocked.first == grpc::StatusCode::DEADLINE_EXCEEDED) blocked = Check(health_channel);
  CHECK(blocked.first == grpc::StatusCode::OK);
  CHECK(blocked.second == HealthCheckResponse::NOT_SERVING);
  fixture.service.is_blocking = false;
  for (size_t i = 0; i < calls.size(); ++i) {
    void* tag = nullptr;
    bool is_ok = false;
    REQUIRE(queue.Next(&tag, &is_ok));
    CHECK(static_cast<Call*>(tag)->status.ok());
  }
  CHECK(Check(health_channel).second == HealthCheckResponse::SERVING);
}

TEST_CASE("server: Watch sends each change and ends with the server", "[unit][rpc]") {
  ServerFixture fixture;
  fixture.server = *UnixServer::Start(fixture.Options());
  const auto channel = MakeUnixChannel(fixture.server->socket_path());
  grpc::ClientContext context;
  SetDeadline(&context);
  const auto watch = health_v1::Health::NewStub(channel)->Watch(&context, {});
  HealthCheckResponse response;
  REQUIRE(watch->Read(&response));
  CHECK(response.status() == HealthCheckResponse::NOT_SERVING);
  fixture.server->SetServing(Serving::kYes);
  REQUIRE(watch->Read(&response));
  CHECK(response.status() == HealthCheckResponse::SERVING);
  const absl::Time begin = absl::Now();
  fixture.server->Shutdown(begin + absl::Seconds(5));
  CHECK(absl::Now() - begin < absl::Seconds(2));
  REQUIRE(watch->Read(&response));
  CHECK(response.status() == HealthCheckResponse::NOT_SERVING);
  CHECK_FALSE(watch->Read(&response));
}

TEST_CASE("server: Watch of an unknown service says so and stays open", "[unit][rpc]") {
  ServerFixture fixture;
  fixture.server = *UnixServer::Start(fixture.Options());
  const auto channel = MakeUnixChannel(fixture.server->socket_path());
  grpc::ClientContext context;
  SetDeadline(&context);
  health_v1::HealthCheckRequest request;
  request.set_service("no.such.Service");
  const auto watch = health_v1::Health::NewStub(channel)->Watch(&context, request);
  HealthCheckResponse response;
  REQUIRE(watch->Read(&response));
  CHECK(response.status() == HealthCheckResponse::SERVICE_UNKNOWN);
  context.TryCancel();
  CHECK_FALSE(watch->Read(&response));
}

TEST_CASE("server: GetStatus shows version, loops, counters and the daemon's own words",
          "[unit][rpc]") {
  ServerFixture fixture;
  ServerOptions options = fixture.Options();
  options.fill_status = [](admin::v1::GetStatusResponse* status) {
    status->add_degraded_reasons("the disk is slow");
  };
  fixture.server = *UnixServer::Start(std::move(options));
  fixture.server->SetServing(Serving::kYes);
  fixture.server->loop_monitor().Register("main")->Beat();
  grpc::ClientContext context;
  SetDeadline(&context);
  admin::v1::GetStatusResponse status;
  const auto stub =
      admin::v1::AdminService::NewStub(MakeUnixChannel(fixture.server->socket_path()));
  REQUIRE(stub->GetStatus(&context, {}, &status).ok());
  CHECK(status.daemon() == "test-service");
  CHECK_FALSE(status.version().empty());
  CHECK(status.state() == admin::v1::DAEMON_STATE_DEGRADED);
  REQUIRE(status.loops_size() == 3);  // The first two are the server's own.
  CHECK(status.loops(0).name() == "rpc.callbacks");
  CHECK(status.loops(1).name() == "rpc.acceptor");
  CHECK(status.loops(2).beat_count() == 1);
  CHECK(status.counters_size() >= 2);
  CHECK(CallSetLogLevel(MakeUnixChannel(fixture.server->socket_path()), 6) ==
        grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("server: the lock file decides, a stale socket is replaced", "[unit][rpc]") {
  ServerFixture fixture;
  const std::string path = SocketPath(fixture.run_dir, "test-service");
  std::ofstream(path) << "left behind";
  fixture.server = *UnixServer::Start(fixture.Options());
  struct stat status {};
  REQUIRE(stat(path.c_str(), &status) == 0);
  CHECK(S_ISSOCK(status.st_mode));
  CHECK((status.st_mode & 0777) == 0660);

  const auto second = UnixServer::Start(fixture.Options());
  CHECK(absl::IsAlreadyExists(second.status()));
  CHECK(CallDaemons(MakeUnixChannel(path)) == grpc::StatusCode::OK);  // The first is unharmed.

  fixture.server->Shutdown(absl::Now());
  CHECK(access(path.c_str(), F_OK) != 0);
}

TEST_CASE("server: a socket path that does not fit and bad rules are refused", "[unit][rpc]") {
  ServerFixture fixture;
  ServerOptions options = fixture.Options();
  options.run_dir = fixture.run_dir + "/" + std::string(100, 'd');
  CHECK(absl::IsInvalidArgument(UnixServer::Start(std::move(options)).status()));
  options = fixture.Options();
  options.rules.push_back({"nonsense", Role::kAny});
  CHECK(absl::IsInvalidArgument(UnixServer::Start(std::move(options)).status()));
  options = fixture.Options();
  options.services.push_back({"no.such.Service", &fixture.service});
  CHECK(absl::IsInvalidArgument(UnixServer::Start(std::move(options)).status()));
}

TEST_CASE("server: a run directory that is missing is made for owner and group only",
          "[unit][rpc]") {
  ServerFixture fixture;
  ServerOptions options = fixture.Options();
  options.run_dir = fixture.run_dir + "/run";
  fixture.server = *UnixServer::Start(std::move(options));
  struct stat status {};
  REQUIRE(stat((fixture.run_dir + "/run").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0750);
}

}  // namespace
}  // namespace continuo::rpc
