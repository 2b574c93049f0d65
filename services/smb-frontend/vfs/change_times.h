// Change times that clients set (FileBasicInformation.ChangeTime). No call of the kernel sets
// st_ctime, so they are remembered here, each for as long as the kernel's own has not moved on.
//
// Threading: any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "services/smb-frontend/vfs/file_stat.h"

namespace continuo::vfs {

class ChangeTimes {
 public:
  // Files remembered at most; one more forgets them all.
  static constexpr size_t kMaxFiles = 4096;

  // From now on `time` is reported instead of `stat.change_time`, which is the kernel's.
  void Set(const FileStat& stat, FileTime time) {
    const std::lock_guard lock(mutex_);
    if (files_.size() >= kMaxFiles) files_.clear();
    Entry& entry = files_[stat.inode];
    // `stat` may show what was set before: the kernel's own is the entry's then.
    const bool is_shown = entry.device == stat.device && entry.shown == stat.change_time;
    entry = {.device = stat.device,
             .kernel = is_shown ? entry.kernel : stat.change_time,
             .shown = time};
    has_any_.store(true, std::memory_order_relaxed);
  }

  // Puts the remembered time into `stat` if there is one and the file did not change since.
  void Apply(FileStat& stat) const {
    if (!has_any_.load(std::memory_order_relaxed)) return;
    const std::lock_guard lock(mutex_);
    const auto found = files_.find(stat.inode);
    if (found == files_.end() || found->second.device != stat.device) return;
    if (found->second.kernel == stat.change_time) stat.change_time = found->second.shown;
  }

 private:
  struct Entry {
    uint64_t device = 0;
    FileTime kernel = 0;
    FileTime shown = 0;
  };
  mutable std::mutex mutex_;
  std::unordered_map<uint64_t, Entry> files_;  // Guarded by mutex_; by inode.
  std::atomic<bool> has_any_{false};
};

}  // namespace continuo::vfs
