#include "common/rpc/loop_monitor.h"

#include <catch2/catch.hpp>

namespace continuo::rpc {

TEST_CASE("loop monitor: a probe waits for every loop to come round", "[unit][rpc]") {
  LoopMonitor monitor;
  int nudge_count = 0;
  LoopHeartbeat* const first = monitor.Register("first", [&] { ++nudge_count; });
  LoopHeartbeat* const second = monitor.Register("second");
  first->Beat();  // Before the probe: does not count.
  const LoopMonitor::Probe probe = monitor.StartProbe();
  CHECK(nudge_count == 1);
  CHECK(probe.Pending() == std::vector<std::string>{"first", "second"});
  first->Beat();
  CHECK(probe.Pending() == std::vector<std::string>{"second"});
  second->Beat();
  CHECK(probe.Pending().empty());
}

TEST_CASE("loop monitor: a loop that unregisters no longer holds a probe up", "[unit][rpc]") {
  LoopMonitor monitor;
  LoopHeartbeat* const loop = monitor.Register("loop");
  const LoopMonitor::Probe probe = monitor.StartProbe();
  CHECK(probe.Pending().size() == 1);
  monitor.Unregister(loop);
  CHECK(probe.Pending().empty());
}

TEST_CASE("loop monitor: a loop that waits for the outside counts as advancing", "[unit][rpc]") {
  LoopMonitor monitor;
  base::LoopProgress progress;
  LoopHeartbeat* const loop = monitor.Register("worker", nullptr, &progress);
  const LoopMonitor::Probe probe = monitor.StartProbe();
  CHECK(probe.Pending() == std::vector<std::string>{"worker"});
  progress.EnterOutside();
  CHECK(probe.Pending().empty());
  SECTION("it came back: a turn") {
    progress.LeaveOutside();
    CHECK(probe.Pending().empty());
    CHECK(monitor.StartProbe().Pending().size() == 1);
  }
  monitor.Unregister(loop);
}

}  // namespace continuo::rpc
