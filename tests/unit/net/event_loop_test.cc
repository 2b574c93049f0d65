// Posting, timers, file I/O, blocking calls and the I/O barrier, on both engines.
#include "services/smb-frontend/net/event_loop.h"

#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

#include <latch>

#include "services/smb-frontend/vfs/credentials.h"
#include "tests/unit/net/net_test_support.h"

namespace continuo::net::test {

namespace {

// A file without a name, that goes with its descriptor.
class TempFile {
 public:
  TempFile() : fd_(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)) { REQUIRE(fd_ >= 0); }
  ~TempFile() { close(fd_); }
  int fd() const { return fd_; }

 private:
  int fd_;
};

TokenRef Token(uid_t uid) {
  auto token = std::make_shared<vfs::UnixToken>();
  token->uid = uid;
  token->gid = uid;
  return token;
}

uid_t CurrentFsUid() { return static_cast<uid_t>(setfsuid(static_cast<uid_t>(-1))); }

}  // namespace

TEST_CASE("EventLoop: auto chooses an engine that works", "[unit][net]") {
  LoopFixture fixture(IoEngine::kAuto);
  CHECK(fixture.Run([] { return 3; }) == 3);
  CHECK(ParseIoEngine("io_uring") == IoEngine::kIoUring);
  CHECK(ParseIoEngine("epoll") == IoEngine::kEpoll);
  CHECK(ParseIoEngine("auto") == IoEngine::kAuto);
  CHECK_FALSE(ParseIoEngine("kqueue").has_value());
}

TEST_CASE("EventLoop: functions posted by several threads all run, in each thread's order",
          "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  CAPTURE(IoEngineName(engine));
  constexpr int kThreads = 4;
  constexpr int kPosts = 500;
  std::vector<std::vector<int>> seen(kThreads);
  bool all_on_loop = true;
  {
    LoopFixture fixture(engine);
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kPosts; ++i) {
          fixture.loop().Post([&, t, i] {
            all_on_loop = all_on_loop && fixture.loop().InLoopThread();
            seen[static_cast<size_t>(t)].push_back(i);
          });
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  CHECK(all_on_loop);
  for (const std::vector<int>& order : seen) {
    CHECK(order.size() == kPosts);
    CHECK(std::is_sorted(order.begin(), order.end()));
  }
}

TEST_CASE("EventLoop: an idle loop proves that it advances", "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  CAPTURE(IoEngineName(engine));
  LoopFixture fixture(engine);
  const uint64_t before = fixture.loop().turns();
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (fixture.loop().turns() < before + 2 && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::yield();
  }
  CHECK(fixture.loop().turns() >= before + 2);
}

namespace {

Task<int> SleepTwice(EventLoop& loop) {
  co_await loop.Sleep(absl::Milliseconds(1));
  co_await loop.Sleep(absl::ZeroDuration());
  co_return 2;
}

Task<std::vector<int64_t>> WriteReadSync(EventLoop& loop, int fd, TokenRef token) {
  const std::vector<uint8_t> data = Pattern(100000, 1);
  std::vector<uint8_t> back(data.size() + 1000);
  std::vector<int64_t> results;
  results.push_back(co_await loop.WriteFile(fd, data, 4096, token));
  results.push_back(co_await loop.Fsync(fd, EventLoop::SyncKind::kDataAndMetadata, token));
  results.push_back(co_await loop.Fsync(fd, EventLoop::SyncKind::kData, token));
  results.push_back(co_await loop.ReadFile(fd, back, 4096, token));
  results.push_back(std::equal(data.begin(), data.end(), back.begin()) ? 1 : 0);
  results.push_back(co_await loop.ReadFile(fd, back, 1U << 30, token));
  std::array<iovec, 2> out = {iovec{back.data(), 10}, iovec{back.data() + 500, 20}};
  results.push_back(co_await loop.ReadFileVector(fd, out, 4096, token));
  results.push_back(std::equal(data.begin() + 10, data.begin() + 30, back.begin() + 500) ? 1 : 0);
  std::array<iovec, 2> in = {iovec{back.data() + 500, 20}, iovec{back.data(), 10}};
  results.push_back(co_await loop.WriteFileVector(fd, in, 0, token));
  results.push_back(co_await loop.ReadFile(-1, back, 0, token));
  co_return results;
}

}  // namespace

TEST_CASE("EventLoop: sleeping coroutines go on", "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  LoopFixture fixture(engine);
  CHECK(fixture.RunTask([&] { return SleepTwice(fixture.loop()); }) == 2);
}

TEST_CASE("EventLoop: file operations give pread's and pwrite's results", "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  const bool as_user = GENERATE(false, true);
  if (as_user && geteuid() != 0) return;
  CAPTURE(IoEngineName(engine), as_user);
  const TempFile file;
  LoopFixture fixture(engine);
  const TokenRef token = as_user ? Token(12345) : nullptr;
  const std::vector<int64_t> results =
      fixture.RunTask([&] { return WriteReadSync(fixture.loop(), file.fd(), token); });
  CHECK(results == std::vector<int64_t>{100000, 0, 0, 100000, 1, 0, 30, 1, 30, -EBADF});
  CHECK(fixture.Run([&] { return fixture.loop().file_ops_in_flight(); }) == 0);
  CHECK(fixture.Run([] { return CurrentFsUid(); }) == geteuid());
}

namespace {

Task<std::vector<uid_t>> WhoAmI(EventLoop& loop, TokenRef first, TokenRef second) {
  const auto ask = [] { return CurrentFsUid(); };
  std::vector<uid_t> uids;
  uids.push_back(co_await loop.RunBlocking(first, ask));
  uids.push_back(co_await loop.RunBlocking(second, ask));
  uids.push_back(co_await loop.RunBlocking(nullptr, ask));
  uids.push_back(CurrentFsUid());
  co_return uids;
}

Task<std::string> BlockingResults(EventLoop& loop) {
  bool has_run = false;
  auto nothing = [&has_run] { has_run = true; };
  co_await loop.RunBlocking(nullptr, nothing);
  auto text = [has_run] { return std::make_unique<std::string>(has_run ? "ran" : "did not"); };
  const std::unique_ptr<std::string> result = co_await loop.RunBlocking(nullptr, text);
  co_return *result;
}

}  // namespace

TEST_CASE("EventLoop: blocking calls run elsewhere and return results", "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  LoopFixture fixture(engine);
  CHECK(fixture.RunTask([&] { return BlockingResults(fixture.loop()); }) == "ran");
  CHECK(fixture.workers().completed() >= 1);
}

TEST_CASE("EventLoop: blocking calls run as the token's user, one after another", "[unit][net]") {
  if (geteuid() != 0) return;
  const IoEngine engine = GENERATE(from_range(Engines()));
  CAPTURE(IoEngineName(engine));
  LoopFixture fixture(engine, 1);
  const std::vector<uid_t> uids =
      fixture.RunTask([&] { return WhoAmI(fixture.loop(), Token(1001), Token(1002)); });
  CHECK(uids == std::vector<uid_t>{1001, 1002, 0, 0});
}

namespace {

Task<void> SyncThenLog(EventLoop& loop, int fd, EventLog& log) {
  (void)co_await loop.Fsync(fd, EventLoop::SyncKind::kData, nullptr);
  log.Add("synced");
}

}  // namespace

TEST_CASE("EventLoop: a barrier runs after the operations before it", "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  CAPTURE(IoEngineName(engine));
  const TempFile file;
  EventLog log;
  LoopFixture fixture(engine);
  EventLoop& loop = fixture.loop();
  fixture.Run([&] {
    for (int i = 0; i < 8; ++i) Spawn(SyncThenLog(loop, file.fd(), log));
    loop.AfterFileOps([&] { log.Add("barrier"); });
    // A second one, while the first is under way, waits for what was started in between, too.
    Spawn(SyncThenLog(loop, file.fd(), log));
    loop.AfterFileOps([&] { log.Add("barrier2"); });
  });
  REQUIRE(log.WaitFor("barrier2"));
  REQUIRE(log.WaitFor("synced", 9));
  const std::vector<std::string> events = log.all();
  const auto at = [&](const char* event) {
    return std::find(events.begin(), events.end(), event) - events.begin();
  };
  CHECK(at("barrier") < at("barrier2"));
  CHECK(std::count(events.begin(), events.begin() + at("barrier"), "synced") >= 8);
  CHECK(std::count(events.begin(), events.begin() + at("barrier2"), "synced") == 9);
  fixture.Run([&] { loop.AfterFileOps([&] { log.Add("barrier3"); }); });
  CHECK(log.WaitFor("barrier3"));
}

TEST_CASE("WorkerPool: says that it is overloaded above its limit, and recovers", "[unit][net]") {
  struct Item final : WorkItem {
    void Run() override { done->count_down(); }
    std::latch* done = nullptr;
  };
  struct Blocker final : WorkItem {
    void Run() override { release->wait(); }
    std::latch* release = nullptr;
  };
  WorkerPool pool({.thread_count = 1});
  std::latch release(1);
  constexpr size_t kItems = kMaxQueuedWorkItems + 10;
  std::latch done(kItems);
  Blocker blocker;
  blocker.release = &release;
  pool.Submit(&blocker);
  std::vector<Item> items(kItems);
  for (Item& item : items) {
    item.done = &done;
    pool.Submit(&item);
  }
  CHECK(pool.saturated());
  release.count_down();
  done.wait();
  CHECK_FALSE(pool.saturated());
}

}  // namespace continuo::net::test
