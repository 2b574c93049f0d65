// Tells whether a daemon's own loops advance.
//
//   rpc::LoopHeartbeat* heartbeat = monitor.Register("net.loop0", [this] { WakeUp(); });
//   while (running) { WaitForEvents(); ...; heartbeat->Beat(); }
//   monitor.Unregister(heartbeat);
//
// A health check nudges every loop and waits until each has beaten since: so an idle loop needs no
// timer, a slow machine costs only time, and the one limit that counts is the caller's deadline. The
// nudge runs on a health thread, must not block (write an eventfd, push a task) and makes the loop
// come round once, soon. A loop without a nudge must come round by itself at least every 20 ms.
//
// What waits for a disk, a KDC, a peer or any other outside thing is degraded, never dead (design.md
// 2): it must not be registered, or with a LoopProgress that says when it is outside:
//
//   monitor.Register("io.worker0", [this] { pool_.Nudge(); }, &pool_.progress(0));
//
// Threading: Beat is wait-free and belongs to the loop; everything else may be called from any
// thread. A nudge is never running after Unregister returned.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include "common/base/loop_progress.h"

namespace continuo::rpc {

class LoopHeartbeat {
 public:
  void Beat() { own_.Beat(); }
  uint64_t beats() const { return progress_->beats(); }
  bool is_outside() const { return progress_->is_outside(); }
  const std::string& name() const { return name_; }

 private:
  friend class LoopMonitor;
  std::string name_;
  std::function<void()> nudge_;
  base::LoopProgress own_;
  const base::LoopProgress* progress_ = &own_;
};

class LoopMonitor {
 public:
  // The loop beats through what this returns, or through `progress`, which then outlives the
  // registration. The threads of a pool may share the nudge of the first.
  LoopHeartbeat* Register(std::string name, std::function<void()> nudge = nullptr,
                          const base::LoopProgress* progress = nullptr);
  void Unregister(LoopHeartbeat* heartbeat);

  // One question to all loops. Loops that unregister meanwhile count as having answered.
  class Probe {
   public:
    // Names of loops that have not come round since the probe began; empty: all advance.
    std::vector<std::string> Pending() const;

   private:
    friend class LoopMonitor;
    LoopMonitor* monitor_ = nullptr;
    std::vector<std::pair<LoopHeartbeat*, uint64_t>> waiting_;
  };
  Probe StartProbe();  // Nudges every loop.

  struct LoopBeats {
    std::string name;
    uint64_t beats = 0;
  };
  std::vector<LoopBeats> Loops() const;

 private:
  mutable absl::Mutex mutex_;
  std::vector<std::unique_ptr<LoopHeartbeat>> loops_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace continuo::rpc
