#include "services/smb-frontend/fsa_host/timer_thread.h"

#include <pthread.h>

#include <absl/time/clock.h>

namespace continuo::frontend {

TimerThread::TimerThread() : thread_([this] { Run(); }) {}

TimerThread::~TimerThread() {
  {
    absl::MutexLock lock(&mutex_);
    is_stopping_ = true;
    changed_.Signal();
  }
  thread_.join();
}

uint64_t TimerThread::Schedule(absl::Duration delay, std::function<void()> callback) {
  const absl::Time when = absl::Now() + delay;
  absl::MutexLock lock(&mutex_);
  const uint64_t timer = ++last_timer_;
  const auto it = due_.emplace(Slot(when, timer), std::move(callback)).first;
  times_[timer] = when;
  if (it == due_.begin()) changed_.Signal();
  return timer;
}

void TimerThread::Cancel(uint64_t timer) {
  absl::MutexLock lock(&mutex_);
  const auto it = times_.find(timer);
  if (it == times_.end()) return;
  due_.erase(Slot(it->second, timer));
  times_.erase(it);
}

void TimerThread::Run() {
  pthread_setname_np(pthread_self(), "smb-timer");
  mutex_.Lock();
  while (!is_stopping_) {
    if (due_.empty()) {
      changed_.Wait(&mutex_);
      continue;
    }
    const auto first = due_.begin();
    if (first->first.first > absl::Now()) {
      changed_.WaitWithDeadline(&mutex_, first->first.first);
      continue;
    }
    const std::function<void()> callback = std::move(first->second);
    times_.erase(first->first.second);
    due_.erase(first);
    mutex_.Unlock();
    callback();
    mutex_.Lock();
  }
  mutex_.Unlock();
}

}  // namespace continuo::frontend
