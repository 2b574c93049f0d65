// A few threads for what may wait: GSSAPI, NSS, files. gRPC's own threads never wait.
//
// Threading: Post from any thread. Stop waits for the tasks that run; waiting ones are run too.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include "common/base/loop_progress.h"

namespace continuo::auth {

class WorkerPool {
 public:
  static constexpr size_t kQueueMax = 4'096;

  // Threads are named `name`-0 and so on.
  WorkerPool(std::string name, int thread_count);
  ~WorkerPool() { Stop(); }

  // False when the queue is full or the pool stops: answer "cannot now".
  [[nodiscard]] bool Post(std::function<void()> task);
  void Stop();

  // Makes each thread that waits for a task come round.
  void Nudge();
  size_t thread_count() const { return threads_.size(); }
  // Of the task that has been at it longest; zero when none runs.
  absl::Duration LongestTask() const;
  const base::LoopProgress& progress(size_t index) const { return *progress_[index]; }

 private:
  void Run(size_t index);

  const std::string name_;
  mutable absl::Mutex mutex_;
  absl::CondVar task_or_nudge_;
  std::vector<std::unique_ptr<base::LoopProgress>> progress_;  // Fixed before the threads start.
  std::vector<absl::Time> begun_ ABSL_GUARDED_BY(mutex_);  // InfiniteFuture: waits for a task.
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace continuo::auth
