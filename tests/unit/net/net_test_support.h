// Loops, a framed server and a blocking client for the tests of services/smb-frontend/net.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "services/smb-frontend/net/connection.h"
#include "services/smb-frontend/net/event_loop.h"
#include "services/smb-frontend/net/server_loops.h"
#include "services/smb-frontend/net/task.h"

namespace continuo::net::test {

// No test waits this long unless it fails.
inline constexpr auto kPatience = std::chrono::seconds(20);

// The engines that this machine offers; epoll is always there.
inline std::vector<IoEngine> Engines() {
  WorkerPool workers({.thread_count = 1});
  EventLoopOptions options;
  options.engine = IoEngine::kIoUring;
  options.workers = &workers;
  std::vector<IoEngine> engines = {IoEngine::kEpoll};
  if (EventLoop::Create(options).ok()) engines.push_back(IoEngine::kIoUring);
  return engines;
}

// One running loop and its workers.
class LoopFixture {
 public:
  explicit LoopFixture(IoEngine engine, uint32_t thread_count = 2)
      : workers_({.thread_count = thread_count}) {
    EventLoopOptions options;
    options.engine = engine;
    options.workers = &workers_;
    auto loop = EventLoop::Create(options);
    REQUIRE(loop.ok());
    loop_ = std::move(*loop);
    loop_->Start();
  }
  ~LoopFixture() {
    loop_->Stop();
    workers_.Stop();
  }

  EventLoop& loop() { return *loop_; }
  WorkerPool& workers() { return workers_; }

  // Runs `fn` on the loop and waits for it.
  template <typename Fn>
  auto Run(Fn fn) -> decltype(fn()) {
    std::promise<decltype(fn())> done;
    auto result = done.get_future();
    loop_->Post([&] {
      if constexpr (std::is_void_v<decltype(fn())>) {
        fn();
        done.set_value();
      } else {
        done.set_value(fn());
      }
    });
    REQUIRE(result.wait_for(kPatience) == std::future_status::ready);
    return result.get();
  }

  // Runs `start()`, which makes a task, on the loop and waits for the task's result.
  template <typename Start>
  auto RunTask(Start start) {
    using T = decltype(std::declval<typename decltype(start())::promise_type>().TakeResult());
    std::promise<T> done;
    auto result = done.get_future();
    loop_->Post([&] { Spawn(Finish<T>(start(), done)); });
    REQUIRE(result.wait_for(kPatience) == std::future_status::ready);
    return result.get();
  }

 private:
  template <typename T>
  static Task<void> Finish(Task<T> task, std::promise<T>& done) {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(task);
      done.set_value();
    } else {
      T value = co_await std::move(task);
      done.set_value(std::move(value));
    }
  }

  WorkerPool workers_;
  std::unique_ptr<EventLoop> loop_;
};

// What happened to the connections of a server, in order; a test waits for what it expects.
class EventLog {
 public:
  void Add(std::string event) {
    {
      const std::lock_guard lock(mutex_);
      events_.push_back(std::move(event));
    }
    changed_.notify_all();
  }
  bool WaitFor(const std::string& event, size_t times = 1) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return Count(event) >= times; });
  }
  size_t CountOf(const std::string& event) {
    const std::lock_guard lock(mutex_);
    return Count(event);
  }
  std::vector<std::string> all() {
    const std::lock_guard lock(mutex_);
    return events_;
  }

 private:
  size_t Count(const std::string& event) const {
    return static_cast<size_t>(std::count(events_.begin(), events_.end(), event));
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> events_;
};

using MessageFunction = std::function<void(Connection&, Buffer)>;

class RecordingHandler final : public ConnectionHandler {
 public:
  RecordingHandler(EventLog& log, MessageFunction on_message)
      : log_(log), on_message_(std::move(on_message)) {}
  void OnMessage(Connection& connection, Buffer message) override {
    on_message_(connection, std::move(message));
  }
  void OnClosed(Connection&, CloseReason reason) override {
    log_.Add("closed:" + std::string(CloseReasonName(reason)));
  }

 private:
  EventLog& log_;
  MessageFunction on_message_;
};

// A server on 127.0.0.1 with a port of the kernel's choice.
class TestServer {
 public:
  explicit TestServer(ServerLoopsOptions options, MessageFunction on_message) {
    if (options.loop_count == 0) options.loop_count = 1;
    options.workers.thread_count = 2;
    auto loops = ServerLoops::Start(
        options, [this, on_message](const std::shared_ptr<Connection>& connection) {
          {
            const std::lock_guard lock(mutex_);
            last_ = connection;
          }
          log_.Add("open");
          return std::make_shared<RecordingHandler>(log_, on_message);
        });
    REQUIRE(loops.ok());
    loops_ = std::move(*loops);
    ListenAddress address;
    address.address = "127.0.0.1";
    address.port = 0;
    REQUIRE(loops_->Listen({address}).ok());
  }
  ServerLoops& loops() { return *loops_; }
  EventLog& log() { return log_; }
  uint16_t port() const { return loops_->ListeningAddresses().front().port(); }
  std::shared_ptr<Connection> last() {
    const std::lock_guard lock(mutex_);
    return last_;
  }

 private:
  EventLog log_;
  std::mutex mutex_;
  std::shared_ptr<Connection> last_;
  std::unique_ptr<ServerLoops> loops_;
};

inline void Echo(Connection& connection, Buffer message) { connection.Send(std::move(message)); }

// A blocking client, for any thread (so without assertions of its own). Bytes are made by hand
// here, not with the code under test.
class Client {
 public:
  explicit Client(uint16_t port, int receive_buffer_bytes = 0) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval patience{20, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (receive_buffer_bytes > 0) {
      setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof(receive_buffer_bytes));
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_connected_ = connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~Client() { Close(); }
  Client(Client&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), is_connected_(other.is_connected_) {}

  bool is_connected() const { return is_connected_; }
  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }
  void ShutdownSend() { shutdown(fd_, SHUT_WR); }

  bool SendBytes(const std::vector<uint8_t>& bytes) {
    size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t n = send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      sent += static_cast<size_t>(n);
    }
    return true;
  }
  static std::vector<uint8_t> Frame(const std::vector<uint8_t>& payload) {
    const size_t n = payload.size();
    std::vector<uint8_t> frame = {0, static_cast<uint8_t>(n >> 16), static_cast<uint8_t>(n >> 8),
                                  static_cast<uint8_t>(n)};
    frame.insert(frame.end(), payload.begin(), payload.end());
    return frame;
  }
  bool SendFrame(const std::vector<uint8_t>& payload) { return SendBytes(Frame(payload)); }

  // Exactly `count` bytes, or nullopt at the end of the stream or an error.
  std::optional<std::vector<uint8_t>> ReceiveBytes(size_t count) {
    std::vector<uint8_t> bytes(count);
    size_t filled = 0;
    while (filled < count) {
      const ssize_t n = recv(fd_, bytes.data() + filled, count - filled, 0);
      // The end of an io_uring that this thread made interrupts its calls.
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return std::nullopt;
      filled += static_cast<size_t>(n);
    }
    return bytes;
  }
  std::optional<std::vector<uint8_t>> ReceiveFrame() {
    const auto header = ReceiveBytes(4);
    if (!header || (*header)[0] != 0) return std::nullopt;
    return ReceiveBytes(size_t{(*header)[1]} << 16 | size_t{(*header)[2]} << 8 | (*header)[3]);
  }
  enum class End { kClosed, kReset, kData, kTimeout };
  End ReceiveEnd() {
    uint8_t byte = 0;
    ssize_t n = 0;
    do {
      n = recv(fd_, &byte, 1, 0);
    } while (n < 0 && errno == EINTR);
    if (n > 0) return End::kData;
    if (n == 0) return End::kClosed;
    return errno == ECONNRESET ? End::kReset : End::kTimeout;
  }

 private:
  int fd_ = -1;
  bool is_connected_ = false;
};

// Bytes that differ from each other and between seeds.
inline std::vector<uint8_t> Pattern(size_t size_bytes, uint32_t seed) {
  std::vector<uint8_t> bytes(size_bytes);
  uint32_t state = seed * 2654435761U + 1;
  for (uint8_t& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<uint8_t>(state >> 24);
  }
  return bytes;
}

inline ServerLoopsOptions WithEngine(IoEngine engine) {
  ServerLoopsOptions options;
  options.engine = engine;
  return options;
}

}  // namespace continuo::net::test
