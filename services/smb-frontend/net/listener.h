// Listening sockets: each loop has its own per configured address, all bound with SO_REUSEPORT, so
// that the kernel spreads connections and a connection never changes loops.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <absl/status/statusor.h>

#include "services/smb-frontend/net/connection.h"
#include "services/smb-frontend/net/event_loop.h"

namespace continuo::net {

// One `listen` entry of the configuration with protocol DIRECT_TCP.
struct ListenAddress {
  std::string interface = "ANY";  // Or a device name: SO_BINDTODEVICE.
  std::string address = "0.0.0.0";
  enum class Family : uint8_t { kIpv4, kIpv6 } family = Family::kIpv4;
  uint16_t port = 445;  // 0: the kernel chooses; see ServerLoops::ListeningAddresses.
};

// Counts that all loops share. Threading: any thread.
struct ConnectionCounts {
  std::atomic<uint32_t> open{0};
  std::atomic<uint32_t> unauthenticated{0};
  std::atomic<uint64_t> accepted{0};
  std::atomic<uint64_t> refused{0};  // Above connections_max, or out of descriptors.
  std::atomic<uint64_t> half_open_dropped{0};
};

struct AdmissionLimits {
  // Over all loops; one more is accepted and closed at once. 0: unlimited.
  uint32_t connections_max = 1024;
  // Over all loops: when more are unauthenticated, the loop that accepts drops its oldest one.
  uint32_t unauthenticated_max = 512;
};

// Makes the handler of a new connection; called on the connection's loop.
using HandlerFactory =
    std::function<std::shared_ptr<ConnectionHandler>(const std::shared_ptr<Connection>&)>;

// Binds and listens: non-blocking, close-on-exec, SO_REUSEADDR and SO_REUSEPORT; IPv6 is v6only.
// Errors: InvalidArgument for an address that does not parse, Unavailable naming the failed call.
absl::StatusOr<int> OpenListeningSocket(const ListenAddress& address);

// The connections that one loop accepted, and its listening sockets.
// Threading: the loop's thread; the options and counts are shared with the other loops.
class Listener final : private ConnectionObserver {
 public:
  Listener(EventLoop& loop, const ConnectionOptions& options, const AdmissionLimits& limits,
           ConnectionCounts& counts, HandlerFactory factory);
  ~Listener() override;

  // Takes ownership of a listening socket and starts to accept.
  void AddSocket(int fd);
  // Closes the listening sockets. Connections go on.
  void StopListening();

  // Tells every connection's handler OnDrain; aborts those that are left after `timeout`. `done`
  // runs when none is left.
  void Drain(absl::Duration timeout, LoopFunction done);

  // For connections that come from now on.
  void SetLimits(const AdmissionLimits& limits) { limits_ = limits; }

  size_t connection_count() const { return connections_.size(); }
  // Connections that Drain had to abort.
  size_t aborted_count() const { return aborted_count_; }
  // Calls `visit` for each connection; it must not close connections.
  void ForEach(const std::function<void(Connection&)>& visit) const;
  // The connection with this id, if this loop has it.
  std::shared_ptr<Connection> Find(ConnectionId id) const;

 private:
  class Source;

  void OnAuthenticated(Connection& connection) override;
  void OnGone(Connection& connection) override;
  void Admit(int fd);
  void DropOldestUnauthenticated();
  void FinishDrain();

  EventLoop& loop_;
  const ConnectionOptions options_;
  AdmissionLimits limits_;
  ConnectionCounts& counts_;
  const HandlerFactory factory_;
  std::vector<std::unique_ptr<Source>> sources_;
  std::unordered_map<uint64_t, std::shared_ptr<Connection>> connections_;
  // Ids of unauthenticated connections; they rise, so the first is the oldest.
  std::set<uint64_t> unauthenticated_;
  LoopFunction drained_;
  TimerId drain_timer_;
  size_t aborted_count_ = 0;
};

}  // namespace continuo::net
