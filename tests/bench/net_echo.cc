// Loopback figures of services/smb-frontend/net, beside a plain epoll echo server as yardstick.
//
//   net_echo ENGINE CONNECTIONS REPLY_BYTES SECONDS     ENGINE: io_uring | epoll | plain
//
// Each connection keeps one 100-byte request under way and gets REPLY_BYTES back. Prints requests
// per second, MiB/s and the server thread's CPU time per request.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "services/smb-frontend/net/server_loops.h"

namespace {

using continuo::net::Buffer;
using continuo::net::Connection;

constexpr size_t kRequestBytes = 100;
std::atomic<bool> stop{false};
std::atomic<bool> stop_server{false};

double ThreadCpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

bool ReadExactly(int fd, uint8_t* out, size_t count) {
  while (count > 0) {
    const ssize_t n = recv(fd, out, count, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    out += n;
    count -= static_cast<size_t>(n);
  }
  return true;
}

int Connect(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) std::abort();
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

// One thread drives all client connections: a request to each, then an answer from each.
uint64_t RunClients(uint16_t port, size_t connections, size_t reply_bytes) {
  std::vector<int> fds;
  for (size_t i = 0; i < connections; ++i) fds.push_back(Connect(port));
  std::vector<uint8_t> request(4 + kRequestBytes, 0);
  request[3] = kRequestBytes;
  std::vector<uint8_t> reply(4 + reply_bytes);
  uint64_t done = 0;
  while (!stop.load(std::memory_order_relaxed)) {
    for (const int fd : fds) {
      if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0) std::abort();
    }
    for (const int fd : fds) {
      if (!ReadExactly(fd, reply.data(), reply.size())) std::abort();
    }
    done += fds.size();
  }
  for (const int fd : fds) close(fd);
  return done;
}

// The yardstick: epoll, one read and one write per request, nothing else.
void PlainServer(int listener, size_t reply_bytes) {
  const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener;
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
  std::vector<uint8_t> in(65536);
  std::vector<uint8_t> reply(4 + reply_bytes);
  epoll_event events[256];
  while (!stop_server.load(std::memory_order_relaxed)) {
    const int count = epoll_wait(epoll_fd, events, 256, 50);
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener) {
        event.data.fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event.data.fd, &event);
        continue;
      }
      if (recv(fd, in.data(), in.size(), 0) <= 0) {
        close(fd);
        continue;
      }
      (void)!send(fd, reply.data(), reply.size(), MSG_NOSIGNAL);
    }
  }
}

class FixedReply final : public continuo::net::ConnectionHandler {
 public:
  explicit FixedReply(size_t reply_bytes) : reply_bytes_(reply_bytes) {}
  void OnMessage(Connection& connection, Buffer) override {
    connection.Send(Buffer::Allocate(reply_bytes_));
  }
  void OnClosed(Connection&, continuo::net::CloseReason) override {}

 private:
  const size_t reply_bytes_;
};

struct Figures {
  uint64_t requests = 0;
  double server_cpu_seconds = 0;
};

Figures MeasurePlain(size_t connections, size_t reply_bytes, int seconds) {
  continuo::net::ListenAddress address;
  address.address = "127.0.0.1";
  address.port = 0;
  const int listener = continuo::net::OpenListeningSocket(address).value();
  Figures figures;
  std::thread server([&] {
    PlainServer(listener, reply_bytes);
    figures.server_cpu_seconds = ThreadCpuSeconds();
  });
  std::thread clock([&] {
    sleep(static_cast<unsigned>(seconds));
    stop = true;
  });
  figures.requests =
      RunClients(continuo::net::SocketAddress::LocalOf(listener).port(), connections, reply_bytes);
  stop_server = true;
  server.join();
  clock.join();
  return figures;
}

Figures MeasureLoop(continuo::net::IoEngine engine, size_t connections, size_t reply_bytes,
                    int seconds) {
  continuo::net::ServerLoopsOptions options;
  options.engine = engine;
  options.loop_count = 1;
  options.limits.connections_max = 0;
  options.limits.unauthenticated_max = 0;
  auto server = continuo::net::ServerLoops::Start(
      options, [reply_bytes](const auto&) { return std::make_shared<FixedReply>(reply_bytes); });
  continuo::net::ListenAddress address;
  address.address = "127.0.0.1";
  address.port = 0;
  if (!server.ok() || !(*server)->Listen({address}).ok()) std::abort();
  Figures figures;
  std::thread clock([&] {
    sleep(static_cast<unsigned>(seconds));
    stop = true;
  });
  figures.requests =
      RunClients((*server)->ListeningAddresses()[0].port(), connections, reply_bytes);
  clock.join();
  std::atomic<bool> measured{false};
  (*server)->loop(0).Post([&] {
    figures.server_cpu_seconds = ThreadCpuSeconds();
    measured = true;
    measured.notify_all();
  });
  measured.wait(false);
  return figures;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: net_echo io_uring|epoll|plain CONNECTIONS REPLY_BYTES SECONDS\n");
    return 2;
  }
  const std::string engine = argv[1];
  const auto connections = static_cast<size_t>(std::atoi(argv[2]));
  const auto reply_bytes = static_cast<size_t>(std::atoi(argv[3]));
  const int seconds = std::atoi(argv[4]);
  Figures figures;
  if (engine == "plain") {
    figures = MeasurePlain(connections, reply_bytes, seconds);
  } else {
    const auto parsed = continuo::net::ParseIoEngine(engine);
    if (!parsed) return 2;
    figures = MeasureLoop(*parsed, connections, reply_bytes, seconds);
  }
  const double rate = static_cast<double>(figures.requests) / seconds;
  std::printf(
      "%-8s connections=%zu reply=%zu  %.0f requests/s  %.1f MiB/s  %.2f us server CPU each\n",
      engine.c_str(), connections, reply_bytes, rate,
      rate * static_cast<double>(reply_bytes) / 1048576.0,
      figures.server_cpu_seconds * 1e6 / static_cast<double>(figures.requests));
  return 0;
}
