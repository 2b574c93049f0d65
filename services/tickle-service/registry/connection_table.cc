#include "services/tickle-service/registry/connection_table.h"

namespace continuo::tickle {

void ConnectionTable::Add(uint64_t id, const Connection& connection, absl::Time now) {
  const auto [found, is_new] = entries_.try_emplace(connection, Entry{id, now});
  if (!is_new) {
    // Named in a snapshot it is the same connection; otherwise a new one from the same port.
    if (found->second.id.has_value()) found->second.connected = now;
    found->second.id = id;
  }
  by_id_.insert_or_assign(id, connection);
}

std::optional<Connection> ConnectionTable::Remove(uint64_t id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return std::nullopt;
  const Connection connection = found->second;
  by_id_.erase(found);
  const auto entry = entries_.find(connection);
  if (entry == entries_.end() || entry->second.id != id) return std::nullopt;
  entries_.erase(entry);
  return connection;
}

void ConnectionTable::BeginSnapshot() {
  by_id_.clear();
  for (auto& [connection, entry] : entries_) entry.id.reset();
}

std::vector<Connection> ConnectionTable::EndSnapshot() {
  std::vector<Connection> gone;
  for (auto at = entries_.begin(); at != entries_.end();) {
    if (at->second.id.has_value()) {
      ++at;
      continue;
    }
    gone.push_back(at->first);
    at = entries_.erase(at);
  }
  return gone;
}

uint32_t ConnectionTable::CountOf(const IpAddress& local) const {
  uint32_t count = 0;
  for (auto at = entries_.lower_bound(Connection{.local = local});
       at != entries_.end() && at->first.local == local; ++at) {
    ++count;
  }
  return count;
}

std::vector<ConnectionTable::Row> ConnectionTable::Page(const std::optional<Connection>& after,
                                                        size_t count_max) const {
  std::vector<Row> rows;
  auto at = after ? entries_.upper_bound(*after) : entries_.begin();
  for (; at != entries_.end() && rows.size() < count_max; ++at) {
    rows.push_back({at->first, at->second.connected});
  }
  return rows;
}

}  // namespace continuo::tickle
