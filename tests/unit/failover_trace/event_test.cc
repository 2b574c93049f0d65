// One line of a node's record of failovers. Pure.
#include <catch2/catch.hpp>

#include "common/failover_trace/event.h"

namespace continuo::failover_trace {
namespace {

Event FullEvent() {
  return {.wall = absl::FromUnixMicros(1'795'836'321'123'456),
          .since_boot = absl::Microseconds(42'000'001),
          .boot = "150c6aa0",
          .node = "n1",
          .epoch = 7,
          .daemon = "ca-store-service",
          .kind = Kind::kAdoptEnd,
          .detail = "epoch 7: 20 handles"};
}

TEST_CASE("failover event: the line of version 1 stays as it is", "[unit][failover_trace]") {
  const std::string line =
      "1\t1795836321123456\t42000001\t150c6aa0\tn1\t7\tca-store-service\tadopt-end\t"
      "epoch 7: 20 handles";
  CHECK(EncodeLine(FullEvent()) == line + "\n");
  CHECK(DecodeLine(line) == FullEvent());
}

TEST_CASE("failover event: what is no whole line is passed over", "[unit][failover_trace]") {
  const std::string line = EncodeLine(FullEvent());
  const size_t last_tab = line.rfind('\t');
  for (size_t size = 0; size <= last_tab; ++size) {
    CAPTURE(size);
    // The detail alone may be torn: nothing says how long it was.
    if (size < last_tab) CHECK_FALSE(DecodeLine(line.substr(0, size)));
  }
  struct Case {
    const char* why;
    const char* line;
  };
  const auto c = GENERATE(values<Case>({
      {"empty", ""},
      {"a newer version", "2\t1\t1\tb\tn\t0\td\tstart\t"},
      {"a step that is not known", "1\t1\t1\tb\tn\t0\td\tdance\t"},
      {"one field more", "1\t1\t1\tb\tn\t0\td\tstart\t\t"},
      {"no time", "1\tx\t1\tb\tn\t0\td\tstart\t"},
      {"a time before the epoch", "1\t-1\t1\tb\tn\t0\td\tstart\t"},
      {"a time that overflows", "1\t9223372036854775807\t1\tb\tn\t0\td\tstart\t"},
      {"no epoch", "1\t1\t1\tb\tn\t\td\tstart\t"},
  }));
  CAPTURE(c.why);
  CHECK_FALSE(DecodeLine(c.line));
}

TEST_CASE("failover event: texts cannot break a line, and a long one is cut",
          "[unit][failover_trace]") {
  Event event = FullEvent();
  event.detail = "a\tb\nc\x7F" + std::string(5000, 'x');
  event.node = std::string(500, 'n');
  const std::string line = EncodeLine(event);
  CHECK(line.size() == kLineMaxBytes);
  CHECK(line.find('\n') == line.size() - 1);
  const auto again = DecodeLine(line.substr(0, line.size() - 1));
  REQUIRE(again);
  CHECK(again->detail.substr(0, 7) == "a?b?c?x");
}

TEST_CASE("failover event: each kind has a name of its own", "[unit][failover_trace]") {
  for (int i = 0; i <= static_cast<int>(Kind::kNote); ++i) {
    const Kind kind = static_cast<Kind>(i);
    CHECK(KindOf(NameOf(kind)) == kind);
  }
  CHECK_FALSE(KindOf("dance"));
}

}  // namespace
}  // namespace continuo::failover_trace
