// All event loops of the frontend, their worker pool and their listeners.
//
//   auto loops = ServerLoops::Start(options, factory);
//   loops->Listen(addresses);
//   …
//   loops->StopListening();
//   loops->DrainAndStop(absl::Seconds(10));
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "services/smb-frontend/net/connection.h"
#include "services/smb-frontend/net/event_loop.h"
#include "services/smb-frontend/net/listener.h"
#include "services/smb-frontend/net/worker_pool.h"

namespace continuo::net {

struct ServerLoopsOptions {
  IoEngine engine = IoEngine::kAuto;
  uint32_t loop_count = 0;  // 0: one per core.
  WorkerPoolOptions workers;
  ConnectionOptions connection;
  AdmissionLimits limits;
};

inline constexpr absl::Duration kQuiescencePatience = absl::Seconds(2);

// Threading: Start, Listen, SetLimits, StopListening and DrainAndStop from one thread that is no loop's; the
// rest as said.
class ServerLoops {
 public:
  // Errors: those of EventLoop::Create.
  static absl::StatusOr<std::unique_ptr<ServerLoops>> Start(const ServerLoopsOptions& options,
                                                            HandlerFactory factory);
  // Drains with no patience if DrainAndStop was not called.
  ~ServerLoops();
  ServerLoops(const ServerLoops&) = delete;
  ServerLoops& operator=(const ServerLoops&) = delete;

  // Binds every address on every loop and accepts. All or nothing.
  // Errors: those of OpenListeningSocket, naming the address.
  absl::Status Listen(const std::vector<ListenAddress>& addresses);
  // What is bound, with the ports the kernel chose, in the order of Listen.
  const std::vector<SocketAddress>& ListeningAddresses() const { return bound_; }

  // In force for connections that come after it returned; who is connected stays.
  void SetLimits(const AdmissionLimits& limits);

  // Returns when every loop has closed its listening sockets.
  void StopListening();

  // Tells the handlers (ConnectionHandler::OnDrain), waits until all connections are gone or
  // aborts them after `timeout`, waits (as long, and at least kQuiescencePatience) for coroutines
  // that still expect an answer from outside, then stops loops and workers.
  // Errors: DeadlineExceeded if connections had to be aborted; everything is stopped all the same.
  //         Aborted if operations do not end (a hanging file system): loops and workers then go on
  //         and are never destroyed; the process must end without destroying what they use.
  absl::Status DrainAndStop(absl::Duration timeout);

  // Any thread.
  size_t size() const { return loops_.size(); }
  EventLoop& loop(size_t index) { return *loops_[index]; }
  WorkerPool& workers() { return *workers_; }
  const ConnectionCounts& counts() const { return counts_; }

  // Any thread but a loop's: runs `visit` for every connection, each on its own loop, one loop
  // after the other, and returns when done.
  void ForEachConnection(const std::function<void(Connection&)>& visit);
  // Any thread: closes the connection with this id, if there is one.
  void CloseConnection(ConnectionId id, CloseMode mode);
  // Any thread: runs `done` on loop 0 once every loop has completed each file operation that was in
  // flight on it when it heard of this call: the I/O barrier before a conflicting lock is granted.
  void BarrierAll(LoopFunction done);

 private:
  ServerLoops();
  bool WaitUntilQuiescent(absl::Duration timeout);
  void Leak();
  void RunOnEachLoop(const std::function<void(size_t index)>& fn);

  ServerLoopsOptions options_;
  ConnectionCounts counts_;
  std::unique_ptr<WorkerPool> workers_;
  std::vector<std::unique_ptr<EventLoop>> loops_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<SocketAddress> bound_;
  bool is_stopped_ = false;
};

}  // namespace continuo::net
