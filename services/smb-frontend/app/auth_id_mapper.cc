#include "services/smb-frontend/app/auth_id_mapper.h"

#include <future>
#include <memory>
#include <utility>

#include <absl/time/clock.h>

namespace continuo::app {
namespace {

constexpr absl::Duration kDeadline = absl::Seconds(2);

// Calls `start(done)` and waits for the one answer that stands in its result; nullopt when
// auth-service could not answer.
template <typename T, typename Start>
std::optional<T> AskOne(Start start) {
  using Answer = absl::StatusOr<std::vector<T>>;
  auto promise = std::make_shared<std::promise<Answer>>();
  std::future<Answer> future = promise->get_future();
  start([promise](Answer answer) { promise->set_value(std::move(answer)); });
  const Answer answer = future.get();
  if (!answer.ok() || answer->empty()) return std::nullopt;
  return answer->front();
}

}  // namespace

std::optional<security::Sid> AuthIdMapper::AskSid(clients::UnixId id) const {
  return AskOne<security::Sid>([&](clients::AuthCallback<std::vector<security::Sid>> done) {
    auth_.MapUnixIdsToSids({id}, absl::Now() + kDeadline, std::move(done));
  });
}

std::optional<clients::UnixId> AuthIdMapper::AskId(const security::Sid& sid) const {
  return AskOne<clients::UnixId>([&](clients::AuthCallback<std::vector<clients::UnixId>> done) {
    auth_.MapSidsToUnixIds({sid}, absl::Now() + kDeadline, std::move(done));
  });
}

security::Sid AuthIdMapper::SidOfUid(uint32_t uid) const {
  {
    absl::MutexLock lock(&mutex_);
    if (const auto found = users_.find(uid); found != users_.end()) return found->second;
  }
  const auto sid = AskSid({.kind = clients::UnixIdKind::kUid, .id = uid});
  if (!sid || !sid->IsValid()) return security::UnixUserSid(uid);
  absl::MutexLock lock(&mutex_);
  if (users_.size() >= kMaxKept) users_.clear();
  users_[uid] = *sid;
  return *sid;
}

security::Sid AuthIdMapper::SidOfGid(uint32_t gid) const {
  {
    absl::MutexLock lock(&mutex_);
    if (const auto found = groups_.find(gid); found != groups_.end()) return found->second;
  }
  const auto sid = AskSid({.kind = clients::UnixIdKind::kGid, .id = gid});
  if (!sid || !sid->IsValid()) return security::UnixGroupSid(gid);
  absl::MutexLock lock(&mutex_);
  if (groups_.size() >= kMaxKept) groups_.clear();
  groups_[gid] = *sid;
  return *sid;
}

std::optional<clients::UnixId> AuthIdMapper::IdOf(const security::Sid& sid) const {
  {
    absl::MutexLock lock(&mutex_);
    if (const auto found = ids_.find(sid); found != ids_.end()) return found->second;
  }
  const auto id = AskId(sid);
  if (!id) return std::nullopt;
  absl::MutexLock lock(&mutex_);
  if (ids_.size() >= kMaxKept) ids_.clear();
  ids_[sid] = *id;
  return id;
}

std::optional<uint32_t> AuthIdMapper::UidOfSid(const security::Sid& sid) const {
  if (const auto uid = security::UidOfUnixSid(sid)) return uid;
  const auto id = IdOf(sid);
  if (!id) return std::nullopt;
  const bool is_user =
      id->kind == clients::UnixIdKind::kUid || id->kind == clients::UnixIdKind::kBoth;
  return is_user ? std::optional<uint32_t>(id->id) : std::nullopt;
}

std::optional<uint32_t> AuthIdMapper::GidOfSid(const security::Sid& sid) const {
  if (const auto gid = security::GidOfUnixSid(sid)) return gid;
  const auto id = IdOf(sid);
  if (!id) return std::nullopt;
  const bool is_group =
      id->kind == clients::UnixIdKind::kGid || id->kind == clients::UnixIdKind::kBoth;
  return is_group ? std::optional<uint32_t>(id->id) : std::nullopt;
}

void AuthIdMapper::Forget() {
  absl::MutexLock lock(&mutex_);
  users_.clear();
  groups_.clear();
  ids_.clear();
}

}  // namespace continuo::app
