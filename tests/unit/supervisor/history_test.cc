#include "services/watchdog-supervisor/history/history_file.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

namespace continuo::supervisor {

TEST_CASE("history: newest first, forged fields flattened, damaged lines left out",
          "[unit][supervisor]") {
  char directory[] = "/tmp/ctn-hist-XXXXXX";
  REQUIRE(mkdtemp(directory) != nullptr);
  const std::string path = HistoryPath(directory);
  CHECK(ReadHistory(path, 0).empty());
  const absl::Time time = absl::FromUnixMillis(1700000000123);
  REQUIRE(AppendHistory(path, {time, "started", "", "all serving"}).ok());
  std::ofstream(path, std::ios::app) << "not a line of ours\n";
  REQUIRE(AppendHistory(path, {time, "failed", "auth-service", "a\tb\nc"}).ok());
  const std::vector<HistoryEvent> events = ReadHistory(path, 0);
  REQUIRE(events.size() == 2);
  CHECK(events[0].event == "failed");
  CHECK(events[0].daemon == "auth-service");
  CHECK(events[0].reason == "a b c");
  CHECK(events[1].time == time);
  CHECK(ReadHistory(path, 1).size() == 1);

  const std::string long_reason(1000, 'x');
  for (int i = 0; i < 600; ++i) {
    REQUIRE(AppendHistory(path, {time, "failed", "d", long_reason}).ok());
  }
  CHECK(std::filesystem::file_size(path) <= kHistoryMaxBytes + 2000);
  CHECK(ReadHistory(path, 0).size() > 256);
  std::filesystem::remove_all(directory);
}

}  // namespace continuo::supervisor
