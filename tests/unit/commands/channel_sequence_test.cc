// Goal: the table of open/channel_sequence.h, and which instance of an application gives way.
#include "services/smb-frontend/open/channel_sequence.h"

#include <catch2/catch.hpp>

#include "services/smb-frontend/commands/app_instance.h"

namespace continuo {
namespace {

using open::ChannelSequence;
using Verdict = ChannelSequence::Verdict;

TEST_CASE("channel sequence: a request of an earlier channel comes too late, 16 bits round",
          "[unit][commands][MS-SMB2:3.3.5.2.10]") {
  struct Case {
    const char* why;
    uint16_t current;
    uint16_t sequence;
    Verdict verdict;
  };
  const auto c = GENERATE(values<Case>({
      {"as the open's", 5, 5, Verdict::kCounted},
      {"one newer", 5, 6, Verdict::kCounted},
      {"the newest that counts as newer", 5, 0x8004, Verdict::kCounted},
      {"one further is older", 5, 0x8005, Verdict::kTooLate},
      {"one older", 5, 4, Verdict::kTooLate},
      {"newer across the end of the range", 0xFFFF, 0, Verdict::kCounted},
      {"older across the end of the range", 0, 0xFFFF, Verdict::kTooLate},
  }));
  CAPTURE(c.why);
  ChannelSequence sequence(c.current);
  CHECK(sequence.Begin(c.sequence, false) == c.verdict);
}

TEST_CASE("channel sequence: a replay waits for what was sent before the channel was lost",
          "[unit][commands][MS-SMB2:3.3.5.2.10]") {
  ChannelSequence sequence(0);
  REQUIRE(sequence.Begin(0, false) == Verdict::kCounted);
  REQUIRE(sequence.Begin(0, false) == Verdict::kCounted);
  CHECK(sequence.Begin(1, true) == Verdict::kTooLate);
  CHECK(sequence.Begin(1, false) == Verdict::kCounted);
  sequence.End(0);
  CHECK(sequence.Begin(1, true) == Verdict::kTooLate);
  sequence.End(0);
  CHECK(sequence.Begin(1, true) == Verdict::kCounted);
}

TEST_CASE("channel sequence: who reconnects leaves what is under way behind",
          "[unit][commands][MS-SMB2:3.3.5.2.10]") {
  ChannelSequence sequence(3);
  REQUIRE(sequence.Begin(3, false) == Verdict::kCounted);
  sequence.Advance(4);
  CHECK(sequence.Begin(3, false) == Verdict::kTooLate);
  CHECK(sequence.Begin(4, true) == Verdict::kTooLate);
  sequence.End(3);
  CHECK(sequence.Begin(4, true) == Verdict::kCounted);
}

TEST_CASE("application instance: only a later one makes an open give way",
          "[unit][commands][MS-SMB2:3.3.5.9.13]") {
  using Version = std::optional<smbwire::AppInstanceVersion>;
  struct Case {
    const char* why;
    Version held;
    Version wanted;
    bool is_kept;
  };
  const auto c = GENERATE(values<Case>({
      {"no versions", {}, {}, false},
      {"the open has none", {}, Version({1, 1}), false},
      {"the request has none", Version({1, 1}), {}, false},
      {"as new", Version({1, 1}), Version({1, 1}), true},
      {"later in the low part", Version({1, 1}), Version({1, 2}), false},
      {"earlier in the low part", Version({1, 2}), Version({1, 1}), true},
      {"later in the high part", Version({1, 9}), Version({2, 0}), false},
      {"earlier in the high part", Version({2, 0}), Version({1, 9}), true},
  }));
  CAPTURE(c.why);
  CHECK(commands::IsInstanceKept(c.held, c.wanted) == c.is_kept);
}

}  // namespace
}  // namespace continuo
