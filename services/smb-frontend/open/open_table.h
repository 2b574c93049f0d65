// All opens of the node by volatile id, in shards behind short locks.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/synchronization/mutex.h>

#include "services/smb-frontend/open/open_file.h"

namespace continuo::open {

// Threading: any thread.
class OpenTable {
 public:
  // An id that was never used on this node since its start. The persistent half is the same number.
  smbwire::FileId NewFileId();
  // Ids that outlive the process come from the range that ca-store-service gives it. Before the first.
  void StartIdsAt(uint64_t first) { last_id_.store(first - 1); }

  void Add(std::shared_ptr<OpenFile> open);
  // Null when there is none, or its persistent half differs.
  std::shared_ptr<OpenFile> Find(smbwire::FileId id) const;
  std::shared_ptr<OpenFile> FindVolatile(uint64_t volatile_id) const;
  // The open with this client's create GUID; null when there is none.
  std::shared_ptr<OpenFile> FindByCreateGuid(const smbwire::Guid& client_guid,
                                             const smbwire::Guid& create_guid) const;
  // From now on another CREATE of its GUID is a new one.
  void ForgetCreateGuid(const OpenFile& open);
  // A CREATE with this GUID is under way until EndCreate. False: another one is.
  bool BeginCreate(const smbwire::Guid& client_guid, const smbwire::Guid& create_guid);
  void EndCreate(const smbwire::Guid& client_guid, const smbwire::Guid& create_guid);
  // The opens of an application's instance, any client's.
  std::vector<std::shared_ptr<OpenFile>> FindByAppInstance(const smbwire::Guid& id) const;
  void Remove(uint64_t volatile_id);
  // Puts `open` in the place of the one with the same id: a durable open with a new session.
  void Replace(std::shared_ptr<OpenFile> open);
  void ForEach(const std::function<void(const std::shared_ptr<OpenFile>&)>& visit) const;
  size_t size() const { return size_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kShardCount = 32;
  struct Shard {
    mutable absl::Mutex mutex;
    absl::flat_hash_map<uint64_t, std::shared_ptr<OpenFile>> opens ABSL_GUARDED_BY(mutex);
  };
  Shard& ShardOf(uint64_t volatile_id) { return shards_[volatile_id % kShardCount]; }
  const Shard& ShardOf(uint64_t volatile_id) const { return shards_[volatile_id % kShardCount]; }

  using CreateGuid = std::pair<smbwire::Guid, smbwire::Guid>;  // Client and create GUID.
  void Index(const OpenFile& open) ABSL_LOCKS_EXCLUDED(guid_mutex_);
  void Unindex(const OpenFile& open) ABSL_LOCKS_EXCLUDED(guid_mutex_);

  std::array<Shard, kShardCount> shards_;
  mutable absl::Mutex guid_mutex_;
  absl::flat_hash_map<CreateGuid, uint64_t> by_create_guid_ ABSL_GUARDED_BY(guid_mutex_);
  absl::flat_hash_set<CreateGuid> creating_ ABSL_GUARDED_BY(guid_mutex_);
  absl::flat_hash_map<smbwire::Guid, std::vector<uint64_t>> by_app_instance_
      ABSL_GUARDED_BY(guid_mutex_);
  std::atomic<uint64_t> last_id_{0};
  std::atomic<size_t> size_{0};
};

}  // namespace continuo::open
