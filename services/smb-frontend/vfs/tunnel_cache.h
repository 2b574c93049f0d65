// Long names of what was removed a moment ago, by directory and short name: who removes a file and
// makes it again by its short name, as old programs do when they save, gets the long name back.
//
// Source: [MS-FSA] 2.1.1.1 (Volume.TunnelCacheList), 2.1.5.1.1; 15 seconds are its default.
// Threading: any thread.
#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <absl/time/time.h>

#include "services/smb-frontend/vfs/file_stat.h"

namespace continuo::vfs {

class TunnelCache {
 public:
  static constexpr size_t kMaxEntries = 256;
  static constexpr absl::Duration kLifetime = absl::Seconds(15);

  // Requires: `short_name` is upper-cased, as ShortName makes it.
  void Add(const FileStat& directory, std::string short_name, std::string name, absl::Time now) {
    const std::lock_guard lock(mutex_);
    if (entries_.size() >= kMaxEntries) entries_.pop_front();
    entries_.push_back({.device = directory.device,
                        .inode = directory.inode,
                        .short_name = std::move(short_name),
                        .name = std::move(name),
                        .removed = now});
  }

  // The long name of the latest removed object that had this short one.
  std::optional<std::string> Find(const FileStat& directory, std::string_view short_name,
                                  absl::Time now) {
    const std::lock_guard lock(mutex_);
    while (!entries_.empty() && now - entries_.front().removed > kLifetime) entries_.pop_front();
    for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
      if (entry->inode != directory.inode || entry->device != directory.device ||
          entry->short_name != short_name) {
        continue;
      }
      return entry->name;
    }
    return std::nullopt;
  }

 private:
  struct Entry {
    uint64_t device = 0;
    uint64_t inode = 0;
    std::string short_name;
    std::string name;
    absl::Time removed;
  };
  std::mutex mutex_;
  std::deque<Entry> entries_;  // Guarded by mutex_; the oldest first.
};

}  // namespace continuo::vfs
