// Framing, limits, backpressure and closing over real sockets, on both engines.
#include "services/smb-frontend/net/connection.h"

#include "tests/unit/net/net_test_support.h"

namespace continuo::net::test {

namespace {

using End = Client::End;

bool IsClosed(End end) { return end == End::kClosed || end == End::kReset; }

void EchoAuthenticated(Connection& connection, Buffer message) {
  connection.MarkAuthenticated();
  connection.SetMaxMessageSize(kMaxFramePayloadBytes);
  connection.Send(std::move(message));
}

}  // namespace

TEST_CASE("Connection: a frame may be split at every byte", "[unit][net][MS-SMB2:2.1]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  CAPTURE(IoEngineName(engine));
  TestServer server(WithEngine(engine), Echo);
  Client client(server.port());
  const std::vector<uint8_t> first = Pattern(23, 1);
  const std::vector<uint8_t> second = Pattern(5, 2);
  std::vector<uint8_t> stream = Client::Frame(first);
  const std::vector<uint8_t> tail = Client::Frame(second);
  stream.insert(stream.end(), tail.begin(), tail.end());
  for (size_t cut = 1; cut < stream.size(); ++cut) {
    CAPTURE(cut);
    const auto middle = stream.begin() + static_cast<std::ptrdiff_t>(cut);
    REQUIRE(client.SendBytes({stream.begin(), middle}));
    // The first part was taken in before the second leaves when its bytes were counted.
    const uint64_t expected = (cut - 1) * stream.size() + cut;
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    while (server.last() == nullptr || server.last()->received_bytes() < expected) {
      REQUIRE(std::chrono::steady_clock::now() < give_up);
      std::this_thread::yield();
    }
    REQUIRE(client.SendBytes({middle, stream.end()}));
    CHECK(client.ReceiveFrame() == first);
    CHECK(client.ReceiveFrame() == second);
  }
}

TEST_CASE("Connection: messages of every size arrive whole, many at once", "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  CAPTURE(IoEngineName(engine));
  TestServer server(WithEngine(engine), EchoAuthenticated);
  Client client(server.port());
  REQUIRE(client.SendFrame({1}));  // Raises the limit.
  REQUIRE(client.ReceiveFrame().has_value());
  // Around the size of a first read, and up to the largest WRITE.
  const std::vector<size_t> sizes = {
      1, 2,     100,     8187, 8188, 8189, 8192, 16384,           65536, 65537,
      1, 70000, 1 << 20, 3,    64,   64,   64,   (8 << 20) + 192, 9};
  std::vector<std::vector<uint8_t>> messages;
  std::vector<uint8_t> stream;
  for (size_t i = 0; i < sizes.size(); ++i) {
    messages.push_back(Pattern(sizes[i], static_cast<uint32_t>(i)));
    const std::vector<uint8_t> frame = Client::Frame(messages.back());
    stream.insert(stream.end(), frame.begin(), frame.end());
  }
  std::thread sender([&] { client.SendBytes(stream); });
  for (const std::vector<uint8_t>& message : messages) {
    CAPTURE(message.size());
    const auto frame = client.ReceiveFrame();
    CHECK((frame.has_value() && *frame == message));
  }
  sender.join();
}

TEST_CASE("Connection: an empty frame is ignored", "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  TestServer server(WithEngine(engine), Echo);
  Client client(server.port());
  REQUIRE(client.SendBytes({0, 0, 0, 0, 0, 0, 0, 0}));
  REQUIRE(client.SendFrame({5}));
  CHECK(client.ReceiveFrame() == std::vector<uint8_t>{5});
}

TEST_CASE("Connection: bad frames end the connection", "[unit][net][MS-SMB2:2.1]") {
  struct Case {
    const char* why;
    std::vector<uint8_t> bytes;
    const char* reason;
  };
  const IoEngine engine = GENERATE(from_range(Engines()));
  const auto c = GENERATE(values<Case>({
      {"16 MiB claimed before authentication", {0, 0xFF, 0xFF, 0xFF}, "closed:oversized_frame"},
      {"one byte more than 64 KiB", {0, 1, 0, 1}, "closed:oversized_frame"},
      {"a NetBIOS session request", {0x81, 0, 0, 68}, "closed:bad_frame"},
      {"text of another protocol", {'G', 'E', 'T', ' '}, "closed:bad_frame"},
  }));
  CAPTURE(IoEngineName(engine), c.why);
  TestServer server(WithEngine(engine), Echo);
  Client client(server.port());
  REQUIRE(client.SendBytes(c.bytes));
  CHECK(IsClosed(client.ReceiveEnd()));
  CHECK(server.log().WaitFor(c.reason));
}

TEST_CASE("Connection: 64 KiB is accepted before authentication", "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  TestServer server(WithEngine(engine), Echo);
  Client client(server.port());
  const std::vector<uint8_t> largest = Pattern(kMaxUnauthenticatedMessageBytes, 3);
  REQUIRE(client.SendFrame(largest));
  const auto echoed = client.ReceiveFrame();
  CHECK((echoed.has_value() && *echoed == largest));
}

TEST_CASE("Connection: the owner learns how the peer went", "[unit][net]") {
  struct Case {
    const char* why;
    std::vector<uint8_t> bytes;
    const char* reason;
  };
  const IoEngine engine = GENERATE(from_range(Engines()));
  const auto c = GENERATE(values<Case>({
      {"between frames", {}, "closed:peer_closed"},
      {"inside a header", {0, 0}, "closed:truncated_frame"},
      {"inside a message", {0, 0, 0, 9, 1, 2}, "closed:truncated_frame"},
  }));
  CAPTURE(IoEngineName(engine), c.why);
  TestServer server(WithEngine(engine), Echo);
  Client client(server.port());
  if (!c.bytes.empty()) REQUIRE(client.SendBytes(c.bytes));
  client.Close();
  CHECK(server.log().WaitFor(c.reason));
  CHECK(server.loops().counts().open == 0);
}

TEST_CASE("Connection: bytes that never come end at the handshake deadline", "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  const bool is_silent = GENERATE(true, false);
  CAPTURE(IoEngineName(engine), is_silent);
  ServerLoopsOptions options = WithEngine(engine);
  options.connection.handshake_timeout = absl::Milliseconds(30);
  TestServer server(options, Echo);
  Client client(server.port());
  if (!is_silent) REQUIRE(client.SendBytes({0, 0, 0xFF, 0, 1, 2, 3}));
  CHECK(IsClosed(client.ReceiveEnd()));
  CHECK(server.log().WaitFor("closed:handshake_timeout"));
}

TEST_CASE("Connection: authentication ends the handshake deadline", "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  ServerLoopsOptions options = WithEngine(engine);
  options.connection.handshake_timeout = absl::Milliseconds(100);
  TestServer server(options, EchoAuthenticated);
  Client slow(server.port());
  REQUIRE(slow.SendFrame({1}));
  REQUIRE(slow.ReceiveFrame().has_value());
  // A later connection that does not authenticate runs into the deadline; the first one, which is
  // older, does not.
  Client silent(server.port());
  CHECK(IsClosed(silent.ReceiveEnd()));
  REQUIRE(slow.SendFrame({2}));
  CHECK(slow.ReceiveFrame() == std::vector<uint8_t>{2});
}

TEST_CASE("Connection: a paused handler gets nothing until it resumes", "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  CAPTURE(IoEngineName(engine));
  EventLog got;
  TestServer server(WithEngine(engine), [&got](Connection& connection, Buffer message) {
    got.Add("message:" + std::to_string(message.payload()[0]));
    connection.PauseReading();
  });
  Client client(server.port());
  // Three in one segment, so that two are already received when the first pauses.
  std::vector<uint8_t> stream;
  for (uint8_t i = 1; i <= 3; ++i) {
    const auto frame = Client::Frame({i});
    stream.insert(stream.end(), frame.begin(), frame.end());
  }
  REQUIRE(client.SendBytes(stream));
  for (int i = 1; i <= 3; ++i) {
    REQUIRE(got.WaitFor("message:" + std::to_string(i)));
    CHECK(got.all().size() == static_cast<size_t>(i));
    const std::shared_ptr<Connection> connection = server.last();
    connection->loop().Post([connection] { connection->ResumeReading(); });
  }
}

TEST_CASE("Connection: resuming after the end does nothing", "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  CAPTURE(IoEngineName(engine));
  TestServer server(WithEngine(engine), [](Connection& connection, Buffer message) {
    connection.Send(std::move(message));
    connection.PauseReading();
  });
  std::shared_ptr<Connection> ended;
  {
    Client client(server.port());
    REQUIRE(client.SendFrame({1}));
    REQUIRE(client.ReceiveFrame().has_value());
    ended = server.last();
    ended->PostClose(CloseMode::kAbort);
    REQUIRE(server.log().WaitFor("closed:closed_by_owner"));
  }
  Client another(server.port());
  REQUIRE(another.SendFrame({2}));  // The server has forgotten the first one.
  REQUIRE(another.ReceiveFrame().has_value());
  EventLoop& loop = ended->loop();
  loop.Post([ended = std::move(ended)]() mutable {
    ended->ResumeReading();
    ended.reset();
  });
  const std::shared_ptr<Connection> connection = server.last();
  loop.Post([connection] { connection->ResumeReading(); });
  REQUIRE(another.SendFrame({3}));
  CHECK(another.ReceiveFrame() == std::vector<uint8_t>{3});
}

TEST_CASE("Connection: stops reading while too much output waits", "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  CAPTURE(IoEngineName(engine));
  ServerLoopsOptions options = WithEngine(engine);
  options.connection.max_queued_output_bytes = 1 << 20;
  EventLog got;
  constexpr size_t kReplyBytes = 4 << 20;
  TestServer server(options, [&got](Connection& connection, Buffer message) {
    got.Add("message");
    Buffer reply = Buffer::Allocate(kReplyBytes);
    std::fill(reply.payload().begin(), reply.payload().end(), message.payload()[0]);
    connection.Send(std::move(reply));
  });
  Client client(server.port(), 65536);
  constexpr uint8_t kRequests = 10;
  for (uint8_t i = 0; i < kRequests; ++i) REQUIRE(client.SendFrame({i}));
  REQUIRE(got.WaitFor("message"));
  // The first reply cannot leave while the client does not read, so the others are not asked for.
  CHECK(got.CountOf("message") <= 2);
  for (uint8_t i = 0; i < kRequests; ++i) {
    const auto reply = client.ReceiveFrame();
    REQUIRE(reply.has_value());
    CHECK(*reply == std::vector<uint8_t>(kReplyBytes, i));
  }
  CHECK(got.CountOf("message") == kRequests);
}

TEST_CASE("Connection: a graceful close sends what is queued first", "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  CAPTURE(IoEngineName(engine));
  const std::vector<uint8_t> large = Pattern(6 << 20, 9);
  TestServer server(WithEngine(engine), [&](Connection& connection, Buffer) {
    connection.Send(Buffer::CopyOf(large));
    connection.Close(CloseMode::kGraceful);
    connection.Send(Buffer::CopyOf(large));  // Too late: does nothing.
  });
  Client client(server.port(), 65536);
  // More requests behind the first one must not turn the close into a reset.
  REQUIRE(client.SendFrame({1}));
  REQUIRE(client.SendFrame({2}));
  const auto reply = client.ReceiveFrame();
  CHECK((reply.has_value() && *reply == large));
  CHECK(client.ReceiveEnd() == End::kClosed);
  client.Close();
  CHECK(server.log().WaitFor("closed:closed_by_owner"));
}

TEST_CASE("Connection: a graceful close does not wait for ever", "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  ServerLoopsOptions options = WithEngine(engine);
  options.connection.graceful_close_timeout = absl::Milliseconds(30);
  TestServer server(options, [](Connection& connection, Buffer) {
    connection.Send(Buffer::CopyOf(std::vector<uint8_t>(8 << 20)));
    connection.Close(CloseMode::kGraceful);
  });
  Client client(server.port(), 65536);
  REQUIRE(client.SendFrame({1}));
  CHECK(server.log().WaitFor("closed:closed_by_owner"));
}

TEST_CASE("Connection: an abort resets at once, also while sending", "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  const bool is_sending = GENERATE(false, true);
  CAPTURE(IoEngineName(engine), is_sending);
  TestServer server(WithEngine(engine), [is_sending](Connection& connection, Buffer) {
    if (!is_sending) return connection.Close(CloseMode::kAbort);
    connection.Send(Buffer::CopyOf(std::vector<uint8_t>(8 << 20)));
    const std::shared_ptr<Connection> self = connection.shared_from_this();
    connection.loop().RunAfter(absl::Milliseconds(5), [self] { self->Close(CloseMode::kAbort); });
  });
  Client client(server.port(), 65536);
  REQUIRE(client.SendFrame({1}));
  CHECK(server.log().WaitFor("closed:closed_by_owner"));
  End end = client.ReceiveEnd();
  while (end == End::kData) end = client.ReceiveEnd();
  CHECK(end == End::kReset);
}

TEST_CASE("Connection: other threads send and close through PostSend and PostClose",
          "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  CAPTURE(IoEngineName(engine));
  TestServer server(WithEngine(engine), Echo);
  Client client(server.port());
  REQUIRE(server.log().WaitFor("open"));
  const std::shared_ptr<Connection> connection = server.last();
  for (uint8_t i = 0; i < 100; ++i) connection->PostSend(Buffer::CopyOf(std::vector<uint8_t>{i}));
  for (uint8_t i = 0; i < 100; ++i) {
    CHECK(client.ReceiveFrame() == std::vector<uint8_t>{i});
  }
  CHECK(connection->sent_messages() == 100);
  CHECK(connection->peer_address().HostString() == "127.0.0.1");
  CHECK(connection->local_address().port() == server.port());
  connection->PostClose(CloseMode::kGraceful);
  CHECK(client.ReceiveEnd() == End::kClosed);
  client.Close();
  CHECK(server.log().WaitFor("closed:closed_by_owner"));
  connection->PostSend(Buffer::CopyOf(std::vector<uint8_t>{1}));  // After the end: nothing.
}

namespace {

Task<void> AnswerFromWorker(std::shared_ptr<Connection> connection, Buffer message) {
  auto work = [&message] { return message.payload()[0] + 1; };
  const int answer = co_await connection->loop().RunBlocking(nullptr, work);
  message.payload()[0] = static_cast<uint8_t>(answer);
  connection->Send(std::move(message));
}

}  // namespace

TEST_CASE("Connection: coroutines answer after their peer has gone", "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  CAPTURE(IoEngineName(engine));
  TestServer server(WithEngine(engine), [](Connection& connection, Buffer message) {
    Spawn(AnswerFromWorker(connection.shared_from_this(), std::move(message)));
  });
  {
    Client client(server.port());
    REQUIRE(client.SendFrame({1}));
    CHECK(client.ReceiveFrame() == std::vector<uint8_t>{2});
    for (uint8_t i = 0; i < 50; ++i) REQUIRE(client.SendFrame({i}));
  }
  CHECK(server.log().WaitFor("open"));
  server.loops().StopListening();
  CHECK(server.loops().DrainAndStop(absl::Seconds(10)).ok());
  CHECK(server.loops().counts().open == 0);
}

}  // namespace continuo::net::test
