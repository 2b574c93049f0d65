// Awaiting a callback API from a coroutine.
//
//   auto start = [&](CompletionOf<Grant> done) { fsa.OpenFile(plan, std::move(done)); };
//   Grant grant = co_await AwaitCallback<Grant>(loop, start);
//
// The callback may run before `start` returns or later, on any thread; the coroutine always goes on
// on `loop`. It must run exactly once: a coroutine whose callback is dropped waits for ever.
#pragma once

#include <atomic>
#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "common/base/check.h"
#include "services/smb-frontend/net/event_loop.h"

namespace continuo::net {

namespace internal {

// Who arrives second, the awaiting side or the callback, resumes the coroutine.
enum class CallbackPhase : uint8_t { kStarting, kSuspended, kCompleted };

template <typename T>
struct CallbackState {
  explicit CallbackState(EventLoop& owner) : loop(owner) {}

  void Complete(T result) {
    value.emplace(std::move(result));
    const CallbackPhase before =
        phase.exchange(CallbackPhase::kCompleted, std::memory_order_acq_rel);
    CONTINUO_CHECK(before != CallbackPhase::kCompleted);
    if (before == CallbackPhase::kSuspended) loop.PostResume(awaiting);
  }

  EventLoop& loop;
  std::atomic<CallbackPhase> phase{CallbackPhase::kStarting};
  std::coroutine_handle<> awaiting;
  std::optional<T> value;
};

}  // namespace internal

// Copyable, callable once from any thread; converts to std::function<void(T)>.
template <typename T>
class CompletionOf {
 public:
  explicit CompletionOf(std::shared_ptr<internal::CallbackState<T>> state)
      : state_(std::move(state)) {}
  void operator()(T result) const { state_->Complete(std::move(result)); }

 private:
  std::shared_ptr<internal::CallbackState<T>> state_;
};

template <typename T, typename Start>
class [[nodiscard]] CallbackAwaiter {
 public:
  CallbackAwaiter(EventLoop& loop, Start& start)
      : state_(std::make_shared<internal::CallbackState<T>>(loop)), start_(start) {}

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> awaiting) {
    // A local copy: once another thread has resumed the coroutine, this awaiter is gone.
    const std::shared_ptr<internal::CallbackState<T>> state = state_;
    state->loop.AddOutsideWait();
    state->awaiting = awaiting;
    start_(CompletionOf<T>(state));
    return state->phase.exchange(internal::CallbackPhase::kSuspended, std::memory_order_acq_rel) !=
           internal::CallbackPhase::kCompleted;
  }
  T await_resume() {
    state_->loop.RemoveOutsideWait();
    return std::move(*state_->value);
  }

 private:
  std::shared_ptr<internal::CallbackState<T>> state_;
  Start& start_;
};

// Calls `start(CompletionOf<T>)` on the current thread and waits for its completion. `start` is
// borrowed for the whole co_await: name it in a local variable first.
// Requires: called on `loop`'s thread.
template <typename T, typename Start>
CallbackAwaiter<T, Start> AwaitCallback(EventLoop& loop, Start& start) {
  return CallbackAwaiter<T, Start>(loop, start);
}
template <typename T, typename Start>
CallbackAwaiter<T, const Start> AwaitCallback(EventLoop& loop, const Start& start) {
  return CallbackAwaiter<T, const Start>(loop, start);
}

}  // namespace continuo::net
