// absl::Mutex for builds with ThreadSanitizer only; see tools/tsan/README.md.
//
// Debian's Abseil is not built with TSan, which therefore does not see that its Mutex orders anything
// and reports a race for everything that is guarded by one. This one has the same interface, as far as
// Continuo uses it, and stands on std::mutex, which TSan knows. What it does not offer does not
// compile.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <chrono>
#include <mutex>

#include "absl/base/config.h"
#include "absl/base/thread_annotations.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace absl {

ABSL_NAMESPACE_BEGIN

// Hidden: the libraries of Abseil, whose headers name these classes too, go on using the functions
// that they were built with.
#define CONTINUO_TSAN_HIDDEN __attribute__((visibility("hidden")))

// The object or function outlives the wait.
class CONTINUO_TSAN_HIDDEN Condition {
 public:
  explicit Condition(const bool* flag)
      : function_([](const void* flag_address) { return *static_cast<const bool*>(flag_address); }),
        argument_(flag) {}
  template <typename Callable>
  explicit Condition(const Callable* callable)
      : function_([](const void* object) { return (*static_cast<const Callable*>(object))(); }),
        argument_(callable) {}

  bool Eval() const { return function_(argument_); }

 private:
  bool (*function_)(const void*);
  const void* argument_;
};

namespace continuo_tsan {
constexpr Duration kWaitStep = Hours(1);  // A longer wait is cut into steps.
}  // namespace continuo_tsan

class ABSL_LOCKABLE CONTINUO_TSAN_HIDDEN Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    if (condition_count_ > 0) changed_.notify_all();
    mutex_.unlock();
  }
  void AssertHeld() const ABSL_ASSERT_EXCLUSIVE_LOCK() {}

  void Await(const Condition& condition) { AwaitWithDeadline(condition, InfiniteFuture()); }
  bool AwaitWithTimeout(const Condition& condition, Duration timeout) {
    return AwaitWithDeadline(condition, Now() + timeout);
  }
  // Requires: held. Another thread's Unlock is what may make the condition true.
  bool AwaitWithDeadline(const Condition& condition, Time deadline) {
    std::unique_lock<std::mutex> lock(mutex_, std::adopt_lock);
    ++condition_count_;
    changed_.notify_all();  // What this thread changed may be what another waits for.
    while (!condition.Eval() && Now() < deadline) {
      changed_.wait_for(lock, ToChronoNanoseconds(std::min(deadline - Now(), continuo_tsan::kWaitStep)));
    }
    --condition_count_;
    lock.release();
    return condition.Eval();
  }

 private:
  friend class CondVar;
  std::mutex mutex_;
  std::condition_variable changed_;
  int condition_count_ = 0;  // Threads in AwaitWithDeadline; guarded by mutex_.
};

class ABSL_SCOPED_LOCKABLE CONTINUO_TSAN_HIDDEN MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_->Lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_->Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex* const mutex_;
};

class CONTINUO_TSAN_HIDDEN CondVar {
 public:
  CondVar() = default;
  CondVar(const CondVar&) = delete;
  CondVar& operator=(const CondVar&) = delete;

  void Wait(Mutex* mutex) {
    std::unique_lock<std::mutex> lock = Adopt(mutex);
    condition_.wait(lock);
    lock.release();
  }
  bool WaitWithTimeout(Mutex* mutex, Duration timeout) {
    return WaitWithDeadline(mutex, Now() + timeout);
  }
  // True when the deadline has passed.
  bool WaitWithDeadline(Mutex* mutex, Time deadline) {
    std::unique_lock<std::mutex> lock = Adopt(mutex);
    const Duration left = std::min(deadline - Now(), continuo_tsan::kWaitStep);
    condition_.wait_for(lock, ToChronoNanoseconds(std::max(left, ZeroDuration())));
    lock.release();
    return Now() >= deadline;
  }
  void Signal() { condition_.notify_one(); }
  void SignalAll() { condition_.notify_all(); }

 private:
  // Waiting lets the mutex go: who awaits a condition of it must look.
  static std::unique_lock<std::mutex> Adopt(Mutex* mutex) {
    if (mutex->condition_count_ > 0) mutex->changed_.notify_all();
    return std::unique_lock<std::mutex>(mutex->mutex_, std::adopt_lock);
  }
  std::condition_variable condition_;
};

ABSL_NAMESPACE_END
}  // namespace absl
