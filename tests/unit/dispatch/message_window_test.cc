// Goal: no MessageId is accepted twice or before it was granted. Method: a table of misuse, and a
// random run against a plain set as oracle.
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "services/smb-frontend/dispatch/message_window.h"

namespace continuo::dispatch {
namespace {

TEST_CASE("MessageWindow: a new connection may use id 0 once", "[unit][dispatch][MS-SMB2:3.3.5.2.3]") {
  MessageWindow window;
  CHECK_FALSE(window.Consume(1, 1));
  CHECK(window.Consume(0, 1));
  CHECK_FALSE(window.Consume(0, 1));
  CHECK(window.available() == 0);
}

TEST_CASE("MessageWindow: misuse leaves it unchanged", "[unit][dispatch][MS-SMB2:3.3.5.2.3]") {
  MessageWindow window;
  REQUIRE(window.Consume(0, 1));
  REQUIRE(window.Grant(10) == 10);  // Ids 1 to 10.
  REQUIRE(window.Consume(3, 2));
  struct Case {
    const char* why;
    uint64_t first;
    uint32_t count;
  };
  const auto c = GENERATE(values<Case>({
      {"zero ids", 1, 0},
      {"below the window", 0, 1},
      {"used", 3, 1},
      {"overlaps used ids", 2, 2},
      {"past the top", 10, 2},
      {"wraps", UINT64_MAX, 2},
      {"more than is open", 1, 65535},
  }));
  CAPTURE(c.why);
  CHECK_FALSE(window.Consume(c.first, c.count));
  CHECK(window.available() == 8);
  CHECK(window.Consume(1, 2));
}

TEST_CASE("MessageWindow: never opens more than the limit", "[unit][dispatch][MS-SMB2:3.3.1.2]") {
  MessageWindow window;
  CHECK(window.Grant(100000) == kMaxCredits - 1);
  CHECK(window.Grant(1) == 0);
  CHECK(window.Consume(0, 100));
  CHECK(window.Grant(1000) == 100);
}

TEST_CASE("MessageWindow: a skipped id bounds the window", "[unit][dispatch][MS-SMB2:3.3.1.1]") {
  MessageWindow window;
  window.Grant(kMaxCredits);
  // Id 0 is never used: newer ids go on until the bits end.
  uint64_t next = 1;
  uint64_t used = 0;
  while (window.Consume(next, 1)) {
    ++next;
    ++used;
    window.Grant(1);
  }
  CHECK(used == kWindowBits - 1);
  CHECK(window.available() == 1);
  CHECK(window.Consume(0, 1));
  CHECK(window.Grant(5) == 5);
}

TEST_CASE("MessageWindow: agrees with a set of free ids over random use", "[unit][dispatch]") {
  std::mt19937_64 random(20240131);
  MessageWindow window;
  std::set<uint64_t> free_ids = {0};
  uint64_t high = 1;
  for (int step = 0; step < 50000; ++step) {
    if (random() % 3 == 0) {
      const uint32_t granted = window.Grant(static_cast<uint32_t>(random() % 8));
      for (uint32_t i = 0; i < granted; ++i) free_ids.insert(high++);
    } else {
      const uint64_t first = window.low() + random() % 12;
      const uint32_t count = 1 + static_cast<uint32_t>(random() % 3);
      bool expected = true;
      for (uint64_t id = first; id < first + count; ++id) expected &= free_ids.count(id) == 1;
      REQUIRE(window.Consume(first, count) == expected);
      if (expected) {
        for (uint64_t id = first; id < first + count; ++id) free_ids.erase(id);
      }
    }
    REQUIRE(window.available() == free_ids.size());
  }
}

}  // namespace
}  // namespace continuo::dispatch
