// Proves that each of the threads on which gRPC runs callbacks advances: all our services and
// clients stand on them, and one that stands still takes the events it was woken for with it.
//
// A round is one call for each of these threads on a channel that refuses at once. Its callback
// waits, for a moment, until the callbacks of all others run too: so no thread can answer for
// another. Only a round in which all met counts as a turn of the loop "rpc.callbacks".
//
// Not covered are gRPC's threads that only serve reflection, and its timers.
//
// Threading: made and destroyed by the owner of the monitor; the rest happens on health threads and
// gRPC's. The destructor waits for the round under way.
#pragma once

#include <memory>
#include <string>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include "common/rpc/loop_monitor.h"

namespace continuo::rpc {

// gRPC's name for these threads; where it has none of that name, one callback is the proof.
inline constexpr char kCallbackThreadName[] = "nexting_thread";

// How long a callback waits for the others before it gives its thread back.
inline constexpr absl::Duration kCallbackMeetingMax = absl::Seconds(1);

class CallbackThreads {
 public:
  explicit CallbackThreads(LoopMonitor* monitor);
  ~CallbackThreads();
  CallbackThreads(const CallbackThreads&) = delete;
  CallbackThreads& operator=(const CallbackThreads&) = delete;

 private:
  struct Call {
    grpc::ClientContext context;
    grpc::Slice nothing;
    grpc::ByteBuffer request{&nothing, 1};  // gRPC takes no request without a slice.
    grpc::ByteBuffer response;
  };

  void Ask();
  void StartRound();
  void Meet();

  LoopMonitor* const monitor_;
  grpc::GenericStub stub_;
  LoopHeartbeat* heartbeat_ = nullptr;
  absl::Mutex mutex_;
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_round_under_way_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_asked_again_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_given_up_ ABSL_GUARDED_BY(mutex_) = false;  // This round proves nothing any more.
  size_t thread_count_ ABSL_GUARDED_BY(mutex_) = 0;    // Of this round.
  size_t arrived_count_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t left_count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace continuo::rpc
