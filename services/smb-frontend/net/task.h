// Coroutines of the frontend.
//
//   Task<int> Answer(EventLoop& loop) {
//     const int64_t size = co_await loop.ReadFile(fd, out, 0, token);
//     co_return size > 0 ? 42 : 0;
//   }
//   Spawn(Serve(loop));        // Detached: runs at once up to its first suspension.
//
// A Task is lazy: nothing runs before it is awaited (or given to Spawn). The awaiting coroutine
// resumes by symmetric transfer when the task ends, on the thread where it ended: a chain of tasks
// of one loop stays on that loop, because everything that leaves it (file I/O, RunBlocking,
// AwaitCallback, Sleep) comes back to it.
//
// Threading: a task belongs to one thread at a time. Errors: an exception that leaves a task is our
// own bug and ends the process.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "common/base/check.h"
#include "services/smb-frontend/net/frame_pool.h"

namespace continuo::net {

template <typename T = void>
class Task;

namespace internal {

struct TaskPromiseBase : PooledFrame {
  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      return ended.promise().continuation;
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }

  std::coroutine_handle<> continuation = std::noop_coroutine();
};

template <typename T>
struct TaskPromise : TaskPromiseBase {
  Task<T> get_return_object() noexcept;
  template <typename U>
  requires std::is_constructible_v<T, U&&>
  void return_value(U&& result) { value.emplace(std::forward<U>(result)); }
  T TakeResult() {
    CONTINUO_CHECK(value.has_value());
    return std::move(*value);
  }

  std::optional<T> value;
};

template <>
struct TaskPromise<void> : TaskPromiseBase {
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void TakeResult() const noexcept {}
};

}  // namespace internal

// Move-only; destroying a task that was never awaited, or that ended, frees its frame. A task that
// is suspended half-way must not be destroyed: whatever it waits for would resume a dead frame.
template <typename T>
class [[nodiscard]] Task {
 public:
  using promise_type = internal::TaskPromise<T>;

  Task() = default;
  explicit Task(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, {})) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      Destroy();
      frame_ = std::exchange(other.frame_, {});
    }
    return *this;
  }
  ~Task() { Destroy(); }

  bool valid() const { return static_cast<bool>(frame_); }

  auto operator co_await() && noexcept {
    struct Awaiter {
      std::coroutine_handle<promise_type> frame;
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) const noexcept {
        frame.promise().continuation = awaiting;
        return frame;
      }
      T await_resume() const { return frame.promise().TakeResult(); }
    };
    return Awaiter{frame_};
  }

 private:
  void Destroy() {
    if (frame_) frame_.destroy();
  }

  std::coroutine_handle<promise_type> frame_;
};

namespace internal {

template <typename T>
Task<T> TaskPromise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<TaskPromise<T>>::from_promise(*this));
}
inline Task<void> TaskPromise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<TaskPromise<void>>::from_promise(*this));
}

// Runs at once and frees itself at its end.
struct Detached {
  struct promise_type : PooledFrame {
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
};

inline Detached RunDetached(Task<void> task) { co_await std::move(task); }

}  // namespace internal

// Starts `task` on the calling thread, up to its first suspension; it ends by itself. What it uses
// must outlive it: its owner counts its running tasks and drains before it destroys.
inline void Spawn(Task<void> task) { internal::RunDetached(std::move(task)); }

}  // namespace continuo::net
