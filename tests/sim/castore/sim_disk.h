// A disk in memory that remembers what was done to it, so that a power cut after each step can be
// played: what was not synced is gone, or partly there.
//
//   SimDisk disk;                     // Used by a store through sim_file_system.h; records.
//   SimDisk again;                    // Then, for each step:
//   again.Apply(disk.log()[k]);
//   SimDisk after = again.AfterPowerCut(Tear::kAllLost, random);
//
// What is on disk after a cut, as POSIX promises no more: of a file its content up to the last sync,
// and perhaps more of it, or zeros where data had not been written yet; of a directory the names up to
// its last sync, and perhaps more, in the order in which they came. A rename is one step, on disk as
// soon as either directory is synced.
//
// Threading: any thread; a copy is of one moment.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

namespace continuo::castore::sim {

enum class Tear { kAllLost, kPartlyThere };

struct Step {
  enum class Kind { kCreate, kAppend, kSyncFile, kRename, kUnlink, kMakeDirectory, kSyncDirectory };
  Kind kind = Kind::kCreate;
  std::string path;
  std::string to;      // kRename.
  uint64_t inode = 0;  // kCreate, kAppend, kSyncFile.
  std::string data;    // kAppend.
};

class SimDisk {
 public:
  SimDisk();
  SimDisk(const SimDisk& other);

  // The operations of a file system. Create makes an empty file, over one of that name.
  uint64_t Create(const std::string& path);
  void Append(uint64_t inode, const std::string& data);
  void SyncFile(uint64_t inode);
  bool Rename(const std::string& from, const std::string& to);  // Files and directories.
  bool Unlink(const std::string& path);  // Also of a directory without entries.
  bool MakeDirectory(const std::string& path);
  void SyncDirectory(const std::string& path);

  bool FileExists(const std::string& path) const;
  bool DirectoryExists(const std::string& path) const;
  bool Read(const std::string& path, std::string* data) const;
  std::string ReadInode(uint64_t inode) const;
  uint64_t InodeOf(const std::string& path) const;  // 0: no such file.
  std::vector<std::string> List(const std::string& path) const;

  // Repeats a step of another disk's log.
  void Apply(const Step& step);
  SimDisk AfterPowerCut(Tear tear, std::mt19937_64& random) const;

  size_t step_count() const;
  std::vector<Step> log() const;

 private:
  struct Inode {
    std::shared_ptr<std::string> data = std::make_shared<std::string>();  // Only appended to.
    size_t size_bytes = 0;    // Of data; a copy may see a longer string.
    size_t synced_bytes = 0;
  };
  struct Names {
    std::map<std::string, uint64_t> files;
    std::set<std::string> directories;
  };

  void ApplyLocked(const Step& step) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void ApplyName(const Step& step, Names& names);
  void Record(Step step) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::map<uint64_t, Inode> inodes_ ABSL_GUARDED_BY(mutex_);
  Names live_ ABSL_GUARDED_BY(mutex_);
  Names durable_ ABSL_GUARDED_BY(mutex_);
  std::vector<Step> pending_names_ ABSL_GUARDED_BY(mutex_);  // Not in durable_ yet.
  std::vector<Step> log_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_inode_ ABSL_GUARDED_BY(mutex_) = 0;
};

std::string ParentOf(const std::string& path);

}  // namespace continuo::castore::sim
