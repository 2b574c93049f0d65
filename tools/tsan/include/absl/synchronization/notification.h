// absl::Notification for builds with ThreadSanitizer only; see mutex.h beside it.
#pragma once

#include "absl/synchronization/mutex.h"

namespace absl {
ABSL_NAMESPACE_BEGIN

class CONTINUO_TSAN_HIDDEN Notification {
 public:
  Notification() = default;
  Notification(const Notification&) = delete;
  Notification& operator=(const Notification&) = delete;
  // Who waited may destroy this as soon as it knows: Notify must have left by then.
  ~Notification() { MutexLock lock(&mutex_); }

  bool HasBeenNotified() const {
    MutexLock lock(&mutex_);
    return is_notified_;
  }
  void WaitForNotification() const {
    MutexLock lock(&mutex_);
    mutex_.Await(Condition(&is_notified_));
  }
  bool WaitForNotificationWithTimeout(Duration timeout) const {
    MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(Condition(&is_notified_), timeout);
  }
  void Notify() {
    MutexLock lock(&mutex_);
    is_notified_ = true;
  }

 private:
  mutable Mutex mutex_;
  bool is_notified_ = false;
};

ABSL_NAMESPACE_END
}  // namespace absl
