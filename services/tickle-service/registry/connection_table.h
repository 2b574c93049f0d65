// The client connections of this node that are open now, as its frontend tells.
//
// A connection has an id, because a client that closes and connects again from the same port may be
// reported as connected before its former connection is reported as closed.
//
// Threading: none; Recovery serialises.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include "services/tickle-service/registry/connection.h"

namespace continuo::tickle {

class ConnectionTable {
 public:
  void Add(uint64_t id, const Connection& connection, absl::Time now);
  // The connection that is gone by this; none when the id is unknown, or a later id has taken the
  // connection's place.
  std::optional<Connection> Remove(uint64_t id);

  // A frontend has attached and is going to name all its connections with ids of its own.
  void BeginSnapshot();
  // It has named them: returns, and forgets, those that it did not name.
  std::vector<Connection> EndSnapshot();

  bool Contains(const Connection& connection) const { return entries_.contains(connection); }
  size_t size() const { return entries_.size(); }
  uint32_t CountOf(const IpAddress& local) const;

  struct Row {
    Connection connection;
    absl::Time connected;
  };
  // In order, from the first one behind `after` on, or from the beginning.
  std::vector<Row> Page(const std::optional<Connection>& after, size_t count_max) const;

 private:
  struct Entry {
    std::optional<uint64_t> id;  // None: from before the snapshot that is under way.
    absl::Time connected;
  };
  std::map<Connection, Entry> entries_;
  absl::flat_hash_map<uint64_t, Connection> by_id_;
};

}  // namespace continuo::tickle
