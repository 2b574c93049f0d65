// Case-insensitive lookup without directory scans: folded names of directories in use.
//
// Built by one scan at the first lookup that the exact name does not answer; valid while the
// directory's modification and change times are those that the index has seen; kept up, with the
// times, by what this process itself creates and removes (OwnChange).
// Directories of more than kNameIndexMaxEntries are scanned at each such lookup.
// Threading: any thread; one lock per directory, held across a scan, so that concurrent lookups
// wait for one scan instead of making their own. Lock order: cache, then index (never both held
// while the other is acquired).
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <absl/container/flat_hash_map.h>

#include "services/smb-frontend/vfs/file_stat.h"

namespace continuo::vfs {

struct VfsCounters;

inline constexpr size_t kNameIndexMaxEntries = 2'000'000;
inline constexpr size_t kNameIndexMaxDirectories = 512;

struct DirectoryId {
  uint64_t device = 0;
  uint64_t inode = 0;
  friend bool operator==(const DirectoryId&, const DirectoryId&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const DirectoryId& id) {
    return H::combine(std::move(h), id.device, id.inode);
  }
};

class NameIndex;

class NameIndexCache {
 public:
  explicit NameIndexCache(VfsCounters& counters);
  ~NameIndexCache();

  // The name on disk that equals `leaf` without regard to case, or whose short name it is.
  // Requires: `directory_fd` refers to the directory (O_PATH is enough).
  // Errors: an errno in `*error` (0 otherwise) when the directory cannot be read.
  std::optional<std::string> Lookup(int directory_fd, std::string_view leaf, int* error);

  // The index of a directory if there is one; null otherwise.
  std::shared_ptr<NameIndex> FindExisting(int directory_fd);

 private:
  friend class OwnChange;
  std::shared_ptr<NameIndex> GetOrMake(DirectoryId id);

  VfsCounters& counters_;
  std::mutex mutex_;
  std::list<DirectoryId> by_use_;  // Guarded by mutex_; most recent first.
  struct Slot {
    std::shared_ptr<NameIndex> index;
    std::list<DirectoryId>::iterator position;
  };
  absl::flat_hash_map<DirectoryId, Slot> slots_;  // Guarded by mutex_.
};

// Brackets one change of a directory by this process, so that its index survives it:
//
//   OwnChange change(indexes, directory_fd);
//   if (mkdirat(...) == 0) change.Added(name);
//
// Holds the index's lock in between. Does nothing for directories without an index.
class OwnChange {
 public:
  OwnChange(NameIndexCache& cache, int directory_fd);
  ~OwnChange();
  OwnChange(const OwnChange&) = delete;
  OwnChange& operator=(const OwnChange&) = delete;

  // Whether the directory has come to hold a name that a client cannot tell from `name`. False
  // when there is no index to tell.
  bool HasName(std::string_view name);
  void Added(std::string_view name);
  void Removed(std::string_view name);

 private:
  int directory_fd_;
  std::shared_ptr<NameIndex> index_;
  std::unique_lock<std::mutex> lock_;
};

}  // namespace continuo::vfs
