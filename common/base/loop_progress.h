// What a thread tells of its own turns, so that a health check can see that it advances.
//
//   progress.LeaveOutside();
//   while (!WaitForTask(&task)) progress.Beat();   // Woken: came round.
//   progress.EnterOutside();
//   task();
//
// A thread that is outside may wait for a disk, a KDC or a peer: that is degraded, never dead
// (design.md 2), and it counts as advancing.
//
// Threading: wait-free; Beat, EnterOutside and LeaveOutside belong to the thread, the others to all.
#pragma once

#include <atomic>
#include <cstdint>

namespace continuo::base {

class LoopProgress {
 public:
  void Beat() { beats_.fetch_add(1, std::memory_order_release); }
  void EnterOutside() { is_outside_.store(true, std::memory_order_release); }
  void LeaveOutside() {
    Beat();
    is_outside_.store(false, std::memory_order_release);
  }

  uint64_t beats() const { return beats_.load(std::memory_order_acquire); }
  bool is_outside() const { return is_outside_.load(std::memory_order_acquire); }

 private:
  alignas(64) std::atomic<uint64_t> beats_{0};
  std::atomic<bool> is_outside_{false};
};

}  // namespace continuo::base
