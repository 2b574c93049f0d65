// The write time that one open shows while it writes.
//
// NTFS notes the time of a write late: the first write of an open shows after two seconds, or as soon
// as the client flushes, sets the size or sets basic information; what is written after that shows
// when the open is closed, with the time of the close. Clients see it through this open alone; the
// file itself always has its real time.
//
//   state   | write              | show, later than 2 s | flush, size, basic | close
//   --------|--------------------|----------------------|--------------------|--------------
//   idle    | delayed            | idle                 | idle               | -
//   delayed | delayed            | shown                | shown              | -
//   shown   | held               | shown                | shown              | -
//   held    | held               | held                 | shown              | stamp
//
// Source: [MS-FSA] 2.1.4.17 leaves the moment to the object store; the moments are those of Windows
// Server 2016.
// Threading: none; guarded by the open's mutex.
#pragma once

#include <optional>

#include <absl/time/time.h>

#include "services/smb-frontend/vfs/file_stat.h"

namespace continuo::open {

class DelayedWriteTime {
 public:
  static constexpr absl::Duration kDelay = absl::Seconds(2);

  void OnWrite(absl::Time now) {
    last_write_ = now;
    if (state_ == State::kIdle) {
      state_ = State::kDelayed;
      first_write_ = now;
    } else if (state_ == State::kShown) {
      state_ = State::kHeld;
    }
  }

  // Flush, a new size, basic information: what was written shows.
  void Settle() {
    if (state_ != State::kIdle) state_ = State::kShown;
  }

  // The client set the time itself: nothing is shown but the file's own.
  void Reset() {
    state_ = State::kIdle;
    last_shown_.reset();
  }

  // What a client is told when the file's own time is `actual`.
  vfs::FileTime Show(vfs::FileTime actual, absl::Time now) {
    if (state_ == State::kDelayed && now - first_write_ >= kDelay) state_ = State::kShown;
    const bool hides = state_ == State::kDelayed || state_ == State::kHeld;
    if (!hides || !last_shown_) last_shown_ = actual;
    return *last_shown_;
  }

  bool is_delayed() const { return state_ == State::kDelayed; }
  std::optional<vfs::FileTime> last_shown() const { return last_shown_; }
  // At the close: the file's time becomes the close's, unless somebody else set it after the last
  // write (`actual`, the file's own time, then is far from it).
  bool MustStamp(vfs::FileTime actual) const {
    if (state_ != State::kHeld) return false;
    const absl::Time written = absl::FromUnixSeconds(-11644473600) +
                               absl::Nanoseconds(100) * static_cast<int64_t>(actual);
    return absl::AbsDuration(written - last_write_) < kTolerance;
  }
  bool may_need_stamp() const { return state_ == State::kHeld; }

 private:
  enum class State { kIdle, kDelayed, kShown, kHeld };
  // Kernels stamp with a clock that ticks; a write takes its time, too.
  static constexpr absl::Duration kTolerance = absl::Seconds(1);

  State state_ = State::kIdle;
  absl::Time first_write_;
  absl::Time last_write_;
  std::optional<vfs::FileTime> last_shown_;
};

}  // namespace continuo::open
