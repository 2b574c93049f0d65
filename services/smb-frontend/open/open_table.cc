#include "services/smb-frontend/open/open_table.h"

#include <utility>

namespace continuo::open {

smbwire::FileId OpenTable::NewFileId() {
  const uint64_t id = last_id_.fetch_add(1) + 1;
  return {.persistent_id = id, .volatile_id = id};
}

void OpenTable::Index(const OpenFile& open) {
  if (const auto& app = open.facts().app_instance_id) {
    absl::MutexLock lock(&guid_mutex_);
    by_app_instance_[*app].push_back(open.file_id().volatile_id);
  }
  if (open.facts().create_guid == smbwire::Guid{}) return;
  absl::MutexLock lock(&guid_mutex_);
  by_create_guid_.try_emplace({open.facts().client_guid, open.facts().create_guid},
                              open.file_id().volatile_id);
}

void OpenTable::Unindex(const OpenFile& open) {
  if (const auto& app = open.facts().app_instance_id) {
    absl::MutexLock lock(&guid_mutex_);
    const auto found = by_app_instance_.find(*app);
    if (found != by_app_instance_.end()) {
      std::erase(found->second, open.file_id().volatile_id);
      if (found->second.empty()) by_app_instance_.erase(found);
    }
  }
  if (open.facts().create_guid != smbwire::Guid{}) ForgetCreateGuid(open);
}

std::shared_ptr<OpenFile> OpenTable::FindByCreateGuid(const smbwire::Guid& client_guid,
                                                      const smbwire::Guid& create_guid) const {
  uint64_t volatile_id = 0;
  {
    absl::MutexLock lock(&guid_mutex_);
    const auto found = by_create_guid_.find({client_guid, create_guid});
    if (found == by_create_guid_.end()) return nullptr;
    volatile_id = found->second;
  }
  return FindVolatile(volatile_id);
}

void OpenTable::ForgetCreateGuid(const OpenFile& open) {
  absl::MutexLock lock(&guid_mutex_);
  const auto found = by_create_guid_.find({open.facts().client_guid, open.facts().create_guid});
  if (found == by_create_guid_.end()) return;
  if (found->second == open.file_id().volatile_id) by_create_guid_.erase(found);
}

bool OpenTable::BeginCreate(const smbwire::Guid& client_guid, const smbwire::Guid& create_guid) {
  absl::MutexLock lock(&guid_mutex_);
  return creating_.insert({client_guid, create_guid}).second;
}

void OpenTable::EndCreate(const smbwire::Guid& client_guid, const smbwire::Guid& create_guid) {
  absl::MutexLock lock(&guid_mutex_);
  creating_.erase({client_guid, create_guid});
}

std::vector<std::shared_ptr<OpenFile>> OpenTable::FindByAppInstance(
    const smbwire::Guid& id) const {
  std::vector<uint64_t> ids;
  {
    absl::MutexLock lock(&guid_mutex_);
    const auto found = by_app_instance_.find(id);
    if (found != by_app_instance_.end()) ids = found->second;
  }
  std::vector<std::shared_ptr<OpenFile>> opens;
  for (const uint64_t one : ids) {
    std::shared_ptr<OpenFile> open = FindVolatile(one);
    if (open != nullptr) opens.push_back(std::move(open));
  }
  return opens;
}

void OpenTable::Replace(std::shared_ptr<OpenFile> open) {
  Shard& shard = ShardOf(open->file_id().volatile_id);
  std::shared_ptr<OpenFile> replaced;
  {
    absl::MutexLock lock(&shard.mutex);
    const auto found = shard.opens.find(open->file_id().volatile_id);
    if (found == shard.opens.end()) return;
    replaced = std::exchange(found->second, open);
  }
  // Its client may have another GUID now.
  Unindex(*replaced);
  Index(*open);
}

void OpenTable::Add(std::shared_ptr<OpenFile> open) {
  Index(*open);
  Shard& shard = ShardOf(open->file_id().volatile_id);
  absl::MutexLock lock(&shard.mutex);
  shard.opens.emplace(open->file_id().volatile_id, std::move(open));
  size_.fetch_add(1, std::memory_order_relaxed);
}

std::shared_ptr<OpenFile> OpenTable::FindVolatile(uint64_t volatile_id) const {
  const Shard& shard = ShardOf(volatile_id);
  absl::MutexLock lock(&shard.mutex);
  const auto found = shard.opens.find(volatile_id);
  return found == shard.opens.end() ? nullptr : found->second;
}

std::shared_ptr<OpenFile> OpenTable::Find(smbwire::FileId id) const {
  std::shared_ptr<OpenFile> open = FindVolatile(id.volatile_id);
  if (open == nullptr || open->file_id() != id || open->is_closing()) return nullptr;
  return open;
}

void OpenTable::Remove(uint64_t volatile_id) {
  Shard& shard = ShardOf(volatile_id);
  std::shared_ptr<OpenFile> removed;  // Destroyed after the lock: closing a descriptor may block.
  {
    absl::MutexLock lock(&shard.mutex);
    const auto found = shard.opens.find(volatile_id);
    if (found == shard.opens.end()) return;
    removed = std::move(found->second);
    shard.opens.erase(found);
  }
  size_.fetch_sub(1, std::memory_order_relaxed);
  Unindex(*removed);
}

void OpenTable::ForEach(const std::function<void(const std::shared_ptr<OpenFile>&)>& visit) const {
  for (const Shard& shard : shards_) {
    std::vector<std::shared_ptr<OpenFile>> opens;
    {
      absl::MutexLock lock(&shard.mutex);
      opens.reserve(shard.opens.size());
      for (const auto& [id, open] : shard.opens) opens.push_back(open);
    }
    for (const auto& open : opens) visit(open);
  }
}

}  // namespace continuo::open
