// Failovers put together from the records of several nodes. Pure.
#include <catch2/catch.hpp>

#include <algorithm>
#include <random>

#include "common/failover_trace/timeline.h"

namespace continuo::failover_trace {
namespace {

// A node whose wall clock is `wall_offset` ahead of the true time.
struct Node {
  std::string name;
  absl::Duration wall_offset;
  absl::Duration up_since = absl::Hours(-1);  // True time of its boot.

  Event At(double seconds, Kind kind, std::string detail = "") const {
    const absl::Duration now = absl::Seconds(seconds);
    return {.wall = absl::FromUnixSeconds(1'000'000) + now + wall_offset,
            .since_boot = now - up_since,
            .boot = name + "-boot",
            .node = name,
            .daemon = "test",
            .kind = kind,
            .detail = std::move(detail)};
  }
};

const Node kOne{"n1", absl::ZeroDuration()};
const Node kTwo{"n2", absl::ZeroDuration(), absl::Hours(-50)};

std::vector<Event> OneFailover() {
  return {kOne.At(-100, Kind::kStart),
          kOne.At(-99, Kind::kReady),
          kOne.At(0, Kind::kDetect, "smb-frontend: killed by signal 9"),
          kOne.At(0.1, Kind::kKilled),
          kTwo.At(0.4, Kind::kFence, "n1"),
          kTwo.At(0.5, Kind::kStart),
          kTwo.At(0.6, Kind::kAdoptBegin, "from n1"),
          kTwo.At(0.7, Kind::kAdoptEnd, "epoch 2: 20 handles"),
          kTwo.At(0.8, Kind::kListen),
          kTwo.At(0.9, Kind::kReady),
          kTwo.At(1.0, Kind::kAddress, "10.0.0.5"),
          kTwo.At(1.1, Kind::kTickle, "50 clients"),
          kTwo.At(1.2, Kind::kReconnect),
          kTwo.At(1.3, Kind::kReclaimFirst),
          kTwo.At(2.0, Kind::kReclaimDone)};
}

std::vector<Kind> KindsOf(const Failover& failover) {
  std::vector<Kind> kinds;
  for (const Step& step : failover.steps) kinds.push_back(step.event.kind);
  return kinds;
}

TEST_CASE("failover timeline: two nodes' records become one failover, in whatever order they come",
          "[unit][failover_trace]") {
  std::vector<Event> events = OneFailover();
  std::mt19937 random(GENERATE(1u, 2u, 3u));
  std::shuffle(events.begin(), events.end(), random);
  const std::vector<Failover> failovers = Merge(events);
  REQUIRE(failovers.size() == 2);
  CHECK(KindsOf(failovers[0]) == std::vector<Kind>{Kind::kStart, Kind::kReady});
  const Failover& failover = failovers[1];
  CHECK(failover.steps.size() == 13);
  CHECK(failover.begin().kind == Kind::kDetect);
  CHECK(failover.from_node() == "n1");
  CHECK(failover.to_node() == "n2");
  CHECK_FALSE(failover.is_planned());
  CHECK(failover.length() == absl::Seconds(2));
  CHECK(failover.steps[3].offset == absl::Milliseconds(500));
}

TEST_CASE("failover timeline: what begins a failover", "[unit][failover_trace]") {
  struct Case {
    const char* why;
    std::vector<Event> events;
    std::vector<size_t> sizes;
  };
  const auto c = GENERATE(values<Case>({
      {"nothing", {}, {}},
      {"power loss: the fence is the first word",
       {kOne.At(0, Kind::kStart), kTwo.At(9, Kind::kFence, "n1"), kTwo.At(10, Kind::kStart)},
       {1, 2}},
      {"power loss without fencing: the start is the first word",
       {kOne.At(0, Kind::kStart), kTwo.At(10, Kind::kStart), kTwo.At(11, Kind::kReady)},
       {1, 2}},
      {"a planned move", {kOne.At(0, Kind::kStart), kOne.At(9, Kind::kStop), kTwo.At(10, Kind::kStart)},
       {1, 2}},
      {"a start that failed is tried again",
       {kOne.At(0, Kind::kStart), kOne.At(1, Kind::kDetect), kOne.At(2, Kind::kStart),
        kOne.At(3, Kind::kDetect), kTwo.At(4, Kind::kStart)},
       {1, 2, 2}},
      {"two failures before a start are one failover",
       {kOne.At(0, Kind::kStart), kOne.At(1, Kind::kDetect), kOne.At(2, Kind::kDetect),
        kTwo.At(3, Kind::kStart)},
       {1, 3}},
      {"a node that was taken for dead and comes to itself ends nothing",
       {kOne.At(0, Kind::kStart), kTwo.At(5, Kind::kFence, "n1"), kTwo.At(6, Kind::kStart),
        kOne.At(8, Kind::kDetect, "ca-store-service: fenced"), kTwo.At(9, Kind::kReclaimDone)},
       {1, 4}},
      {"a record that begins in the middle",
       {kOne.At(0, Kind::kReady), kOne.At(5, Kind::kDetect), kTwo.At(6, Kind::kStart)},
       {3}},
  }));
  CAPTURE(c.why);
  std::vector<size_t> sizes;
  for (const Failover& failover : Merge(c.events)) sizes.push_back(failover.steps.size());
  CHECK(sizes == c.sizes);
}

TEST_CASE("failover timeline: a wall clock that is set in the middle distorts nothing",
          "[unit][failover_trace]") {
  std::vector<Event> events = OneFailover();
  for (Event& event : events) {
    if (event.node == "n2" && event.kind >= Kind::kAddress) event.wall += absl::Hours(1);
  }
  const std::vector<Failover> failovers = Merge(events);
  REQUIRE(failovers.size() == 2);
  CHECK(failovers[1].length() == absl::Seconds(2));
  CHECK(failovers[1].steps.back().event.kind == Kind::kReclaimDone);
}

TEST_CASE("failover timeline: a clock since boot is compared within one boot only",
          "[unit][failover_trace]") {
  Event before = kOne.At(0, Kind::kStart);
  Event after = kOne.At(100, Kind::kStart);
  after.boot = "another";
  after.since_boot = absl::Seconds(5);
  const std::vector<Failover> failovers = Merge({after, before});
  REQUIRE(failovers.size() == 2);
  CHECK(failovers[0].begin() == before);
  CHECK(failovers[1].begin() == after);
}

TEST_CASE("failover timeline: of an unknown boot the wall clock decides", "[unit][failover_trace]") {
  Event before = kOne.At(0, Kind::kStart);
  Event after = kOne.At(100, Kind::kReady);
  before.boot.clear();
  after.boot.clear();
  after.since_boot = absl::Seconds(5);  // Of another boot, nobody knows.
  const std::vector<Failover> failovers = Merge({after, before});
  REQUIRE(failovers.size() == 1);
  CHECK(failovers[0].begin() == before);
  CHECK(failovers[0].length() == absl::Seconds(100));
}

TEST_CASE("failover timeline: the drawing", "[unit][failover_trace]") {
  const std::vector<Failover> failovers =
      Merge({kOne.At(0, Kind::kDetect, "smb-frontend: killed by signal 9"),
             kTwo.At(0.5, Kind::kStart), kTwo.At(1, Kind::kReclaimDone, "2 of 2 reclaimed")});
  REQUIRE(failovers.size() == 1);
  CHECK(Draw(failovers[0], 11) ==
        "1970-01-12 13:46:40.000 UTC  failover  n1 -> n2  1.000 s\n"
        "    +0.000 s  o            n1  detect        smb-frontend: killed by signal 9\n"
        "    +0.500 s  -----o       n2  start\n"
        "    +1.000 s  ----------o  n2  reclaim-done  2 of 2 reclaimed\n");
}

TEST_CASE("failover timeline: one step alone is drawn, too", "[unit][failover_trace]") {
  const std::vector<Failover> failovers = Merge({kOne.At(0, Kind::kStop)});
  REQUIRE(failovers.size() == 1);
  CHECK(failovers[0].is_planned());
  CHECK(failovers[0].to_node().empty());
  CHECK(Draw(failovers[0], 4) ==
        "1970-01-12 13:46:40.000 UTC  planned  n1 -> -  0.000 s\n"
        "    +0.000 s  o     n1  stop\n");
}

}  // namespace
}  // namespace continuo::failover_trace
