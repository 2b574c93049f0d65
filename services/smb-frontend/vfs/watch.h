// What others than SMB clients do to a directory, for CHANGE_NOTIFY.
//
//   NtResult<std::unique_ptr<WatchHub>> hub = WatchHub::Create();
//   loop.AddReadable((*hub)->fd(), [&] { (*hub)->Dispatch(); });
//   const WatchId id = *(*hub)->Add(file, [](const ForeignChange& c) { ... });
//
// Changes that this process makes arrive, too; the caller, who knows what the FSA announced, leaves
// those out. An overflow of the kernel's queue is delivered as kLost to
// every watch: the caller answers STATUS_NOTIFY_ENUM_DIR.
// Threading: Add and Remove from any thread; Dispatch from the one that polls fd();
// callbacks run inside Dispatch without locks held.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "common/base/strong_id.h"
#include "common/ntstatus/ntstatus.h"
#include "services/smb-frontend/vfs/unique_fd.h"
#include "services/smb-frontend/vfs/vfs.h"

namespace continuo::vfs {

struct WatchIdTag;
using WatchId = base::StrongId<WatchIdTag>;

enum class ForeignChangeKind { kAdded, kRemoved, kModified, kRenamedOld, kRenamedNew, kLost };

struct ForeignChange {
  ForeignChangeKind kind = ForeignChangeKind::kLost;
  std::string name;  // In the watched directory; empty for kLost.
  bool is_directory = false;
  bool is_attributes_only = false;  // kModified: metadata, not data.
};

class WatchHub {
 public:
  using Callback = std::function<void(const ForeignChange&)>;

  static NtResult<std::unique_ptr<WatchHub>> Create();
  ~WatchHub();

  int fd() const { return fd_.get(); }
  // Errors: kInsufficientResources when the user's inotify watches are used up.
  NtResult<WatchId> Add(const File& directory, Callback callback);
  void Remove(WatchId id);
  // Reads what the kernel has queued and calls back. Never blocks.
  void Dispatch();

 private:
  struct Watch;
  WatchHub() = default;
  void Deliver(int descriptor, const ForeignChange& change);

  UniqueFd fd_;
  std::mutex mutex_;
  uint64_t next_id_ = 1;
  std::map<uint64_t, std::shared_ptr<Watch>> watches_;  // Guarded by mutex_; by id.
  std::multimap<int, uint64_t> by_descriptor_;          // Guarded by mutex_; inotify wd to ids.
};

}  // namespace continuo::vfs
