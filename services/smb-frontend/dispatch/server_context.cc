#include "services/smb-frontend/dispatch/server_context.h"

#include "services/smb-frontend/dispatch/smb_connection.h"

namespace continuo::dispatch {

void ConnectionTable::Add(std::shared_ptr<SmbConnection> connection, uint64_t id) {
  absl::MutexLock lock(&mutex_);
  connections_.emplace(id, std::move(connection));
}

void ConnectionTable::Remove(uint64_t id) {
  std::shared_ptr<SmbConnection> removed;  // Destroyed after the lock.
  absl::MutexLock lock(&mutex_);
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  removed = std::move(found->second);
  connections_.erase(found);
}

std::shared_ptr<SmbConnection> ConnectionTable::Find(uint64_t id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = connections_.find(id);
  return found == connections_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<SmbConnection>> ConnectionTable::all() const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<SmbConnection>> connections;
  connections.reserve(connections_.size());
  for (const auto& [id, connection] : connections_) connections.push_back(connection);
  return connections;
}

Bytes InitialTokenCache::Get(absl::Time now, absl::Duration max_age) const {
  absl::MutexLock lock(&mutex_);
  return now - fetched_ <= max_age ? token_ : Bytes();
}

void InitialTokenCache::Put(Bytes token, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  token_ = std::move(token);
  fetched_ = now;
}

}  // namespace continuo::dispatch
