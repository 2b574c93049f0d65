// The record of failovers as files, in a directory of the test's own.
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include <absl/time/clock.h>

#include "common/failover_trace/recorder.h"

namespace continuo::failover_trace {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kPatience = absl::Seconds(20);

struct Fixture {
  Fixture() {
    std::string name = "/tmp/continuo-trace-XXXXXX";
    directory = ::mkdtemp(name.data());
  }
  ~Fixture() { fs::remove_all(directory); }

  Recorder::Options Options(const std::string& node) const {
    return {.runstate_dir = directory, .daemon = "test", .node = node};
  }
  std::vector<Event> Read() const {
    std::vector<Event> events;
    CHECK(ReadEvents(directory, &events).ok());
    return events;
  }

  std::string directory;
};

TEST_CASE_METHOD(Fixture, "failover recorder: what two nodes note is read together",
                 "[unit][failover_trace]") {
  CHECK(Read().empty());
  const absl::Time before = absl::Now();
  Recorder one(Options("n1"));
  Recorder two(Options("n2"));
  one.Note(Kind::kDetect, "why", 3);
  two.NoteAt(before - absl::Seconds(5), Kind::kStart, "");
  REQUIRE(one.Flush(kPatience).ok());
  REQUIRE(two.Flush(kPatience).ok());
  const std::vector<Event> events = Read();
  REQUIRE(events.size() == 2);
  const Event& detect = events[0].node == "n1" ? events[0] : events[1];
  const Event& start = events[0].node == "n1" ? events[1] : events[0];
  CHECK(detect.kind == Kind::kDetect);
  CHECK(detect.detail == "why");
  CHECK(detect.epoch == 3);
  CHECK(detect.daemon == "test");
  CHECK(detect.boot == start.boot);
  CHECK(detect.since_boot - start.since_boot >= absl::Seconds(5) - absl::Microseconds(2));
}

TEST_CASE_METHOD(Fixture, "failover recorder: a node's name is no path", "[unit][failover_trace]") {
  Recorder recorder(Options("../../evil"));
  recorder.Note(Kind::kNote, "");
  REQUIRE(recorder.Flush(kPatience).ok());
  CHECK(fs::exists(directory + "/failover/_.._.._evil.log"));
}

TEST_CASE_METHOD(Fixture, "failover recorder: the record is bounded and keeps the latest",
                 "[unit][failover_trace]") {
  Event event{.wall = absl::Now(), .boot = "b", .node = "n1", .daemon = "test"};
  event.detail = std::string(900, 'x');
  const size_t count = 3 * kLogMaxBytes / 950;
  for (size_t i = 0; i < count; ++i) {
    event.epoch = i;
    REQUIRE(AppendEvent(directory, event).ok());
  }
  size_t size = 0;
  for (const auto& entry : fs::directory_iterator(directory + "/failover")) {
    CHECK(entry.file_size() < kLogMaxBytes + kLineMaxBytes);
    size += entry.file_size();
  }
  CHECK(size > kLogMaxBytes);
  std::set<uint64_t> epochs;
  for (const Event& one : Read()) epochs.insert(one.epoch);
  CHECK(*epochs.rbegin() == count - 1);
  CHECK(epochs.size() == count - *epochs.begin());  // Without a gap.
}

TEST_CASE_METHOD(Fixture, "failover recorder: processes that write at once lose nothing",
                 "[unit][failover_trace]") {
  constexpr size_t kWriters = 4;
  constexpr size_t kEach = 120;  // Together more than one file holds.
  std::vector<std::thread> writers;
  for (size_t writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([this, writer] {
      Event event{.wall = absl::Now(), .boot = "b", .node = "n1", .daemon = "test"};
      event.detail = std::string(900, 'x');
      for (size_t i = 0; i < kEach; ++i) {
        event.epoch = writer * kEach + i;
        if (!AppendEvent(directory, event).ok()) std::abort();
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  CHECK(fs::exists(directory + "/failover/n1.log.1"));
  CHECK(Read().size() == kWriters * kEach);
}

TEST_CASE_METHOD(Fixture, "failover recorder: storage that hangs holds up nobody",
                 "[unit][failover_trace]") {
  // Opening a FIFO that nobody reads waits, as a file on dead storage does.
  fs::create_directories(directory + "/failover");
  const std::string path = directory + "/failover/n1.log";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  Recorder recorder(Options("n1"));
  const absl::Time begun = absl::Now();
  for (size_t i = 0; i < kQueueMax + 50; ++i) recorder.Note(Kind::kNote, "");
  CHECK(absl::Now() - begun < absl::Seconds(1));
  CHECK(absl::IsDeadlineExceeded(recorder.Flush(absl::Milliseconds(50))));
  // One is in the writer's hands at most.
  CHECK(recorder.lost_count() >= 49);
  CHECK(recorder.lost_count() <= 50);
  {
    Recorder forsaken(Options("n1"));
    forsaken.Note(Kind::kReady, "");  // Its end waits for nothing either.
  }
  // The storage answers again.
  const std::string aside = directory + "/aside";
  REQUIRE(::rename(path.c_str(), aside.c_str()) == 0);
  const int reader = ::open(aside.c_str(), O_RDONLY | O_NONBLOCK);
  CHECK(recorder.Flush(kPatience).ok());
  CHECK(Read().size() >= kQueueMax);
  ::close(reader);
}

TEST_CASE_METHOD(Fixture, "failover recorder: storage that refuses is told by Flush",
                 "[unit][failover_trace]") {
  std::ofstream(directory + "/failover") << "no directory";
  Recorder recorder(Options("n1"));
  recorder.Note(Kind::kNote, "");
  CHECK_FALSE(recorder.Flush(kPatience).ok());
}

}  // namespace
}  // namespace continuo::failover_trace
