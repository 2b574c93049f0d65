#include "services/smb-frontend/session/session.h"

#include <algorithm>

#include <absl/time/clock.h>

#include "common/base/check.h"
#include "common/crypto/random.h"

namespace continuo::session {

Session::Session(smbwire::SessionId id, const SessionOrigin& origin)
    : id_(id), origin_(origin), created_(absl::Now()) {}

void Session::Authenticate(std::shared_ptr<const Identity> identity,
                           std::shared_ptr<const SessionKeyring> keyring) {
  absl::MutexLock lock(&mutex_);
  identity_ = std::move(identity);
  keyring_ = std::move(keyring);
  SessionState expected = SessionState::kInProgress;
  state_.compare_exchange_strong(expected, SessionState::kValid);
}

void Session::Reauthenticate(std::shared_ptr<const Identity> identity) {
  absl::MutexLock lock(&mutex_);
  identity_ = std::move(identity);
  SessionState expected = SessionState::kExpired;
  state_.compare_exchange_strong(expected, SessionState::kValid);
}

SessionState Session::UpdateExpiry(absl::Time now) {
  absl::MutexLock lock(&mutex_);
  if (identity_ != nullptr && now >= identity_->expiry) {
    SessionState expected = SessionState::kValid;
    state_.compare_exchange_strong(expected, SessionState::kExpired);
  }
  return state();
}

std::shared_ptr<const Identity> Session::identity() const {
  absl::MutexLock lock(&mutex_);
  return identity_;
}

std::shared_ptr<const SessionKeyring> Session::keyring() const {
  absl::MutexLock lock(&mutex_);
  return keyring_;
}

bool Session::AddChannel(uint64_t connection_id) {
  absl::MutexLock lock(&mutex_);
  if (std::find(channels_.begin(), channels_.end(), connection_id) != channels_.end()) return true;
  if (channels_.size() >= kChannelsMax) return false;
  channels_.push_back(connection_id);
  return true;
}

size_t Session::RemoveChannel(uint64_t connection_id) {
  absl::MutexLock lock(&mutex_);
  std::erase(channels_, connection_id);
  return channels_.size();
}

std::vector<uint64_t> Session::channels() const {
  absl::MutexLock lock(&mutex_);
  return channels_;
}

std::shared_ptr<TreeConnect> Session::AddTreeConnect(std::shared_ptr<const Share> share,
                                                     security::AccessMask maximal_access,
                                                     bool is_encryption_required) {
  absl::MutexLock lock(&mutex_);
  if (state() == SessionState::kClosed || trees_.size() >= kTreeConnectsMax) return nullptr;
  // Ids 0 and 0xFFFFFFFF have meanings of their own; after a wrap an id in use is skipped.
  do {
    ++last_tree_id_;
  } while (last_tree_id_ == 0 || last_tree_id_ == UINT32_MAX ||
           trees_.contains(smbwire::TreeId(last_tree_id_)));
  auto tree = std::make_shared<TreeConnect>();
  tree->id = smbwire::TreeId(last_tree_id_);
  tree->share = std::move(share);
  tree->maximal_access = maximal_access;
  tree->is_encryption_required = is_encryption_required;
  tree->created = absl::Now();
  trees_.emplace(tree->id, tree);
  return tree;
}

std::shared_ptr<TreeConnect> Session::FindTreeConnect(smbwire::TreeId id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = trees_.find(id);
  return found == trees_.end() ? nullptr : found->second;
}

std::shared_ptr<TreeConnect> Session::RemoveTreeConnect(smbwire::TreeId id) {
  absl::MutexLock lock(&mutex_);
  const auto found = trees_.find(id);
  if (found == trees_.end()) return nullptr;
  std::shared_ptr<TreeConnect> tree = std::move(found->second);
  trees_.erase(found);
  tree->is_disconnected.store(true);
  return tree;
}

std::vector<std::shared_ptr<TreeConnect>> Session::tree_connects() const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<TreeConnect>> trees;
  trees.reserve(trees_.size());
  for (const auto& [id, tree] : trees_) trees.push_back(tree);
  return trees;
}

void Session::AddOpen(uint64_t volatile_id) {
  absl::MutexLock lock(&mutex_);
  opens_.insert(volatile_id);
}

void Session::RemoveOpen(uint64_t volatile_id) {
  absl::MutexLock lock(&mutex_);
  opens_.erase(volatile_id);
}

std::vector<uint64_t> Session::opens() const {
  absl::MutexLock lock(&mutex_);
  return {opens_.begin(), opens_.end()};
}

size_t Session::open_count() const {
  absl::MutexLock lock(&mutex_);
  return opens_.size();
}

bool Session::Close() {
  absl::MutexLock lock(&mutex_);
  return state_.exchange(SessionState::kClosed) != SessionState::kClosed;
}

std::shared_ptr<Session> SessionTable::Create(const SessionOrigin& origin, uint32_t sessions_max) {
  absl::MutexLock lock(&mutex_);
  if (sessions_max != 0 && sessions_.size() >= sessions_max) return nullptr;
  crypto::SystemRandom random;
  smbwire::SessionId id;
  do {
    // Random, so that ids of an earlier run are not met again. 32 bits, because there are clients
    // that keep no more of it.
    std::array<uint8_t, 4> bytes{};
    random.Fill(bytes);
    uint64_t value = 0;
    for (const uint8_t byte : bytes) value = (value << 8) | byte;
    id = smbwire::SessionId(value);
  } while (id.value() == 0 || id.value() == UINT32_MAX || sessions_.contains(id));
  auto session = std::make_shared<Session>(id, origin);
  sessions_.emplace(id, session);
  by_client_[origin.client_guid].push_back(id);
  return session;
}

std::shared_ptr<Session> SessionTable::Find(smbwire::SessionId id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second;
}

void SessionTable::Remove(smbwire::SessionId id) {
  absl::MutexLock lock(&mutex_);
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  const auto client = by_client_.find(found->second->origin().client_guid);
  client->second.erase(std::remove(client->second.begin(), client->second.end(), id),
                       client->second.end());
  if (client->second.empty()) by_client_.erase(client);
  sessions_.erase(found);
}

std::vector<std::shared_ptr<Session>> SessionTable::OfClient(
    const smbwire::Guid& client_guid) const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<Session>> sessions;
  const auto client = by_client_.find(client_guid);
  if (client == by_client_.end()) return sessions;
  for (const smbwire::SessionId id : client->second) sessions.push_back(sessions_.at(id));
  return sessions;
}

std::vector<std::shared_ptr<Session>> SessionTable::all() const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<Session>> sessions;
  sessions.reserve(sessions_.size());
  for (const auto& [id, session] : sessions_) sessions.push_back(session);
  return sessions;
}

size_t SessionTable::size() const {
  absl::MutexLock lock(&mutex_);
  return sessions_.size();
}

}  // namespace continuo::session
