#include "tests/unit/rpc/server_fixture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <thread>

#include <catch2/catch.hpp>
#include <grpcpp/create_channel_posix.h>

namespace continuo::rpc {

grpc::ServerUnaryReactor* FakeSupervisorService::ListDaemons(
    grpc::CallbackServerContext* context, const supervisor::v1::ListDaemonsRequest*,
    supervisor::v1::ListDaemonsResponse* response) {
  response->set_watchdog_interval_ms(42);
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* FakeSupervisorService::ListHistory(
    grpc::CallbackServerContext* context, const supervisor::v1::ListHistoryRequest*,
    supervisor::v1::ListHistoryResponse*) {
  ++history_call_count;
  while (is_blocking.load()) absl::SleepFor(absl::Milliseconds(1));
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

ServerFixture::ServerFixture() {
  char directory[] = "/tmp/ctn-rpc-XXXXXX";
  REQUIRE(mkdtemp(directory) != nullptr);
  run_dir = directory;
  REQUIRE(chmod(directory, 0755) == 0);
}

ServerFixture::~ServerFixture() {
  server.reset();
  std::filesystem::remove_all(run_dir);
}

ServerOptions ServerFixture::Options() {
  ServerOptions options;
  options.daemon_name = "test-service";
  options.run_dir = run_dir;
  options.registry = &registry;
  options.services = {Mount<supervisor::v1::SupervisorService>(&service)};
  options.rules = {
      {"/continuo.supervisor.v1.SupervisorService/*", Role::kAny},
      {"/continuo.supervisor.v1.SupervisorService/ListHistory", {Role::kRoot, Role::kSelf}}};
  return options;
}

std::shared_ptr<grpc::Channel> ServerFixture::ConnectAs(uid_t uid) {
  // The tests let any user reach the socket; what it may call is the server's business.
  REQUIRE(chmod(server->socket_path().c_str(), 0666) == 0);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool is_connected = false;
  // The plain system call changes the uid of this thread alone.
  std::thread([&] {
    if (uid != geteuid() && syscall(SYS_setresuid, uid, uid, uid) != 0) return;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, server->socket_path().c_str(), sizeof(address.sun_path) - 1);
    is_connected = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }).join();
  REQUIRE(is_connected);
  REQUIRE(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
  return grpc::CreateInsecureChannelFromFd("test", fd);
}

void SetDeadline(grpc::ClientContext* context, absl::Duration limit) {
  context->set_deadline(absl::ToChronoTime(absl::Now() + limit));
}

}  // namespace continuo::rpc
