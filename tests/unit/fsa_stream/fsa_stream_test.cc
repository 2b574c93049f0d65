// Goal: the frontend's host and the service's hub over a real gRPC stream on a Unix socket: remote
// operations, a recall and a grant under load, listings, and the end of the stream.
// Also every message survives the codec, and bytes that no encoder wrote are refused.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include <absl/synchronization/mutex.h>
#include <absl/synchronization/notification.h>
#include <absl/time/clock.h>
#include <unistd.h>

#include "common/fsa/wire/fsa_codec.h"
#include "common/rpc/channel.h"
#include "common/rpc/server.h"
#include "services/fsa-state-service/rpc/admin_service.h"
#include "services/fsa-state-service/rpc/stream_service.h"
#include "services/smb-frontend/fsa_host/fsa_stream.h"

namespace continuo {
namespace {

using fsastate::Policy;

constexpr absl::Duration kPatience = absl::Seconds(20);

fsa::OpenRequest RequestOf(uint64_t open, uint8_t file) {
  fsa::OpenRequest request;
  request.open = fsa::OpenId(open);
  const uint8_t id[] = {file};
  REQUIRE(fsa::FileKey::Make({}, id, &request.file));
  request.path = "/s/" + std::to_string(file);
  request.access = 0x1F01FF;
  request.share_access = 7;
  return request;
}

class Node {
 public:
  explicit Node(Policy policy)
      : run_dir("/tmp/cfsa." + std::to_string(::getpid())),
        hub(policy),
        stream_service(&hub),
        admin_service(&hub) {
    std::filesystem::create_directories(run_dir);
    rpc::ServerOptions options;
    options.daemon_name = "fsa-state-service";
    options.run_dir = run_dir;
    options.services = {rpc::Mount<fsa::v1::FsaStreamService>(&stream_service),
                        rpc::Mount<fsa::v1::FsaAdminService>(&admin_service)};
    options.rules = {{"/continuo.fsa.v1.FsaStreamService/*", {rpc::Role::kDaemon}},
                     {"/continuo.fsa.v1.FsaAdminService/*", {rpc::Role::kAdmin}}};
    auto started = rpc::UnixServer::Start(std::move(options));
    REQUIRE(started.ok());
    server = std::move(*started);
    server->SetServing(rpc::Serving::kYes);
  }
  ~Node() {
    if (server != nullptr) server->Shutdown(absl::Now() + absl::Seconds(1));
    std::filesystem::remove_all(run_dir);
  }
  std::shared_ptr<grpc::Channel> Channel(const std::string& key) {
    return rpc::MakeUnixChannel(rpc::SocketPath(run_dir, "fsa-state-service"), key);
  }

  std::string run_dir;
  fsastate::StateHub hub;
  fsastate::StreamServiceImpl stream_service;
  fsastate::AdminServiceImpl admin_service;
  std::unique_ptr<rpc::UnixServer> server;
};

struct Frontend {
  explicit Frontend(Node* node)
      : host({.break_timeout = absl::Seconds(35), .sink = nullptr, .timer = nullptr}),
        stream(node->Channel("frontend"), &host, [this](absl::Status) { lost.Notify(); }) {}

  NtStatus Open(const fsa::OpenRequest& request) {
    absl::Notification done;
    NtStatus status;
    host.Open(request, [&](NtResult<fsa::OpenGrant> result) {
      status = result.status();
      done.Notify();
    });
    REQUIRE(done.WaitForNotificationWithTimeout(kPatience));
    return status;
  }

  absl::Notification lost;
  frontend::FsaHost host;
  frontend::FsaStream stream;
};

TEST_CASE("stream: operations, recall and grant over a real socket", "[unit][fsa_stream]") {
  const Policy policy = GENERATE(Policy::kServe, Policy::kDelegate);
  Node node(policy);
  Frontend frontend(&node);
  fsa::OpenRequest first = RequestOf(1, 1);
  first.path = "/s/\xFFname";  // Names need not be UTF-8.
  REQUIRE(frontend.Open(first).ok());
  CHECK(frontend.host.is_delegated() == (policy == Policy::kDelegate));

  // Opens and closes while the state moves to and fro.
  absl::Mutex mutex;
  int answered = 0;
  int failed = 0;
  constexpr int kRounds = 300;
  for (int i = 0; i < kRounds; ++i) {
    if (i % 20 == 0) node.hub.Want(i % 40 == 0 ? Policy::kServe : Policy::kDelegate);
    const uint64_t id = 100 + static_cast<uint64_t>(i);
    frontend.host.Open(RequestOf(id, static_cast<uint8_t>(i % 7)), [&, id](auto result) {
      if (!result.ok()) {
        absl::MutexLock lock(&mutex);
        ++failed;
        ++answered;
        return;
      }
      frontend.host.Close(fsa::OpenId(id), [&](auto closed) {
        absl::MutexLock lock(&mutex);
        if (!closed.ok()) ++failed;
        ++answered;
      });
    });
  }
  {
    absl::MutexLock lock(&mutex);
    const auto all = [&] { return answered == kRounds; };
    REQUIRE(mutex.AwaitWithTimeout(absl::Condition(&all), kPatience));
    CHECK(failed == 0);
  }

  auto admin = fsa::v1::FsaAdminService::NewStub(node.Channel("admin"));
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
  fsa::v1::ListOpensResponse opens;
  const grpc::Status listed = admin->ListOpens(&context, {}, &opens);
  INFO(listed.error_message());
  REQUIRE(listed.ok());
  REQUIRE(opens.opens_size() == 1);
  CHECK(opens.opens(0).path() == "/s/?name");
}

TEST_CASE("stream: a second frontend is refused, and the end of the service breaks the first",
          "[unit][fsa_stream]") {
  Node node(Policy::kServe);
  Frontend first(&node);
  REQUIRE(first.Open(RequestOf(1, 1)).ok());
  {
    Frontend second(&node);
    REQUIRE(second.lost.WaitForNotificationWithTimeout(kPatience));
    second.stream.Stop();
    CHECK(second.Open(RequestOf(1, 1)) == NtStatus::kUnexpectedNetworkError);
  }
  CHECK(first.Open(RequestOf(2, 2)).ok());
  node.server->Shutdown(absl::Now() + absl::Milliseconds(50));
  node.server = nullptr;
  REQUIRE(first.lost.WaitForNotificationWithTimeout(kPatience));
  // Nobody is told of the service's end before the stream is stopped.
  absl::Notification done;
  NtStatus status;
  first.host.Open(RequestOf(3, 3), [&](NtResult<fsa::OpenGrant> result) {
    status = result.status();
    done.Notify();
  });
  CHECK_FALSE(done.HasBeenNotified());
  first.stream.Stop();
  CHECK(done.HasBeenNotified());
  CHECK(status == NtStatus::kUnexpectedNetworkError);
  CHECK(first.Open(RequestOf(4, 4)) == NtStatus::kUnexpectedNetworkError);
}

TEST_CASE("codec: a file's state survives, and damaged bytes are refused or harmless",
          "[unit][fsa_stream]") {
  fsa::Files files;
  fsa::Effects effects;
  fsa::OpenRequest lease = RequestOf(1, 1);
  lease.op = fsa::OpId(1);
  lease.oplock = fsa::OplockLevel::kLease;
  lease.lease = fsa::LeaseRequest{
      .key = {7}, .state = 7, .version = 2, .epoch = 9, .parent_key = fsa::LeaseKey{8}};
  lease.durability = fsa::Durability::kDurable;
  REQUIRE(files.Open(lease, &effects)->ok());
  fsa::LockRequest lock;
  lock.op = fsa::OpId(2);
  lock.open = fsa::OpenId(1);
  lock.locks = {{5, 6, fsa::kLockExclusive}};
  lock.is_sequence_checked = true;
  lock.lock_sequence = 1 << 4 | 2;
  REQUIRE(files.Lock(lock, &effects)->ok());
  fsa::OpenRequest waiting = RequestOf(2, 1);
  waiting.op = fsa::OpId(3);
  REQUIRE_FALSE(files.Open(waiting, &effects).has_value());
  REQUIRE(files.SetDeletePending({.op = {}, .open = fsa::OpenId(1), .is_delete = true,
                                  .is_posix = true}, &effects).ok());
  const fsa::FileSnapshot before = files.Snapshot(lease.file);
  fsa::v1::FileState message;
  fsa::Encode(before, &message);
  const std::optional<fsa::FileSnapshot> after = fsa::Decode(message);
  REQUIRE(after.has_value());
  CHECK(*after == before);

  const std::string bytes = message.SerializeAsString();
  std::mt19937_64 random(1);
  for (int i = 0; i < 2000; ++i) {
    std::string damaged = bytes;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    damaged.resize(1 + random() % damaged.size());
    fsa::v1::FileState parsed;
    if (!parsed.ParseFromString(damaged)) continue;
    const std::optional<fsa::FileSnapshot> decoded = fsa::Decode(parsed);
    fsa::Files elsewhere;
    if (decoded) (void)elsewhere.Load(*decoded);
  }
}

}  // namespace
}  // namespace continuo
