// The frontend's threads for calls that may block: path walks, xattrs, and all file I/O when
// io_uring is not to be had. One pool serves all loops.
//
// Users do not call it: EventLoop::RunBlocking and the file operations do.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "common/base/loop_progress.h"

namespace continuo::vfs {
struct UnixToken;
}

namespace continuo::net {

using TokenRef = std::shared_ptr<const vfs::UnixToken>;

// Above this many queued items connections stop reading new requests (Connection asks
// `saturated()`), which bounds the queue by what was already admitted. Below the low mark they go
// on. Items live in the frames of their coroutines, so the queue itself allocates nothing.
inline constexpr size_t kMaxQueuedWorkItems = 4096;
inline constexpr size_t kResumeQueuedWorkItems = 2048;
static_assert(kResumeQueuedWorkItems < kMaxQueuedWorkItems);

// One call. The submitter keeps it alive until Run() has been entered; Run() may free it.
class WorkItem {
 public:
  WorkItem() = default;
  WorkItem(WorkItem&&) = default;
  WorkItem& operator=(WorkItem&&) = delete;
  virtual ~WorkItem() = default;
  // On a pool thread, under `token`'s credentials when there is one, else the daemon's own.
  virtual void Run() = 0;

  TokenRef token;

 private:
  friend class WorkerPool;
  WorkItem* next_ = nullptr;
};

struct WorkerPoolOptions {
  // 0: twice the cores, at least 4, at most 64.
  uint32_t thread_count = 0;
};

// Threading: every method from any thread; Stop from one. FIFO.
class WorkerPool {
 public:
  explicit WorkerPool(const WorkerPoolOptions& options);
  ~WorkerPool() { Stop(); }
  // Runs what is queued, then ends the threads. Nothing is submitted any more.
  void Stop();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  void Submit(WorkItem* item);
  bool saturated() const { return saturated_.load(std::memory_order_relaxed); }
  size_t queued() const { return queued_.load(std::memory_order_relaxed); }
  uint64_t completed() const { return completed_.load(std::memory_order_relaxed); }
  size_t thread_count() const { return threads_.size(); }

  // Makes each thread that waits for an item come round: for health checks.
  void Nudge();
  const base::LoopProgress& progress(size_t index) const { return *progress_[index]; }

 private:
  void WorkerMain(size_t index);
  WorkItem* Take(base::LoopProgress& progress);

  std::mutex mutex_;
  std::condition_variable work_or_stop_;
  WorkItem* head_ = nullptr;  // Guarded by mutex_, like the next three.
  WorkItem* tail_ = nullptr;
  size_t idle_threads_ = 0;
  bool is_stopping_ = false;
  std::atomic<size_t> queued_{0};
  std::atomic<uint64_t> completed_{0};
  std::atomic<bool> saturated_{false};
  std::vector<std::unique_ptr<base::LoopProgress>> progress_;  // Fixed before the threads start.
  std::vector<std::thread> threads_;
};

}  // namespace continuo::net
