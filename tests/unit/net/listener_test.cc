// Admission, many connections, draining, and listening sockets that cannot be had.
#include "services/smb-frontend/net/listener.h"

#include <functional>

#include "tests/unit/net/net_test_support.h"

namespace continuo::net::test {

namespace {

using End = Client::End;

void EchoAuthenticated(Connection& connection, Buffer message) {
  connection.MarkAuthenticated();
  connection.Send(std::move(message));
}

bool WaitUntil(const std::function<bool()>& condition) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!condition() && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
  return condition();
}

bool WaitUntilZero(const std::atomic<uint32_t>& count) {
  return WaitUntil([&] { return count == 0; });
}

}  // namespace

TEST_CASE("Listener: many connections are served, over several loops", "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  CAPTURE(IoEngineName(engine));
  ServerLoopsOptions options = WithEngine(engine);
  options.loop_count = 2;
  TestServer server(options, EchoAuthenticated);
  constexpr size_t kClients = 300;
  std::vector<Client> clients;
  for (size_t i = 0; i < kClients; ++i) clients.emplace_back(server.port());
  for (int round = 0; round < 2; ++round) {
    for (size_t i = 0; i < kClients; ++i) {
      REQUIRE(clients[i].SendFrame(Pattern(100, static_cast<uint32_t>(i))));
    }
    for (size_t i = 0; i < kClients; ++i) {
      CHECK(clients[i].ReceiveFrame() == Pattern(100, static_cast<uint32_t>(i)));
    }
  }
  CHECK(server.loops().counts().open == kClients);
  CHECK(server.loops().counts().unauthenticated == 0);
  size_t visited = 0;
  size_t visited_on_its_loop = 0;
  server.loops().ForEachConnection([&](Connection& connection) {
    ++visited;
    if (connection.loop().InLoopThread()) ++visited_on_its_loop;
  });
  CHECK(visited == kClients);
  CHECK(visited_on_its_loop == kClients);
  clients.clear();
  CHECK(WaitUntilZero(server.loops().counts().open));
}

TEST_CASE("Listener: above connections_max new ones are closed, old ones go on", "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  CAPTURE(IoEngineName(engine));
  ServerLoopsOptions options = WithEngine(engine);
  options.limits.connections_max = 3;
  TestServer server(options, EchoAuthenticated);
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(server.port());
    REQUIRE(clients.back().SendFrame({1}));
    REQUIRE(clients.back().ReceiveFrame().has_value());
  }
  for (int i = 0; i < 20; ++i) {
    Client refused(server.port());
    const End end = refused.ReceiveEnd();
    CHECK((end == End::kClosed || end == End::kReset));
  }
  for (Client& client : clients) {
    REQUIRE(client.SendFrame({2}));
    CHECK(client.ReceiveFrame().has_value());
  }
  CHECK(server.loops().counts().refused == 20);
  clients.pop_back();
  REQUIRE(server.log().WaitFor("closed:peer_closed"));
  Client welcome(server.port());
  REQUIRE(welcome.SendFrame({3}));
  CHECK(welcome.ReceiveFrame().has_value());
}

TEST_CASE("Listener: new limits hold for new connections, old ones stay", "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  CAPTURE(IoEngineName(engine));
  ServerLoopsOptions options = WithEngine(engine);
  TestServer server(options, EchoAuthenticated);
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(server.port());
    REQUIRE(clients.back().SendFrame({1}));
    REQUIRE(clients.back().ReceiveFrame().has_value());
  }
  options.limits.connections_max = 2;
  server.loops().SetLimits(options.limits);
  Client refused(server.port());
  const End end = refused.ReceiveEnd();
  CHECK((end == End::kClosed || end == End::kReset));
  for (Client& client : clients) {
    REQUIRE(client.SendFrame({2}));
    CHECK(client.ReceiveFrame().has_value());
  }
  options.limits.connections_max = 4;
  server.loops().SetLimits(options.limits);
  Client welcome(server.port());
  REQUIRE(welcome.SendFrame({3}));
  CHECK(welcome.ReceiveFrame().has_value());
}

TEST_CASE("Listener: the oldest half-open connection gives way", "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  CAPTURE(IoEngineName(engine));
  ServerLoopsOptions options = WithEngine(engine);
  options.limits.unauthenticated_max = 4;
  TestServer server(options, EchoAuthenticated);
  Client authenticated(server.port());
  REQUIRE(authenticated.SendFrame({1}));
  REQUIRE(authenticated.ReceiveFrame().has_value());
  std::vector<Client> silent;
  for (size_t i = 0; i < 10; ++i) {
    silent.emplace_back(server.port());
    REQUIRE(server.log().WaitFor("open", i + 2));
  }
  REQUIRE(server.log().WaitFor("closed:half_open_limit", 6));
  for (size_t i = 0; i < 6; ++i) CHECK(silent[i].ReceiveEnd() == End::kReset);
  // The youngest and the authenticated one are served.
  for (size_t i = 6; i < 10; ++i) {
    REQUIRE(silent[i].SendFrame({7}));
    CHECK(silent[i].ReceiveFrame().has_value());
  }
  REQUIRE(authenticated.SendFrame({2}));
  CHECK(authenticated.ReceiveFrame().has_value());
  CHECK(server.loops().counts().unauthenticated == 0);
  CHECK(server.loops().counts().half_open_dropped == 6);
}

TEST_CASE("Listener: counters return to zero after a connect and disconnect flood", "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  CAPTURE(IoEngineName(engine));
  ServerLoopsOptions options = WithEngine(engine);
  options.loop_count = 2;
  options.limits.unauthenticated_max = 16;
  TestServer server(options, EchoAuthenticated);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        Client client(server.port());
        if (i % 2 == 0) client.SendBytes({0, 0, 1});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  // A connection that its client has closed may still wait for the listener: it is not counted yet.
  CHECK(WaitUntil([&] { return server.loops().counts().accepted == 200; }));
  CHECK(WaitUntilZero(server.loops().counts().open));
  CHECK(server.loops().counts().unauthenticated == 0);
  Client client(server.port());
  REQUIRE(client.SendFrame({1}));
  CHECK(client.ReceiveFrame().has_value());
}

TEST_CASE("ServerLoops: draining lets clients finish and aborts those that do not", "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  const bool does_client_close = GENERATE(true, false);
  CAPTURE(IoEngineName(engine), does_client_close);
  TestServer server(WithEngine(engine), EchoAuthenticated);
  Client client(server.port());
  REQUIRE(client.SendFrame({1}));
  REQUIRE(client.ReceiveFrame().has_value());
  std::thread peer([&] {
    client.ReceiveEnd();
    if (does_client_close) client.Close();
  });
  server.loops().StopListening();
  Client refused(server.port());
  CHECK_FALSE(refused.is_connected());
  const absl::Duration patience = does_client_close ? absl::Seconds(20) : absl::Milliseconds(50);
  CHECK(server.loops().DrainAndStop(patience).ok() == does_client_close);
  peer.join();
  CHECK(server.loops().counts().open == 0);
}

TEST_CASE("ServerLoops: a barrier over all loops runs", "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  ServerLoopsOptions options = WithEngine(engine);
  options.loop_count = 3;
  TestServer server(options, Echo);
  server.loops().BarrierAll([&] { server.log().Add("barrier"); });
  CHECK(server.log().WaitFor("barrier"));
}

TEST_CASE("OpenListeningSocket: says what is wrong with an address", "[unit][net]") {
  struct Case {
    const char* why;
    ListenAddress address;
    absl::StatusCode code;
  };
  ListenAddress text;
  text.address = "somewhere";
  ListenAddress family;
  family.address = "::1";
  ListenAddress device;
  device.interface = "no-such-device0";
  device.port = 0;
  ListenAddress elsewhere;
  elsewhere.address = "192.0.2.1";  // TEST-NET: not an address of this machine.
  elsewhere.port = 0;
  const auto c = GENERATE_COPY(values<Case>({
      {"not an address", text, absl::StatusCode::kInvalidArgument},
      {"of the other family", family, absl::StatusCode::kInvalidArgument},
      {"unknown interface", device, absl::StatusCode::kUnavailable},
      {"somebody else's address", elsewhere, absl::StatusCode::kUnavailable},
  }));
  CAPTURE(c.why);
  const absl::StatusOr<int> fd = OpenListeningSocket(c.address);
  REQUIRE_FALSE(fd.ok());
  CHECK(fd.status().code() == c.code);
}

TEST_CASE("SocketAddress: prints both families", "[unit][net]") {
  ListenAddress any;
  any.family = ListenAddress::Family::kIpv6;
  any.address = "::1";
  any.port = 0;
  const absl::StatusOr<int> fd = OpenListeningSocket(any);
  if (!fd.ok()) return;  // A machine without IPv6.
  const SocketAddress bound = SocketAddress::LocalOf(*fd);
  CHECK(bound.HostString() == "::1");
  CHECK(bound.ToString() == "[::1]:" + std::to_string(bound.port()));
  close(*fd);
}

}  // namespace continuo::net::test
