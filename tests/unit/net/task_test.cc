// Tasks are lazy, pass results up, and run on the loop that awaited, whoever completes them.
#include "services/smb-frontend/net/task.h"

#include "services/smb-frontend/net/await_callback.h"
#include "tests/unit/net/net_test_support.h"

namespace continuo::net::test {

namespace {

Task<int> Value(int value, int& runs) {
  ++runs;
  co_return value;
}

Task<int> Sum(int depth, int& runs) {
  if (depth == 0) co_return 0;
  const int below = co_await Sum(depth - 1, runs);
  const int own = co_await Value(1, runs);
  co_return below + own;
}

Task<void> Store(int& out, int& runs) { out = co_await Sum(10, runs); }

Task<std::unique_ptr<int>> MoveOnly() { co_return std::make_unique<int>(5); }

Task<void> StoreMoveOnly(int& out) {
  const std::unique_ptr<int> value = co_await MoveOnly();
  out = *value;
}

}  // namespace

TEST_CASE("Task: does nothing before it is awaited", "[unit][net]") {
  int runs = 0;
  { const Task<int> never_awaited = Value(1, runs); }
  CHECK(runs == 0);
}

TEST_CASE("Task: results pass up a chain of tasks", "[unit][net]") {
  int runs = 0;
  int out = 0;
  Spawn(Store(out, runs));
  CHECK(out == 10);
  CHECK(runs == 10);
  Spawn(StoreMoveOnly(out));
  CHECK(out == 5);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && defined(__OPTIMIZE__)
namespace {

// Deep chains must not eat the stack: resumption is by symmetric transfer.
Task<int> ManyInARow(int count, int& runs) {
  int sum = 0;
  for (int i = 0; i < count; ++i) sum += co_await Value(1, runs);
  co_return sum;
}

Task<void> StoreMany(int& out, int& runs) { out = co_await ManyInARow(100000, runs); }

}  // namespace

TEST_CASE("Task: a long run of awaits keeps the stack flat", "[unit][net]") {
  int runs = 0;
  int out = 0;
  Spawn(StoreMany(out, runs));
  CHECK(out == 100000);
}
#endif

namespace {

Task<int> AwaitInline(EventLoop& loop) {
  const auto start = [](CompletionOf<int> done) { done(7); };
  co_return co_await AwaitCallback<int>(loop, start);
}

struct Outcome {
  int value = 0;
  bool is_on_loop = false;
};

Task<Outcome> AwaitFromThread(EventLoop& loop, std::vector<std::thread>& threads) {
  const auto start = [&threads](std::function<void(int)> done) {
    threads.emplace_back([done] { done(42); });
  };
  Outcome outcome;
  outcome.value = co_await AwaitCallback<int>(loop, start);
  outcome.is_on_loop = loop.InLoopThread();
  co_return outcome;
}

Task<Outcome> AwaitLaterOnLoop(EventLoop& loop) {
  const auto start = [&loop](CompletionOf<int> done) {
    loop.RunAfter(absl::Milliseconds(1), [done] { done(3); });
  };
  Outcome outcome;
  outcome.value = co_await AwaitCallback<int>(loop, start);
  outcome.is_on_loop = loop.InLoopThread();
  co_return outcome;
}

}  // namespace

TEST_CASE("AwaitCallback: completes inline, later on the loop, and from another thread",
          "[unit][net]") {
  const IoEngine engine = GENERATE(from_range(Engines()));
  CAPTURE(IoEngineName(engine));
  LoopFixture fixture(engine);
  EventLoop& loop = fixture.loop();
  CHECK(fixture.RunTask([&] { return AwaitInline(loop); }) == 7);
  const Outcome later = fixture.RunTask([&] { return AwaitLaterOnLoop(loop); });
  CHECK(later.value == 3);
  CHECK(later.is_on_loop);
  for (int i = 0; i < 100; ++i) {
    std::vector<std::thread> threads;
    const Outcome outcome = fixture.RunTask([&] { return AwaitFromThread(loop, threads); });
    CHECK(outcome.value == 42);
    CHECK(outcome.is_on_loop);
    for (std::thread& thread : threads) thread.join();
  }
}

}  // namespace continuo::net::test
