#include "common/rpc/loop_monitor.h"

#include <algorithm>
#include <utility>

namespace continuo::rpc {

LoopHeartbeat* LoopMonitor::Register(std::string name, std::function<void()> nudge,
                                     const base::LoopProgress* progress) {
  auto heartbeat = std::make_unique<LoopHeartbeat>();
  heartbeat->name_ = std::move(name);
  heartbeat->nudge_ = std::move(nudge);
  if (progress != nullptr) heartbeat->progress_ = progress;
  LoopHeartbeat* const handle = heartbeat.get();
  absl::MutexLock lock(&mutex_);
  loops_.push_back(std::move(heartbeat));
  return handle;
}

void LoopMonitor::Unregister(LoopHeartbeat* heartbeat) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(loops_, [heartbeat](const auto& loop) { return loop.get() == heartbeat; });
}

LoopMonitor::Probe LoopMonitor::StartProbe() {
  Probe probe;
  probe.monitor_ = this;
  // The mutex is held across the nudges on purpose: Unregister promises that none is running.
  absl::MutexLock lock(&mutex_);
  for (const auto& loop : loops_) probe.waiting_.emplace_back(loop.get(), loop->beats());
  for (const auto& loop : loops_) {
    if (loop->nudge_) loop->nudge_();
  }
  return probe;
}

std::vector<std::string> LoopMonitor::Probe::Pending() const {
  std::vector<std::string> pending;
  if (monitor_ == nullptr) return pending;
  absl::MutexLock lock(&monitor_->mutex_);
  for (const auto& [heartbeat, beats_before] : waiting_) {
    const bool is_registered =
        std::any_of(monitor_->loops_.begin(), monitor_->loops_.end(),
                    [handle = heartbeat](const auto& loop) { return loop.get() == handle; });
    if (!is_registered || heartbeat->is_outside()) continue;
    if (heartbeat->beats() == beats_before) pending.push_back(heartbeat->name());
  }
  return pending;
}

std::vector<LoopMonitor::LoopBeats> LoopMonitor::Loops() const {
  std::vector<LoopBeats> loops;
  absl::MutexLock lock(&mutex_);
  for (const auto& loop : loops_) loops.push_back({loop->name(), loop->beats()});
  return loops;
}

}  // namespace continuo::rpc
