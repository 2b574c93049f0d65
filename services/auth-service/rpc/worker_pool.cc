#include "services/auth-service/rpc/worker_pool.h"

#include <pthread.h>

#include <algorithm>

#include <absl/strings/str_format.h>
#include <absl/time/clock.h>

namespace continuo::auth {

WorkerPool::WorkerPool(std::string name, int thread_count)
    : name_(std::move(name)),
      begun_(static_cast<size_t>(thread_count), absl::InfiniteFuture()) {
  for (int i = 0; i < thread_count; ++i) {
    progress_.push_back(std::make_unique<base::LoopProgress>());
  }
  for (size_t i = 0; i < progress_.size(); ++i) threads_.emplace_back([this, i] { Run(i); });
}

bool WorkerPool::Post(std::function<void()> task) {
  const absl::MutexLock lock(&mutex_);
  if (is_stopping_ || queue_.size() >= kQueueMax) return false;
  queue_.push_back(std::move(task));
  task_or_nudge_.Signal();
  return true;
}

void WorkerPool::Stop() {
  {
    const absl::MutexLock lock(&mutex_);
    is_stopping_ = true;
    task_or_nudge_.SignalAll();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void WorkerPool::Nudge() {
  const absl::MutexLock lock(&mutex_);
  task_or_nudge_.SignalAll();
}

absl::Duration WorkerPool::LongestTask() const {
  const absl::MutexLock lock(&mutex_);
  const absl::Time first = *std::min_element(begun_.begin(), begun_.end());
  return std::max(absl::Now() - first, absl::ZeroDuration());
}

void WorkerPool::Run(size_t index) {
  pthread_setname_np(pthread_self(), absl::StrFormat("%s-%d", name_, index).c_str());
  base::LoopProgress& progress = *progress_[index];
  while (true) {
    std::function<void()> task;
    {
      const absl::MutexLock lock(&mutex_);
      begun_[index] = absl::InfiniteFuture();
      progress.LeaveOutside();
      while (queue_.empty()) {
        if (is_stopping_) return;
        task_or_nudge_.Wait(&mutex_);
        progress.Beat();
      }
      task = std::move(queue_.front());
      queue_.pop_front();
      begun_[index] = absl::Now();
      progress.EnterOutside();
    }
    task();
  }
}

}  // namespace continuo::auth
