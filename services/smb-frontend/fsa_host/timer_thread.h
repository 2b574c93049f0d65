// Delayed callbacks on a thread of their own: the break timers of FsaHost.
//
// Threading: Schedule and Cancel from any thread; callbacks run on the timer's thread, one after
// the other, and should hand long work on. The destructor drops what is left and joins.
#pragma once

#include <functional>
#include <map>
#include <thread>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_map.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include "services/smb-frontend/fsa_host/fsa_host.h"

namespace continuo::frontend {

class TimerThread : public FsaTimer {
 public:
  TimerThread();
  ~TimerThread() override;

  uint64_t Schedule(absl::Duration delay, std::function<void()> callback) override;
  void Cancel(uint64_t timer) override;

 private:
  using Slot = std::pair<absl::Time, uint64_t>;

  void Run();

  absl::Mutex mutex_;
  absl::CondVar changed_;
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t last_timer_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<Slot, std::function<void()>> due_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint64_t, absl::Time> times_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace continuo::frontend
