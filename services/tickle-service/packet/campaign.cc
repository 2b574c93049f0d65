#include "services/tickle-service/packet/campaign.h"

namespace continuo::tickle {
namespace {

std::pair<IpAddress, IpAddress> ClientOf(const Connection& connection) {
  return {connection.local, connection.remote};
}

}  // namespace

bool Campaign::Add(const Connection& connection, absl::Time now) {
  if (!tries_.try_emplace(connection, Try{now, 0, now}).second) return false;
  due_.emplace(now, connection);
  Client& client = clients_[ClientOf(connection)];
  ++client.expected_count;
  client.open.insert(connection);
  return true;
}

void Campaign::ClientConnected(const Connection& connection) {
  const auto client = clients_.find(ClientOf(connection));
  if (client == clients_.end()) return;
  if (++client->second.returned_count >= client->second.expected_count) {
    const std::set<Connection> rest = client->second.open;
    for (const Connection& one : rest) Finish(one);
  } else if (tries_.contains(connection)) {
    Finish(connection);
  }
}

std::vector<Connection> Campaign::TakeDue(absl::Time now, size_t count_max) {
  std::vector<Connection> taken;
  while (!due_.empty() && due_.begin()->first <= now && taken.size() < count_max) {
    const auto [due, connection] = *due_.begin();
    due_.erase(due_.begin());
    const auto found = tries_.find(connection);
    if (found == tries_.end() || found->second.due != due) continue;  // Finished meanwhile.
    taken.push_back(connection);
    Try& one = found->second;
    if (++one.count == kTickleTimes.size()) {
      Finish(connection);
      continue;
    }
    one.due = one.begun + kTickleTimes[one.count];
    due_.emplace(one.due, connection);
  }
  return taken;
}

absl::Time Campaign::next_due() const {
  return due_.empty() ? absl::InfiniteFuture() : due_.begin()->first;
}

// `connection` may be part of what is erased here: no use of it afterwards.
void Campaign::Finish(const Connection& connection) {
  done_.push_back(connection);
  const auto client = clients_.find(ClientOf(connection));
  tries_.erase(done_.back());
  client->second.open.erase(done_.back());
  // After the last of a client's, what it opens has nothing to do with them.
  if (client->second.open.empty()) clients_.erase(client);
}

}  // namespace continuo::tickle
