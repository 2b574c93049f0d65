// Which of a client's requests on one open were sent before it lost a channel: those may be on their way
// still, and must not change anything after what it sent later.
//
// | request's ChannelSequence | without replay flag          | with replay flag                         |
// | as the open's             | counted as current           | counted, unless earlier ones are under way |
// | newer                     | the others become earlier ones; then as above                          |
// | older                     | too late                     | too late                                 |
//
// Too late means FILE_NOT_AVAILABLE for WRITE, SET_INFO and IOCTL; other requests are served.
//
// Source:    [MS-SMB2] 3.3.5.2.10, 3.3.4.1.
// Threading: any thread.
#pragma once

#include <cstdint>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

namespace continuo::open {

class ChannelSequence {
 public:
  enum class Verdict : uint8_t { kCounted, kTooLate };

  explicit ChannelSequence(uint16_t current) : current_(current) {}

  // The client is back on a new channel.
  void Advance(uint16_t sequence) {
    absl::MutexLock lock(&mutex_);
    (void)IsCurrent(sequence);
  }

  // A request arrives. One that is counted is told of by End when it has been answered.
  Verdict Begin(uint16_t sequence, bool is_replay) {
    absl::MutexLock lock(&mutex_);
    if (!IsCurrent(sequence)) return Verdict::kTooLate;
    if (is_replay && earlier_ != 0) return Verdict::kTooLate;
    ++under_way_;
    return Verdict::kCounted;
  }

  void End(uint16_t sequence) {
    absl::MutexLock lock(&mutex_);
    uint64_t& count = sequence == current_ ? under_way_ : earlier_;
    if (count != 0) --count;
  }

 private:
  // After it has become so, if it is newer.
  bool IsCurrent(uint16_t sequence) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    constexpr uint16_t kNewerAtMost = 0x7FFF;
    const auto distance = static_cast<uint16_t>(sequence - current_);
    if (distance > kNewerAtMost) return false;
    if (distance != 0) {
      earlier_ += under_way_;
      under_way_ = 0;
      current_ = sequence;
    }
    return true;
  }

  absl::Mutex mutex_;
  uint16_t current_ ABSL_GUARDED_BY(mutex_);
  uint64_t under_way_ ABSL_GUARDED_BY(mutex_) = 0;  // Of the current channel sequence.
  uint64_t earlier_ ABSL_GUARDED_BY(mutex_) = 0;    // Of earlier ones.
};

}  // namespace continuo::open
