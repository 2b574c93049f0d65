#include "services/smb-frontend/net/listener.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <absl/strings/str_format.h>

#include "common/base/check.h"

namespace continuo::net {

namespace {

constexpr int kBacklog = 1024;
// How long accepting rests when descriptors or memory have run out.
constexpr absl::Duration kAcceptPause = absl::Milliseconds(100);

absl::Status CallFailed(const char* call, const ListenAddress& address) {
  const int error = errno;
  return absl::UnavailableError(absl::StrFormat("listen on %s port %u: %s: %s", address.address,
                                                address.port, call, std::strerror(error)));
}

absl::StatusOr<SocketAddress> ParseAddress(const ListenAddress& address) {
  SocketAddress parsed;
  bool is_valid = false;
  if (address.family == ListenAddress::Family::kIpv4) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    is_valid = inet_pton(AF_INET, address.address.c_str(), &v4.sin_addr) == 1;
    std::memcpy(&parsed.storage, &v4, sizeof(v4));
    parsed.length = sizeof(v4);
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address.port);
    is_valid = inet_pton(AF_INET6, address.address.c_str(), &v6.sin6_addr) == 1;
    // A link-local address means something only on its interface.
    if (IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr)) {
      v6.sin6_scope_id = if_nametoindex(address.interface.c_str());
    }
    std::memcpy(&parsed.storage, &v6, sizeof(v6));
    parsed.length = sizeof(v6);
  }
  if (!is_valid) {
    return absl::InvalidArgumentError(
        absl::StrFormat("listen address \"%s\" is not of its family", address.address));
  }
  return parsed;
}

absl::Status Configure(int fd, const ListenAddress& address, const SocketAddress& parsed) {
  const int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) {
    return CallFailed("SO_REUSEADDR", address);
  }
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0) {
    return CallFailed("SO_REUSEPORT", address);
  }
  if (parsed.is_ipv6() && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) {
    return CallFailed("IPV6_V6ONLY", address);
  }
  const std::string& device = address.interface;
  if (device != "ANY" && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device.c_str(),
                                    static_cast<socklen_t>(device.size() + 1)) != 0) {
    return CallFailed("SO_BINDTODEVICE", address);
  }
  // The socket interface's own cast: sockaddr is the common prefix of sockaddr_storage.
  if (bind(fd, reinterpret_cast<const sockaddr*>(&parsed.storage), parsed.length) != 0) {
    return CallFailed("bind", address);
  }
  if (listen(fd, kBacklog) != 0) return CallFailed("listen", address);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int> OpenListeningSocket(const ListenAddress& address) {
  absl::StatusOr<SocketAddress> parsed = ParseAddress(address);
  if (!parsed.ok()) return parsed.status();
  const int fd = socket(parsed->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return CallFailed("socket", address);
  const absl::Status configured = Configure(fd, address, *parsed);
  if (!configured.ok()) {
    close(fd);
    return configured;
  }
  return fd;
}

// One listening socket and its pause after a failure.
class Listener::Source final : public AcceptHandler {
 public:
  Source(Listener& listener, int fd)
      : listener_(listener), socket_(listener.loop_.AttachAcceptor(fd)) {
    socket_->Start(this);
  }
  ~Source() override { listener_.loop_.CancelTimer(retry_timer_); }

  void OnAccepted(int fd) override { listener_.Admit(fd); }

  // Without this a waiting connection would make the loop spin on EMFILE. A half-open connection
  // gives way, so that a flood of them does not shut out everybody else.
  void OnAcceptFailed(int) override {
    listener_.counts_.refused.fetch_add(1, std::memory_order_relaxed);
    listener_.DropOldestUnauthenticated();
    retry_timer_ = listener_.loop_.RunAfter(kAcceptPause, [this] { socket_->Start(this); });
  }

 private:
  Listener& listener_;
  std::unique_ptr<AcceptSocket> socket_;
  TimerId retry_timer_;
};

Listener::Listener(EventLoop& loop, const ConnectionOptions& options, const AdmissionLimits& limits,
                   ConnectionCounts& counts, HandlerFactory factory)
    : loop_(loop),
      options_(options),
      limits_(limits),
      counts_(counts),
      factory_(std::move(factory)) {}

Listener::~Listener() { CONTINUO_CHECK(sources_.empty()); }

void Listener::AddSocket(int fd) { sources_.push_back(std::make_unique<Source>(*this, fd)); }

void Listener::StopListening() { sources_.clear(); }

void Listener::Admit(int fd) {
  counts_.accepted.fetch_add(1, std::memory_order_relaxed);
  const uint32_t open = counts_.open.fetch_add(1, std::memory_order_relaxed) + 1;
  if (limits_.connections_max != 0 && open > limits_.connections_max) {
    counts_.open.fetch_sub(1, std::memory_order_relaxed);
    counts_.refused.fetch_add(1, std::memory_order_relaxed);
    close(fd);
    return;
  }
  const std::shared_ptr<Connection> connection = Connection::Create(loop_, fd, options_);
  connections_.emplace(connection->id().value(), connection);
  unauthenticated_.insert(connection->id().value());
  const uint32_t half_open = counts_.unauthenticated.fetch_add(1, std::memory_order_relaxed) + 1;
  connection->Start(factory_(connection), this);
  // The newcomer itself never gives way: where the flood is on the other loops, they drop theirs, and
  // the limit is exceeded by one for each loop at most.
  const bool is_over = limits_.unauthenticated_max != 0 && half_open > limits_.unauthenticated_max;
  if (is_over && unauthenticated_.size() > 1) DropOldestUnauthenticated();
}

void Listener::DropOldestUnauthenticated() {
  if (unauthenticated_.empty()) return;
  const uint64_t oldest = *unauthenticated_.begin();
  // Out of the accounting at once: the close itself ends in a later turn, and a burst of accepts
  // before that must drop others, not the same one again.
  unauthenticated_.erase(unauthenticated_.begin());
  counts_.unauthenticated.fetch_sub(1, std::memory_order_relaxed);
  counts_.half_open_dropped.fetch_add(1, std::memory_order_relaxed);
  connections_.at(oldest)->Close(CloseMode::kAbort, CloseReason::kHalfOpenLimit);
}

void Listener::OnAuthenticated(Connection& connection) {
  if (unauthenticated_.erase(connection.id().value()) == 0) return;
  counts_.unauthenticated.fetch_sub(1, std::memory_order_relaxed);
}

void Listener::OnGone(Connection& connection) {
  OnAuthenticated(connection);
  connections_.erase(connection.id().value());
  counts_.open.fetch_sub(1, std::memory_order_relaxed);
  if (connections_.empty()) FinishDrain();
}

void Listener::Drain(absl::Duration timeout, LoopFunction done) {
  drained_ = std::move(done);
  if (connections_.empty()) return FinishDrain();
  std::vector<std::shared_ptr<Connection>> all;
  for (const auto& [id, connection] : connections_) all.push_back(connection);
  for (const std::shared_ptr<Connection>& connection : all) connection->Drain();
  drain_timer_ = loop_.RunAfter(timeout, [this] {
    drain_timer_ = {};
    for (const auto& [id, connection] : connections_) connection->Close(CloseMode::kAbort);
    aborted_count_ += connections_.size();
  });
}

void Listener::FinishDrain() {
  if (!drained_) return;
  loop_.CancelTimer(drain_timer_);
  LoopFunction done = std::move(drained_);
  drained_ = nullptr;
  loop_.Post(std::move(done));
}

void Listener::ForEach(const std::function<void(Connection&)>& visit) const {
  for (const auto& [id, connection] : connections_) visit(*connection);
}

std::shared_ptr<Connection> Listener::Find(ConnectionId id) const {
  const auto found = connections_.find(id.value());
  return found == connections_.end() ? nullptr : found->second;
}

}  // namespace continuo::net
