#include "services/auth-service/logon/pending_logons.h"

#include <array>

#include "common/bytes/byte_reader.h"

namespace continuo::auth {

void PendingLogons::Erase(uint64_t id) {
  const auto it = logons_.find(id);
  if (it == logons_.end()) return;
  const AgeKey key{it->second.started, id};
  by_age_.erase(key);
  const auto connection = by_connection_.find(it->second.connection_key);
  connection->second.erase(key);
  if (connection->second.empty()) by_connection_.erase(connection);
  logons_.erase(it);
}

void PendingLogons::DropOld(absl::Time now) {
  while (!by_age_.empty() && now - by_age_.begin()->first > kAgeMax) {
    Erase(by_age_.begin()->second);
    ++dropped_count_;
  }
}

uint64_t PendingLogons::Put(uint64_t id, PendingLogon logon, absl::Time now) {
  const absl::MutexLock lock(&mutex_);
  DropOld(now);
  while (id == 0 || logons_.contains(id)) {
    std::array<uint8_t, 8> bytes{};
    random_.Fill(bytes);
    id = bytes::ByteReader(bytes).U64();
  }
  const auto connection = by_connection_.find(logon.connection_key);
  if (connection != by_connection_.end() && connection->second.size() >= kPerConnectionMax) {
    Erase(connection->second.begin()->second);
    ++dropped_count_;
  }
  if (logons_.size() >= kMax) {
    Erase(by_age_.begin()->second);
    ++dropped_count_;
  }
  by_age_.insert({logon.started, id});
  by_connection_[logon.connection_key].insert({logon.started, id});
  logons_[id] = std::move(logon);
  return id;
}

std::optional<PendingLogon> PendingLogons::Take(uint64_t id, absl::Time now) {
  const absl::MutexLock lock(&mutex_);
  DropOld(now);
  const auto it = logons_.find(id);
  if (it == logons_.end()) return std::nullopt;
  PendingLogon logon = std::move(it->second);
  Erase(id);  // By start and connection, which a move leaves in place.
  return logon;
}

void PendingLogons::Drop(uint64_t id) {
  const absl::MutexLock lock(&mutex_);
  Erase(id);
}

std::vector<PendingLogons::Listed> PendingLogons::List(absl::Time now) const {
  const absl::MutexLock lock(&mutex_);
  std::vector<Listed> result;
  for (const auto& [started, id] : by_age_) {
    const PendingLogon& logon = logons_.at(id);
    result.push_back({id, logon.client_address, now - started, logon.leg_count});
  }
  return result;
}

size_t PendingLogons::size() const {
  const absl::MutexLock lock(&mutex_);
  return logons_.size();
}

uint64_t PendingLogons::dropped_count() const {
  const absl::MutexLock lock(&mutex_);
  return dropped_count_;
}

}  // namespace continuo::auth
