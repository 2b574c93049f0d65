#include "services/smb-frontend/net/timer_queue.h"

#include <algorithm>
#include <utility>

namespace continuo::net {

TimerId TimerQueue::Add(MonotonicTime due, absl::AnyInvocable<void()> fn) {
  const uint64_t id = ++last_id_;
  functions_.emplace(id, std::move(fn));
  heap_.push_back({due, id});
  std::push_heap(heap_.begin(), heap_.end(), IsLater);
  return TimerId(id);
}

bool TimerQueue::Cancel(TimerId id) {
  if (functions_.erase(id.value()) == 0) return false;
  // Entries of cancelled timers go when they come to the top. Many that never do (long deadlines,
  // cancelled early) are swept at once when they are the majority.
  constexpr size_t kSweepAbove = 64;
  if (heap_.size() > kSweepAbove && heap_.size() > 2 * functions_.size()) {
    std::erase_if(heap_, [this](const Entry& entry) { return !functions_.contains(entry.id); });
    std::make_heap(heap_.begin(), heap_.end(), IsLater);
  }
  return true;
}

void TimerQueue::DropCancelled() {
  while (!heap_.empty() && !functions_.contains(heap_.front().id)) {
    std::pop_heap(heap_.begin(), heap_.end(), IsLater);
    heap_.pop_back();
  }
}

std::optional<MonotonicTime> TimerQueue::NextDue() {
  DropCancelled();
  if (heap_.empty()) return std::nullopt;
  return heap_.front().due;
}

void TimerQueue::RunDue(MonotonicTime now) {
  const uint64_t last_id_before = last_id_;
  std::vector<Entry> added_meanwhile;
  for (DropCancelled(); !heap_.empty() && heap_.front().due <= now; DropCancelled()) {
    const Entry entry = heap_.front();
    std::pop_heap(heap_.begin(), heap_.end(), IsLater);
    heap_.pop_back();
    if (entry.id > last_id_before) {
      added_meanwhile.push_back(entry);
      continue;
    }
    const auto found = functions_.find(entry.id);
    absl::AnyInvocable<void()> fn = std::move(found->second);
    functions_.erase(found);
    fn();
  }
  for (const Entry& entry : added_meanwhile) {
    heap_.push_back(entry);
    std::push_heap(heap_.begin(), heap_.end(), IsLater);
  }
}

}  // namespace continuo::net
