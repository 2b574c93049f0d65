#include "services/smb-frontend/vfs/name_index.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/bytes/utf16.h"
#include "services/smb-frontend/vfs/dirents.h"
#include "services/smb-frontend/vfs/names.h"
#include "services/smb-frontend/vfs/share_root.h"
#include "services/smb-frontend/vfs/unique_fd.h"

namespace continuo::vfs {
namespace {

struct Stamp {
  int64_t write_seconds = 0;
  uint32_t write_nanoseconds = 0;
  int64_t change_seconds = 0;
  uint32_t change_nanoseconds = 0;
  friend bool operator==(const Stamp&, const Stamp&) = default;
};

bool ReadStamp(int fd, DirectoryId* id, Stamp* stamp) {
  struct ::statx stx;
  if (::statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT,
              STATX_INO | STATX_MTIME | STATX_CTIME, &stx) != 0) {
    return false;
  }
  *id = {.device = (uint64_t{stx.stx_dev_major} << 32) | stx.stx_dev_minor, .inode = stx.stx_ino};
  *stamp = {.write_seconds = stx.stx_mtime.tv_sec,
            .write_nanoseconds = stx.stx_mtime.tv_nsec,
            .change_seconds = stx.stx_ctime.tv_sec,
            .change_nanoseconds = stx.stx_ctime.tv_nsec};
  return true;
}

}  // namespace

class NameIndex {
 public:
  std::mutex mutex;
  bool is_valid = false;       // All below guarded by mutex.
  bool is_too_large = false;
  Stamp stamp;
  // Several names may fold alike on a case-sensitive file system: the first one found answers, and
  // the count says when the entry may go.
  struct Entry {
    std::string name;
    uint32_t count = 1;
  };
  absl::flat_hash_map<std::string, Entry> by_folded;
  // Only what has an alias of its own; built at the first lookup that looks like one.
  bool has_aliases = false;
  absl::flat_hash_map<std::string, std::string> by_alias;

  void Clear() {
    is_valid = false;
    is_too_large = false;
    has_aliases = false;
    by_folded.clear();
    by_alias.clear();
  }

  void Add(std::string_view name) {
    auto [it, inserted] = by_folded.try_emplace(bytes::FoldName(name), Entry{std::string(name), 1});
    if (!inserted && it->second.name != name) ++it->second.count;
    if (has_aliases) AddAlias(name);
  }

  void Remove(std::string_view name) {
    const auto it = by_folded.find(bytes::FoldName(name));
    if (it == by_folded.end()) return;
    if (it->second.count > 1) {
      // Which of the others remains is not known: look again.
      is_valid = false;
      return;
    }
    by_folded.erase(it);
    if (has_aliases) by_alias.erase(ShortName(name));
  }

  void AddAlias(std::string_view name) {
    if (!IsShortNameSyntax(name)) by_alias.try_emplace(ShortName(name), name);
  }

  // Returns an errno.
  int Build(int directory_fd, VfsCounters& counters) {
    Clear();
    UniqueFd fd(::openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid()) return errno;
    DirectoryId id;
    // The stamp from before the scan: a change during it makes the index invalid at once.
    if (!ReadStamp(fd.get(), &id, &stamp)) return errno;
    counters.index_builds.fetch_add(1, std::memory_order_relaxed);
    DirentReader reader(fd.get(), counters);
    Dirent entry;
    while (reader.Next(entry)) {
      if (entry.name == "." || entry.name == "..") continue;
      if (by_folded.size() >= kNameIndexMaxEntries) {
        is_too_large = true;
        by_folded.clear();
        break;
      }
      Add(entry.name);
    }
    if (reader.error() != 0) return reader.error();
    is_valid = true;
    return 0;
  }

  std::optional<std::string> Find(std::string_view leaf) {
    if (const auto it = by_folded.find(bytes::FoldName(leaf)); it != by_folded.end()) {
      return it->second.name;
    }
    if (!LooksMangled(leaf)) return std::nullopt;
    if (!has_aliases) {
      has_aliases = true;
      for (const auto& [folded, entry] : by_folded) AddAlias(entry.name);
    }
    std::string alias(leaf);
    for (char& c : alias) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    if (const auto it = by_alias.find(alias); it != by_alias.end()) return it->second;
    return std::nullopt;
  }
};

namespace {

// For directories too large to index.
std::optional<std::string> Scan(int directory_fd, std::string_view leaf, VfsCounters& counters) {
  UniqueFd fd(::openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return std::nullopt;
  const std::string folded = bytes::FoldName(leaf);
  DirentReader reader(fd.get(), counters);
  Dirent entry;
  while (reader.Next(entry)) {
    if (bytes::FoldName(entry.name) == folded) return std::string(entry.name);
  }
  return std::nullopt;
}

}  // namespace

NameIndexCache::NameIndexCache(VfsCounters& counters) : counters_(counters) {}
NameIndexCache::~NameIndexCache() = default;

std::shared_ptr<NameIndex> NameIndexCache::GetOrMake(DirectoryId id) {
  const std::lock_guard lock(mutex_);
  if (const auto it = slots_.find(id); it != slots_.end()) {
    by_use_.splice(by_use_.begin(), by_use_, it->second.position);
    return it->second.index;
  }
  if (slots_.size() >= kNameIndexMaxDirectories) {
    slots_.erase(by_use_.back());
    by_use_.pop_back();
  }
  by_use_.push_front(id);
  auto index = std::make_shared<NameIndex>();
  slots_[id] = {index, by_use_.begin()};
  return index;
}

std::shared_ptr<NameIndex> NameIndexCache::FindExisting(int directory_fd) {
  {
    const std::lock_guard lock(mutex_);
    if (slots_.empty()) return nullptr;
  }
  DirectoryId id;
  Stamp stamp;
  if (!ReadStamp(directory_fd, &id, &stamp)) return nullptr;
  const std::lock_guard lock(mutex_);
  const auto it = slots_.find(id);
  return it == slots_.end() ? nullptr : it->second.index;
}

std::optional<std::string> NameIndexCache::Lookup(int directory_fd, std::string_view leaf,
                                                  int* error) {
  *error = 0;
  DirectoryId id;
  Stamp stamp;
  counters_.statx.fetch_add(1, std::memory_order_relaxed);
  if (!ReadStamp(directory_fd, &id, &stamp)) {
    *error = errno;
    return std::nullopt;
  }
  const std::shared_ptr<NameIndex> index = GetOrMake(id);
  const std::lock_guard lock(index->mutex);
  // Another thread may have changed the directory and the stamp while we waited.
  if (!index->is_valid || !(index->stamp == stamp)) {
    if (!ReadStamp(directory_fd, &id, &stamp)) {
      *error = errno;
      return std::nullopt;
    }
  }
  if (!index->is_valid || !(index->stamp == stamp)) {
    *error = index->Build(directory_fd, counters_);
    if (*error != 0) return std::nullopt;
  } else {
    counters_.index_hits.fetch_add(1, std::memory_order_relaxed);
  }
  if (index->is_too_large) return Scan(directory_fd, leaf, counters_);
  return index->Find(leaf);
}

OwnChange::OwnChange(NameIndexCache& cache, int directory_fd) : directory_fd_(directory_fd) {
  index_ = cache.FindExisting(directory_fd);
  if (index_ == nullptr) return;
  lock_ = std::unique_lock(index_->mutex);
  DirectoryId id;
  Stamp stamp;
  if (!index_->is_valid || !ReadStamp(directory_fd, &id, &stamp) || !(stamp == index_->stamp)) {
    index_->Clear();
    lock_.unlock();
    index_ = nullptr;
  }
}

OwnChange::~OwnChange() {
  if (index_ == nullptr) return;
  DirectoryId id;
  if (!ReadStamp(directory_fd_, &id, &index_->stamp)) index_->is_valid = false;
}

bool OwnChange::HasName(std::string_view name) {
  return index_ != nullptr && !index_->is_too_large && index_->Find(name).has_value();
}

void OwnChange::Added(std::string_view name) {
  if (index_ != nullptr && !index_->is_too_large) index_->Add(name);
}

void OwnChange::Removed(std::string_view name) {
  if (index_ != nullptr && !index_->is_too_large) index_->Remove(name);
}

}  // namespace continuo::vfs
