// Names that come back after a removal, and change times that the kernel cannot store.
#include <catch2/catch.hpp>

#include "common/bytes/utf16.h"
#include "services/smb-frontend/vfs/change_times.h"
#include "services/smb-frontend/vfs/names.h"
#include "services/smb-frontend/vfs/tunnel_cache.h"

namespace continuo::vfs {
namespace {

TEST_CASE("tunnel cache: a long name comes back for 15 seconds, in its directory",
          "[unit][vfs][MS-FSA:2.1.1.1]") {
  const absl::Time now = absl::FromUnixSeconds(1'000'000'000);
  const FileStat here{.device = 1, .inode = 2};
  const FileStat elsewhere{.device = 1, .inode = 3};
  TunnelCache cache;
  cache.Add(here, "A12345~6", "a long name", now);
  CHECK(cache.Find(here, "A12345~6", now + TunnelCache::kLifetime) == "a long name");
  CHECK_FALSE(cache.Find(elsewhere, "A12345~6", now));
  CHECK_FALSE(cache.Find(here, "B12345~6", now));
  CHECK_FALSE(cache.Find(here, "A12345~6", now + TunnelCache::kLifetime + absl::Seconds(1)));
}

TEST_CASE("tunnel cache: the oldest go when there are too many", "[unit][vfs][MS-FSA:2.1.1.1]") {
  const absl::Time now = absl::FromUnixSeconds(1'000'000'000);
  const FileStat here{.device = 1, .inode = 2};
  TunnelCache cache;
  for (size_t i = 0; i <= TunnelCache::kMaxEntries; ++i) {
    cache.Add(here, std::to_string(i), "long", now);
  }
  CHECK_FALSE(cache.Find(here, "0", now));
  CHECK(cache.Find(here, "1", now));
}

TEST_CASE("change times: what a client set shows until the file changes",
          "[unit][vfs][MS-FSCC:2.4.7]") {
  ChangeTimes times;
  const FileStat stat{.device = 1, .inode = 2, .change_time = 100};
  times.Set(stat, 7);
  FileStat again = stat;
  times.Apply(again);
  CHECK(again.change_time == 7);
  SECTION("also when it is set twice without a change between") {
    times.Set(again, 8);
    again.change_time = 100;
    times.Apply(again);
    CHECK(again.change_time == 8);
  }
  SECTION("and no longer") {
    again.change_time = 101;
    times.Apply(again);
    CHECK(again.change_time == 101);
  }
  SECTION("of that file alone") {
    FileStat other{.device = 3, .inode = 2, .change_time = 100};
    times.Apply(other);
    CHECK(other.change_time == 100);
  }
}

TEST_CASE("names: a slash separates only where it is asked for", "[unit][vfs][MS-FSCC:2.1.5]") {
  const auto name = ParseNameUtf8("a/b\\c", {.slash_separates = true});
  REQUIRE(name.ok());
  CHECK(name->components == std::vector<std::string>{"a", "b", "c"});
  CHECK(ParseNameUtf8("a/../b", {.slash_separates = true}).status() ==
        NtStatus::kObjectPathSyntaxBad);
  CHECK(ParseNameUtf8("/a", {.slash_separates = true}).status() == NtStatus::kInvalidParameter);
  CHECK(ParseNameUtf8("a/b", {}).status() == NtStatus::kObjectNameInvalid);
}

}  // namespace
}  // namespace continuo::vfs
