#include "common/logging/log.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

namespace continuo::logging {
namespace {

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_CASE("log: levels of tsmb.conf map to severities", "[unit][logging]") {
  CHECK(SeverityFromLevel(0) == Severity::kOff);
  CHECK(SeverityFromLevel(1) == Severity::kError);
  CHECK(SeverityFromLevel(2) == Severity::kWarning);
  CHECK(SeverityFromLevel(3) == Severity::kInfo);
  CHECK(SeverityFromLevel(5) == Severity::kDebug);
  CHECK(SeverityFromLevel(99) == Severity::kDebug);
}

TEST_CASE("log: lines reach the file, below the level none, and a reopened file gets the next",
          "[unit][logging]") {
  char directory[] = "/tmp/ctn-log-XXXXXX";
  REQUIRE(mkdtemp(directory) != nullptr);
  const std::string path = std::string(directory) + "/log";
  Options options;
  options.daemon_name = "test";
  options.destination = Destination::kFile;
  options.file_path = path;
  REQUIRE(Configure(options).ok());
  Info("first.line", {{"n", 1}});
  Debug("hidden.line");
  Flush();
  const std::string text = ReadAll(path);
  CHECK(text.find(" INFO test event=first.line n=1\n") != std::string::npos);
  CHECK(text.find("hidden") == std::string::npos);

  std::filesystem::rename(path, path + ".1");
  REQUIRE(Reopen().ok());
  Warning("second.line");
  Flush();
  CHECK(ReadAll(path).find("second.line") != std::string::npos);
  CHECK(ReadAll(path + ".1").find("second.line") == std::string::npos);

  options.file_path = "/nonexistent/log";
  CHECK_FALSE(Configure(options).ok());
  Info("third.line");  // The former file stays in use.
  Flush();
  CHECK(ReadAll(path).find("third.line") != std::string::npos);

  options.destination = Destination::kStderr;
  REQUIRE(Configure(options).ok());
  std::filesystem::remove_all(directory);
}

TEST_CASE("log: a rate limit lets a burst through, then its rate, and counts the rest",
          "[unit][logging]") {
  RateLimit limit({.lines_per_second = 10, .burst = 3});
  const absl::Time start = absl::FromUnixSeconds(1700000000);
  uint64_t suppressed = 0;
  for (int i = 0; i < 3; ++i) CHECK(limit.Admit(start, &suppressed));
  for (int i = 0; i < 5; ++i) CHECK_FALSE(limit.Admit(start, &suppressed));
  CHECK_FALSE(limit.Admit(start + absl::Milliseconds(99), &suppressed));
  CHECK(limit.Admit(start + absl::Milliseconds(100), &suppressed));
  CHECK(suppressed == 6);
  CHECK_FALSE(limit.Admit(start + absl::Milliseconds(100), &suppressed));
}

}  // namespace
}  // namespace continuo::logging
