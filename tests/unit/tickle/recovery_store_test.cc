// The recovery database on a real directory: what is on record after a writer died, what is cleaned
// up when, and what happens when the directory does not take records.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <latch>

#include <catch2/catch.hpp>

#include <absl/synchronization/notification.h>

#include "services/tickle-service/registry/recovery_store.h"

namespace continuo::tickle {
namespace {

namespace fs = std::filesystem;

class Directory {
 public:
  Directory() { path_ = mkdtemp(name_.data()); }
  ~Directory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  std::string path() const { return path_ + "/db"; }
  std::string parent() const { return path_; }

 private:
  std::string name_ = "/tmp/tickle-test-XXXXXX";
  std::string path_;
};

Connection Client(int number) {
  return {*ParseIpAddress("192.0.2.7"), 445, *ParseIpAddress("192.0.2.100"),
          static_cast<uint16_t>(number)};
}

StoreOptions OptionsFor(const Directory& directory, const char* node, size_t slack = 1000) {
  return {.place = {directory.path(), node, 0x5eed},
          .rewrite_slack_records = slack,
          .retry_interval = absl::Milliseconds(20)};
}

bool RecordNow(RecoveryStore& store, RecordKind kind, std::vector<int> numbers) {
  std::vector<LogRecord> records;
  for (const int number : numbers) records.push_back({kind, Client(number)});
  absl::Notification done;
  bool is_recorded = false;
  store.Record(records, [&](bool recorded) {
    is_recorded = recorded;
    done.Notify();
  });
  REQUIRE(done.WaitForNotificationWithTimeout(absl::Seconds(30)));
  return is_recorded;
}

std::set<Connection> LiveIn(const Directory& directory) {
  std::set<Connection> live;
  const auto logs = ReadOtherLogs(directory.path(), "");
  REQUIRE(logs.ok());
  for (const OtherLog& log : *logs) live.insert(log.live.begin(), log.live.end());
  return live;
}

size_t LogCount(const Directory& directory) {
  return ReadOtherLogs(directory.path(), "").value().size();
}

// A log as a writer that died has left it: without a lock.
std::string WriteDeadLog(const Directory& directory, const std::string& name,
                         std::initializer_list<int> numbers, size_t torn_bytes = 0) {
  fs::create_directories(directory.path());
  Bytes content = EncodeLogHeader(1, absl::Now());
  for (const int number : numbers) {
    AppendLogRecord({RecordKind::kConnected, Client(number)}, content);
  }
  content.resize(content.size() + torn_bytes, 0x55);
  const std::string path = directory.path() + "/" + name;
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(content.data()),
             static_cast<std::streamsize>(content.size()));
  return path;
}

TEST_CASE("recovery store: what was answered is in the log, what closed is not", "[unit][tickle]") {
  const Directory directory;
  RecoveryStore store(OptionsFor(directory, "a"));
  CHECK(RecordNow(store, RecordKind::kConnected, {1, 2, 3}));
  CHECK(RecordNow(store, RecordKind::kClosed, {2}));
  CHECK(LiveIn(directory) == std::set<Connection>{Client(1), Client(3)});
  CHECK(store.counts().recorded == 3);
  CHECK(store.counts().removed == 1);
  CHECK(store.Health().ok());
}

TEST_CASE("recovery store: ten thousand connects and closes share few syncs", "[unit][tickle]") {
  const Directory directory;
  RecoveryStore store(OptionsFor(directory, "a", 4'000));
  constexpr int kCount = 10'000;
  std::latch left(kCount);
  for (int i = 1; i <= kCount; ++i) {
    store.Record({{RecordKind::kConnected, Client(i)}}, [&](bool) { left.count_down(); });
  }
  left.wait();
  CHECK(LiveIn(directory).size() == kCount);
  std::latch closed(kCount);
  for (int i = 1; i <= kCount; ++i) {
    store.Record({{RecordKind::kClosed, Client(i)}}, [&](bool) { closed.count_down(); });
  }
  closed.wait();
  CHECK(LiveIn(directory).empty());
  CHECK(store.counts().syncs < kCount / 10);
  CHECK(store.Stop(absl::Now() + absl::Seconds(30)));
  CHECK(LogCount(directory) == 0);  // A stop in order leaves nothing.
}

TEST_CASE("recovery store: the log stays small however many come and go", "[unit][tickle]") {
  const Directory directory;
  RecoveryStore store(OptionsFor(directory, "a", 100));
  CHECK(RecordNow(store, RecordKind::kConnected, {1}));
  for (int i = 2; i < 500; ++i) {
    REQUIRE(RecordNow(store, RecordKind::kConnected, {i}));
    REQUIRE(RecordNow(store, RecordKind::kClosed, {i}));
  }
  CHECK(LiveIn(directory) == std::set<Connection>{Client(1)});
  CHECK(store.counts().rewrites > 5);
  for (const auto& entry : fs::directory_iterator(directory.path())) {
    CHECK(entry.file_size() < 200 * kLogBlockBytes);
  }
}

TEST_CASE("recovery store: a directory that is not there is answered, and used once it is",
          "[unit][tickle]") {
  const Directory directory;
  StoreOptions options = OptionsFor(directory, "a");
  options.place.directory = directory.parent() + "/mount/db";
  RecoveryStore store(options);
  CHECK_FALSE(RecordNow(store, RecordKind::kConnected, {1}));
  CHECK_FALSE(store.Health().ok());
  CHECK(store.counts().unrecorded == 1);
  fs::create_directories(directory.parent() + "/mount");
  const absl::Time give_up = absl::Now() + absl::Seconds(30);
  while (!store.Health().ok() && absl::Now() < give_up) absl::SleepFor(absl::Milliseconds(1));
  CHECK(store.Health().ok());
  const auto logs = ReadOtherLogs(options.place.directory, "");
  REQUIRE(logs.ok());
  REQUIRE(logs->size() == 1);
  CHECK(logs->front().live == std::set<Connection>{Client(1)});
}

TEST_CASE("recovery store: a log that somebody removed is written anew", "[unit][tickle]") {
  const Directory directory;
  RecoveryStore store(OptionsFor(directory, "a"));
  CHECK(RecordNow(store, RecordKind::kConnected, {1}));
  fs::remove_all(directory.path());
  CHECK(RecordNow(store, RecordKind::kConnected, {2}));
  CHECK(LiveIn(directory) == std::set<Connection>{Client(1), Client(2)});
}

TEST_CASE("other logs: a dead writer's records close one by one, then its log goes",
          "[unit][tickle]") {
  const Directory directory;
  const std::string path = WriteDeadLog(directory, "b.1.log", {1, 2}, 17);
  REQUIRE(SettleOtherLogs(directory.path(), "own.log", {Client(1)}).ok());
  CHECK(LiveIn(directory) == std::set<Connection>{Client(2)});
  CHECK(fs::file_size(path) % kLogBlockBytes == 0);
  REQUIRE(SettleOtherLogs(directory.path(), "own.log", {Client(2)}).ok());
  CHECK(LogCount(directory) == 0);
}

TEST_CASE("other logs: a living writer's log is left alone", "[unit][tickle]") {
  const Directory directory;
  RecoveryStore store(OptionsFor(directory, "a"));
  CHECK(RecordNow(store, RecordKind::kConnected, {1}));
  REQUIRE(SettleOtherLogs(directory.path(), "own.log", {Client(1)}).ok());
  CHECK(LiveIn(directory) == std::set<Connection>{Client(1)});
}

TEST_CASE("other logs: what is no log does not hide the others", "[unit][tickle]") {
  const Directory directory;
  WriteDeadLog(directory, "b.1.log", {1});
  std::ofstream(directory.path() + "/c.2.log") << "no log at all";
  std::ofstream(directory.path() + "/d.3.log.new") << "begun";
  CHECK(LiveIn(directory) == std::set<Connection>{Client(1)});
  REQUIRE(SettleOtherLogs(directory.path(), "own.log", {}).ok());
  CHECK(LiveIn(directory) == std::set<Connection>{Client(1)});
}

TEST_CASE("other logs: the log of a writer that died long ago goes", "[unit][tickle]") {
  const Directory directory;
  const std::string path = WriteDeadLog(directory, "b.1.log", {1});
  const timespec old = absl::ToTimespec(absl::Now() - kLogMaxAge - absl::Minutes(1));
  const timespec times[2] = {old, old};
  REQUIRE(utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
  REQUIRE(SettleOtherLogs(directory.path(), "own.log", {}).ok());
  CHECK(LogCount(directory) == 0);
}

}  // namespace
}  // namespace continuo::tickle
