#include "services/smb-frontend/net/event_loop.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <absl/strings/str_format.h>

#include "common/base/check.h"

namespace continuo::net {

namespace {

thread_local EventLoop* current_loop = nullptr;

// Once a second.
constexpr uint32_t kTicksPerTrim = 1000 / kHeartbeatIntervalMs;
constexpr absl::Duration kQuiescenceCheck = absl::Milliseconds(1);
// Rounds of end-of-turn hooks that queue each other before the loop looks at its sockets again.
constexpr int kMaxEndOfTurnRounds = 4;

MonotonicTime ReadMonotonicClock() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * MonotonicTime{1'000'000'000} + now.tv_nsec;
}

}  // namespace

std::optional<IoEngine> ParseIoEngine(std::string_view text) {
  if (text == "auto") return IoEngine::kAuto;
  if (text == "io_uring") return IoEngine::kIoUring;
  if (text == "epoll") return IoEngine::kEpoll;
  return std::nullopt;
}

std::string_view IoEngineName(IoEngine engine) {
  switch (engine) {
    case IoEngine::kAuto:
      return "auto";
    case IoEngine::kIoUring:
      return "io_uring";
    case IoEngine::kEpoll:
      return "epoll";
  }
  return "unknown";
}

EventLoop::EventLoop(const EventLoopOptions& options) : options_(options) {
  CONTINUO_CHECK(options_.workers != nullptr);
  // Blocking: io_uring completes a read of it only when there is something to read.
  wake_fd_ = eventfd(0, EFD_CLOEXEC);
  CONTINUO_CHECK(wake_fd_ >= 0);
}

EventLoop::~EventLoop() {
  CONTINUO_CHECK(!thread_.joinable());
  close(wake_fd_);
}

EventLoop* EventLoop::Current() { return current_loop; }

void EventLoop::Start() {
  CONTINUO_CHECK(!thread_.joinable());
  thread_ = std::thread([this] { ThreadMain(); });
}

void EventLoop::Stop() {
  if (!thread_.joinable()) return;
  CONTINUO_CHECK(!InLoopThread());
  Post([this] { is_stopping_ = true; });
  thread_.join();
}

void EventLoop::Post(LoopFunction fn) {
  if (InLoopThread()) {
    posted_locally_.push_back(std::move(fn));
    return;
  }
  // All under the lock: once the loop can take `fn`, this thread must not touch the loop any more,
  // since `fn` may be what lets its owner destroy it.
  const std::lock_guard lock(mutex_);
  posted_.push_back(std::move(fn));
  // Either the loop sees has_posted_ before it sleeps, or we see that it may be asleep.
  has_posted_.store(true, std::memory_order_seq_cst);
  if (is_waiting_.exchange(false, std::memory_order_seq_cst)) Wake();
}

void EventLoop::PostResume(std::coroutine_handle<> awaiting) {
  Post([awaiting] { awaiting.resume(); });
}

void EventLoop::Wake() {
  const uint64_t one = 1;
  while (write(wake_fd_, &one, sizeof(one)) < 0 && errno == EINTR) {
  }
}

void EventLoop::WhenQuiescent(LoopFunction fn) {
  if (outside_waits_ == 0 && file_ops_in_flight() == 0) return Post(std::move(fn));
  RunAfter(kQuiescenceCheck,
           [this, fn = std::move(fn)]() mutable { WhenQuiescent(std::move(fn)); });
}

TimerId EventLoop::RunAfter(absl::Duration delay, LoopFunction fn) {
  CONTINUO_CHECK(InLoopThread());
  const int64_t delay_ns = std::max<int64_t>(0, absl::ToInt64Nanoseconds(delay));
  const MonotonicTime now = ReadMonotonicClock();
  const MonotonicTime due = delay_ns > INT64_MAX - now ? INT64_MAX : now + delay_ns;
  return timers_.Add(due, std::move(fn));
}

bool EventLoop::CancelTimer(TimerId id) { return timers_.Cancel(id); }

void EventLoop::ThreadMain() {
  current_loop = this;
  pthread_setname_np(pthread_self(), absl::StrFormat("smb-loop-%u", options_.index).c_str());
  buffers_.Install();
  now_ = ReadMonotonicClock();
  OnThreadStart();
  Tick();
  while (!is_stopping_) {
    turns_.fetch_add(1, std::memory_order_relaxed);
    RunPosted();
    timers_.RunDue(now_);
    RunEndOfTurn();
    WaitAndDispatch(TimeUntilWork());
    is_waiting_.store(false, std::memory_order_relaxed);
    now_ = ReadMonotonicClock();
  }
  OnThreadStop();
  buffers_.Uninstall();
  current_loop = nullptr;
}

void EventLoop::Tick() {
  if (++ticks_since_trim_ >= kTicksPerTrim) {
    ticks_since_trim_ = 0;
    buffers_.TrimIdle();
  }
  RunAfter(kHeartbeatInterval, [this] { Tick(); });
}

absl::Duration EventLoop::TimeUntilWork() {
  if (!posted_locally_.empty() || !end_of_turn_.empty() || is_stopping_)
    return absl::ZeroDuration();
  is_waiting_.store(true, std::memory_order_seq_cst);
  if (has_posted_.load(std::memory_order_seq_cst)) return absl::ZeroDuration();
  const std::optional<MonotonicTime> due = timers_.NextDue();
  if (!due) return kHeartbeatInterval;
  return absl::Nanoseconds(std::max<MonotonicTime>(0, *due - ReadMonotonicClock()));
}

void EventLoop::RunPosted() {
  const auto run = [](std::vector<LoopFunction>& functions) {
    for (LoopFunction& fn : functions) {
      // Moved out first: what it captured goes when it has run, not at the end of the batch.
      LoopFunction current = std::move(fn);
      current();
    }
    functions.clear();
  };
  if (has_posted_.load(std::memory_order_acquire)) {
    {
      const std::lock_guard lock(mutex_);
      has_posted_.store(false, std::memory_order_relaxed);
      running_.swap(posted_);
    }
    run(running_);
  }
  if (!posted_locally_.empty()) {
    running_.swap(posted_locally_);
    run(running_);
  }
}

void EventLoop::AtEndOfTurn(EndOfTurnHook* hook) {
  if (hook->is_queued_) return;
  hook->is_queued_ = true;
  end_of_turn_.push_back(hook);
}

void EventLoop::ForgetEndOfTurn(EndOfTurnHook* hook) {
  if (!hook->is_queued_) return;
  hook->is_queued_ = false;
  std::replace(end_of_turn_.begin(), end_of_turn_.end(), hook,
               static_cast<EndOfTurnHook*>(nullptr));
  std::replace(hooks_running_.begin(), hooks_running_.end(), hook,
               static_cast<EndOfTurnHook*>(nullptr));
}

void EventLoop::RunEndOfTurn() {
  for (int round = 0; round < kMaxEndOfTurnRounds && !end_of_turn_.empty(); ++round) {
    hooks_running_.swap(end_of_turn_);
    for (size_t i = 0; i < hooks_running_.size(); ++i) {
      EndOfTurnHook* const hook = hooks_running_[i];
      if (hook == nullptr) continue;
      hook->is_queued_ = false;
      hook->OnEndOfTurn();
    }
    hooks_running_.clear();
  }
}

}  // namespace continuo::net
