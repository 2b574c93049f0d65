// Asks daemons for their health over one persistent connection each.
//
// All of it runs on the completion queue of one thread (the caller of Wait), which also drives the
// connections, so that nothing but that thread must be scheduled for an answer to arrive.
//
// Threading: Ask from any thread; Wait from one thread, which has ended before the client goes.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>
#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include "grpc/health/v1/health.grpc.pb.h"
#include "services/watchdog-supervisor/escalation/group_watch.h"

namespace continuo::supervisor {

class KeepaliveClient {
 public:
  explicit KeepaliveClient(std::string run_dir) : run_dir_(std::move(run_dir)) {}
  ~KeepaliveClient();

  // Requires: the former question to this daemon has been answered.
  void Ask(DaemonId id, absl::Duration timeout);

  struct Event {
    DaemonId id;
    GroupWatch::Answer answer;
  };
  enum class WaitResult { kEvent, kTimeout };
  // Waits for the next answer or wake-up until `deadline`; a wake-up counts as a timeout.
  WaitResult Wait(absl::Time deadline, Event* event);

  void Wake();  // Makes Wait return; from any thread.

 private:
  struct Call {
    DaemonId id;
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckResponse response;
    grpc::Status status;
    std::unique_ptr<grpc::ClientAsyncResponseReader<grpc::health::v1::HealthCheckResponse>> reader;
  };

  grpc::health::v1::Health::Stub& StubOf(DaemonId id);
  void TakeWake();
  bool IsWakePending();

  const std::string run_dir_;
  std::array<std::unique_ptr<grpc::health::v1::Health::Stub>, kDaemonCount> stubs_;
  grpc::CompletionQueue queue_;
  // One for all wake-ups, and none is given up while it is set: an alarm of gRPC 1.51 that is cancelled
  // while it fires may deliver its event twice, the second time from freed memory.
  absl::Mutex wake_mutex_;
  grpc::Alarm alarm_ ABSL_GUARDED_BY(wake_mutex_);
  bool is_wake_pending_ ABSL_GUARDED_BY(wake_mutex_) = false;
};

}  // namespace continuo::supervisor
