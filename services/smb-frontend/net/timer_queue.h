// Timers of one loop: a binary heap with lazy cancellation. Pure; the loop brings the time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include <absl/functional/any_invocable.h>

#include "common/base/strong_id.h"

namespace continuo::net {

// Nanoseconds of CLOCK_MONOTONIC.
using MonotonicTime = int64_t;

// Zero is never a timer's id.
using TimerId = base::StrongId<struct TimerIdTag>;

class TimerQueue {
 public:
  TimerId Add(MonotonicTime due, absl::AnyInvocable<void()> fn);
  bool Cancel(TimerId id);
  // Time of the earliest timer.
  std::optional<MonotonicTime> NextDue();
  // Runs the timers that are due at `now`, earliest first; those added meanwhile wait for the next
  // call. Timers may add and cancel timers.
  void RunDue(MonotonicTime now);
  size_t size() const { return functions_.size(); }

 private:
  struct Entry {
    MonotonicTime due;
    uint64_t id;
  };
  static bool IsLater(const Entry& a, const Entry& b) {
    return a.due != b.due ? a.due > b.due : a.id > b.id;
  }
  void DropCancelled();

  std::vector<Entry> heap_;
  std::unordered_map<uint64_t, absl::AnyInvocable<void()>> functions_;
  uint64_t last_id_ = 0;
};

}  // namespace continuo::net
