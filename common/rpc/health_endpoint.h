// grpc.health.v1.Health for one gRPC server, answered by a thread of its own.
//
// Why not the callback API: gRPC runs all callbacks of a process on a few shared threads, and whether
// these advance is a part of the question (callback_threads.h). This service has its own completion
// queue and thread, which poll the connections too, so that nothing else is needed to answer.
//
// A Check is answered as soon as every registered loop has come round (see loop_monitor.h); when
// that takes longer than the stall limit, NOT_SERVING. A Watch asks the same every 250 ms and sends
// what changed.
//
// Threading: HealthState may be used from any thread. AddTo before, Start after the server is built;
// FinishWatches before, Stop after it was shut down.
#pragma once

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include <absl/time/time.h>
#include <grpcpp/grpcpp.h>

#include "common/rpc/loop_monitor.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace continuo::rpc {

inline constexpr size_t kHealthWatchesMax = 64;   // Of one gRPC server.
inline constexpr size_t kHealthChecksMax = 1024;  // Waiting for loops, of one gRPC server.

// What all endpoints of a daemon share.
struct HealthState {
  std::atomic<bool> is_serving{false};
  LoopMonitor monitor;
  std::set<std::string> service_names;  // Fixed before the first endpoint starts.
  absl::Duration stall_limit = absl::Seconds(1);
};

class HealthEndpoint {
 public:
  explicit HealthEndpoint(HealthState* state);
  ~HealthEndpoint();

  void AddTo(grpc::ServerBuilder* builder);
  void Start();
  void FinishWatches();  // Watches end once they have sent their last status.
  void Stop();

 private:
  class Call;
  class CheckCall;
  class WatchCall;
  struct Tag;

  void Run();
  void Tick(absl::Time now);
  absl::Time NextTick(absl::Time now) const;

  HealthState* const state_;
  grpc::health::v1::Health::AsyncService service_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::thread thread_;
  std::atomic<bool> is_stopping_{false};
  // Only the thread touches these.
  std::set<CheckCall*> checks_;   // Accepted and waiting for loops.
  std::set<WatchCall*> watches_;  // Accepted and not finished.
};

}  // namespace continuo::rpc
