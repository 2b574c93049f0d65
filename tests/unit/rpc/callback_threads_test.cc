// gRPC's callback threads as a loop of the monitor: whether one that stands still is noticed.
#include "common/rpc/callback_threads.h"

#include <catch2/catch.hpp>

#include <absl/synchronization/notification.h>
#include <absl/time/clock.h>

namespace continuo::rpc {
namespace {

constexpr absl::Duration kLong = absl::Seconds(20);

bool AwaitAnswered(const LoopMonitor::Probe& probe, absl::Duration limit) {
  const absl::Time give_up = absl::Now() + limit;
  while (!probe.Pending().empty()) {
    if (absl::Now() > give_up) return false;
    absl::SleepFor(absl::Milliseconds(1));
  }
  return true;
}

// Holds one callback thread until it is released.
class HeldThread {
 public:
  HeldThread()
      : stub_(grpc::CreateCustomChannel("unix:/nowhere", nullptr, grpc::ChannelArguments())) {
    stub_.UnaryCall(&context_, "/test/Hold", grpc::StubOptions(), &request_, &response_,
                    [this](const grpc::Status&) {
                      is_held_.Notify();
                      release_.WaitForNotification();
                      is_over_.Notify();
                    });
    is_held_.WaitForNotification();
  }
  void Release() {
    release_.Notify();
    is_over_.WaitForNotification();
  }

 private:
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::Slice nothing_;
  grpc::ByteBuffer request_{&nothing_, 1};
  grpc::ByteBuffer response_;
  absl::Notification is_held_;
  absl::Notification release_;
  absl::Notification is_over_;
};

}  // namespace

TEST_CASE("callback threads: a probe is answered while they advance", "[unit][rpc]") {
  LoopMonitor monitor;
  CallbackThreads threads(&monitor);
  for (int i = 0; i < 50; ++i) {
    // Two at a time: the second question comes while the first is under way.
    const LoopMonitor::Probe first = monitor.StartProbe();
    const LoopMonitor::Probe second = monitor.StartProbe();
    REQUIRE(AwaitAnswered(first, kLong));
    REQUIRE(AwaitAnswered(second, kLong));
  }
}

TEST_CASE("callback threads: one that stands still cannot be answered for by the others",
          "[unit][rpc]") {
  LoopMonitor monitor;
  CallbackThreads threads(&monitor);
  REQUIRE(AwaitAnswered(monitor.StartProbe(), kLong));  // The threads have their names by now.
  HeldThread held;
  const LoopMonitor::Probe probe = monitor.StartProbe();
  CHECK_FALSE(AwaitAnswered(probe, kCallbackMeetingMax + absl::Milliseconds(500)));
  held.Release();
  CHECK(AwaitAnswered(probe, kLong));
}

}  // namespace continuo::rpc
