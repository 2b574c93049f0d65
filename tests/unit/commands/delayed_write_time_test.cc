// The table above DelayedWriteTime, cell by cell.
#include "services/smb-frontend/open/delayed_write_time.h"

#include <catch2/catch.hpp>

namespace continuo::open {
namespace {

constexpr vfs::FileTime kCreated = 134'000'000'000'000'000;
const absl::Time kNow = absl::FromUnixSeconds(-11644473600) +
                        absl::Nanoseconds(100) * static_cast<int64_t>(kCreated);

vfs::FileTime After(absl::Duration delay) {
  return kCreated + static_cast<vfs::FileTime>(absl::ToInt64Nanoseconds(delay) / 100);
}

// An open whose time has been shown, and that wrote one second later.
DelayedWriteTime Written() {
  DelayedWriteTime time;
  (void)time.Show(kCreated, kNow);
  time.OnWrite(kNow + absl::Seconds(1));
  return time;
}

TEST_CASE("delayed write time: the first write shows after two seconds",
          "[unit][open][MS-FSA:2.1.4.17]") {
  DelayedWriteTime time = Written();
  const vfs::FileTime actual = After(absl::Seconds(1));
  CHECK(time.is_delayed());
  CHECK(time.Show(actual, kNow + absl::Milliseconds(2999)) == kCreated);
  CHECK(time.Show(actual, kNow + absl::Seconds(3)) == actual);
  CHECK_FALSE(time.MustStamp(actual));
}

TEST_CASE("delayed write time: a flush shows it at once", "[unit][open][MS-FSA:2.1.4.17]") {
  DelayedWriteTime time = Written();
  time.Settle();
  CHECK(time.Show(After(absl::Seconds(1)), kNow + absl::Seconds(1)) == After(absl::Seconds(1)));
  CHECK_FALSE(time.may_need_stamp());
}

TEST_CASE("delayed write time: later writes show with the close",
          "[unit][open][MS-FSA:2.1.4.17]") {
  DelayedWriteTime time = Written();
  const vfs::FileTime first = After(absl::Seconds(1));
  REQUIRE(time.Show(first, kNow + absl::Seconds(4)) == first);
  time.OnWrite(kNow + absl::Seconds(4));
  const vfs::FileTime second = After(absl::Seconds(4));
  CHECK(time.Show(second, kNow + absl::Seconds(9)) == first);
  CHECK(time.MustStamp(second));
  SECTION("unless somebody else set the time meanwhile") {
    CHECK_FALSE(time.MustStamp(kCreated));
    CHECK_FALSE(time.MustStamp(After(absl::Hours(24))));
  }
  SECTION("or with a flush") {
    time.Settle();
    CHECK(time.Show(second, kNow + absl::Seconds(9)) == second);
    CHECK_FALSE(time.MustStamp(second));
  }
  SECTION("or not at all when the client sets the time itself") {
    time.Reset();
    CHECK(time.Show(kCreated, kNow + absl::Seconds(9)) == kCreated);
    CHECK_FALSE(time.MustStamp(second));
  }
}

TEST_CASE("delayed write time: settling without a write changes nothing",
          "[unit][open][MS-FSA:2.1.4.17]") {
  DelayedWriteTime time;
  time.Settle();
  CHECK(time.Show(kCreated, kNow) == kCreated);
  time.OnWrite(kNow);
  CHECK(time.is_delayed());
}

}  // namespace
}  // namespace continuo::open
