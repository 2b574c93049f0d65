#include "services/smb-frontend/net/worker_pool.h"

#include <pthread.h>

#include <algorithm>
#include <optional>

#include <absl/strings/str_format.h>

#include "services/smb-frontend/vfs/credentials.h"

namespace continuo::net {

namespace {

constexpr size_t kMinThreads = 4;
constexpr size_t kMaxThreads = 64;

size_t ThreadCount(const WorkerPoolOptions& options) {
  if (options.thread_count != 0) return options.thread_count;
  return std::clamp<size_t>(size_t{2} * std::thread::hardware_concurrency(), kMinThreads,
                            kMaxThreads);
}

// The thread keeps the identity of its last item, so that a run of calls of one user switches once.
void RunAs(WorkItem* item, const TokenRef& token) {
  if (token == nullptr) {
    vfs::DropToProcessIdentity();
    item->Run();
    return;
  }
  const vfs::ScopedCredentials as_user(token, vfs::PosixVeto::kBypassed);
  item->Run();
}

}  // namespace

WorkerPool::WorkerPool(const WorkerPoolOptions& options) {
  const size_t count = ThreadCount(options);
  threads_.reserve(count);
  for (size_t i = 0; i < count; ++i) progress_.push_back(std::make_unique<base::LoopProgress>());
  for (size_t i = 0; i < count; ++i) threads_.emplace_back([this, i] { WorkerMain(i); });
}

void WorkerPool::Stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  work_or_stop_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void WorkerPool::Submit(WorkItem* item) {
  item->next_ = nullptr;
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (tail_ == nullptr) {
      head_ = item;
    } else {
      tail_->next_ = item;
    }
    tail_ = item;
    const size_t queued = queued_.load(std::memory_order_relaxed) + 1;
    queued_.store(queued, std::memory_order_relaxed);
    if (queued > kMaxQueuedWorkItems) saturated_.store(true, std::memory_order_relaxed);
    wake = idle_threads_ > 0;
  }
  if (wake) work_or_stop_.notify_one();
}

void WorkerPool::Nudge() {
  // Under the mutex: a thread that is about to wait does wait by then.
  const std::lock_guard lock(mutex_);
  work_or_stop_.notify_all();
}

WorkItem* WorkerPool::Take(base::LoopProgress& progress) {
  std::unique_lock lock(mutex_);
  progress.LeaveOutside();
  while (head_ == nullptr) {
    if (is_stopping_) return nullptr;
    ++idle_threads_;
    work_or_stop_.wait(lock);
    --idle_threads_;
    progress.Beat();
  }
  WorkItem* const item = head_;
  head_ = item->next_;
  if (head_ == nullptr) tail_ = nullptr;
  const size_t queued = queued_.load(std::memory_order_relaxed) - 1;
  queued_.store(queued, std::memory_order_relaxed);
  if (queued < kResumeQueuedWorkItems) saturated_.store(false, std::memory_order_relaxed);
  progress.EnterOutside();  // An item may wait for a disk.
  return item;
}

void WorkerPool::WorkerMain(size_t index) {
  pthread_setname_np(pthread_self(), absl::StrFormat("smb-io-%d", index).c_str());
  while (WorkItem* const item = Take(*progress_[index])) {
    // The item may be gone when Run returns: its coroutine goes on elsewhere.
    const TokenRef token = item->token;
    RunAs(item, token);
    completed_.fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace continuo::net
