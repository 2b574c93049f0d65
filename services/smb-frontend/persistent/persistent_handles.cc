#include "services/smb-frontend/persistent/persistent_handles.h"

#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/logging/log.h"
#include "services/smb-frontend/persistent/handle_state.h"

namespace continuo::persistent {

using clients::CaIntent;

namespace {

// The node's group is about to end, and another may have taken over: whoever waits hears nothing more
// from us, and asks again there.
bool IsOver(const absl::Status& status) {
  return absl::IsCancelled(status) || absl::IsFailedPrecondition(status);
}

}  // namespace

void PersistentHandles::AttachTo(clients::CaStoreClient* store) { store_ = store; }

void PersistentHandles::Prepare(castore::HandleRecord record, std::string share_path) {
  absl::MutexLock lock(&mutex_);
  const uint64_t id = record.persistent_id;
  const bool is_new =
      entries_.try_emplace(id, Entry{std::move(record), std::move(share_path), false}).second;
  CONTINUO_CHECK(is_new);
}

void PersistentHandles::Adopt(castore::HandleRecord record, std::string share_path) {
  absl::MutexLock lock(&mutex_);
  const uint64_t id = record.persistent_id;
  entries_.insert_or_assign(id, Entry{std::move(record), std::move(share_path), true});
}

void PersistentHandles::Complete(uint64_t persistent_id, CaIntent intent, Done done) {
  {
    absl::MutexLock lock(&mutex_);
    const auto found = entries_.find(persistent_id);
    if (found != entries_.end()) {
      CONTINUO_CHECK(!found->second.is_live);
      found->second.is_live = true;
      AddPut(found->second, intent, std::exchange(done, nullptr));
    }
  }
  if (done) done(absl::NotFoundError("the open has ended"));
  Drain();
}

void PersistentHandles::Abandon(uint64_t persistent_id) {
  absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(persistent_id);
  if (found != entries_.end() && !found->second.is_live) entries_.erase(found);
}

void PersistentHandles::SetDisconnected(uint64_t persistent_id, absl::Time since) {
  {
    absl::MutexLock lock(&mutex_);
    const auto found = entries_.find(persistent_id);
    if (found == entries_.end() || !found->second.is_live) return;
    found->second.record.disconnected_since = since;
    AddPut(found->second, CaIntent::kNone, nullptr);
  }
  Drain();
}

void PersistentHandles::SetReconnected(uint64_t persistent_id, std::function<void()> done) {
  {
    absl::MutexLock lock(&mutex_);
    const auto found = entries_.find(persistent_id);
    if (found != entries_.end() && found->second.is_live) {
      found->second.record.disconnected_since.reset();
      AddPut(found->second, CaIntent::kNone, nullptr);
    }
  }
  store_->ReportOutcome(persistent_id, clients::CaOutcome::kReclaimed);
  SettleWith(std::move(done));
}

void PersistentHandles::Remove(uint64_t persistent_id, std::function<void()> done) {
  {
    absl::MutexLock lock(&mutex_);
    const auto found = entries_.find(persistent_id);
    if (found != entries_.end()) {
      if (found->second.is_live) AddDelete(persistent_id);
      entries_.erase(found);
    }
  }
  SettleWith(std::move(done));
}

void PersistentHandles::Discard(uint64_t persistent_id) {
  {
    absl::MutexLock lock(&mutex_);
    entries_.erase(persistent_id);
    AddDelete(persistent_id);
  }
  Drain();
}

void PersistentHandles::ReportExpired(uint64_t persistent_id) {
  store_->ReportOutcome(persistent_id, clients::CaOutcome::kExpired);
}

bool PersistentHandles::Knows(uint64_t persistent_id) const {
  absl::MutexLock lock(&mutex_);
  return entries_.contains(persistent_id);
}

size_t PersistentHandles::size() const {
  absl::MutexLock lock(&mutex_);
  return entries_.size();
}

// ---- Intents -------------------------------------------------------------------------------------

void PersistentHandles::PutIntent(const castore::CreateIntent& intent, Done done) {
  store_->PutIntent(intent, [done = std::move(done)](const absl::Status& status) {
    if (!IsOver(status)) done(status);
  });
}

void PersistentHandles::DropIntent(const castore::IntentKey& key) {
  store_->DeleteIntent(key, [weak = weak_from_this(), key](const absl::Status& status) {
    const auto self = weak.lock();
    if (status.ok() || self == nullptr || IsOver(status)) return;
    self->timer_->Schedule(kRetryDelay, [weak, key] {
      if (const auto again = weak.lock()) again->DropIntent(key);
    });
  });
}

void PersistentHandles::AdoptIntent(const castore::CreateIntent& intent) {
  absl::MutexLock lock(&mutex_);
  old_intents_.insert_or_assign(intent.key, intent);
}

bool PersistentHandles::HasOldIntent(const castore::IntentKey& key) const {
  absl::MutexLock lock(&mutex_);
  return old_intents_.contains(key);
}

void PersistentHandles::ForgetOldIntent(const castore::IntentKey& key) {
  absl::MutexLock lock(&mutex_);
  old_intents_.erase(key);
}

// ---- What the FSA tells ------------------------------------------------------------------------------

void PersistentHandles::Note(const fsa::PersistentChanged& event) {
  absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(event.now.open.value());
  if (found == entries_.end()) return;
  Update(event.now, found->second.share_path, found->second.record);
  if (found->second.is_live) AddPut(found->second, CaIntent::kNone, nullptr);
}

void PersistentHandles::Note(const fsa::PersistentEnded& event) {
  absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(event.open.value());
  if (found == entries_.end()) return;
  const bool is_live = found->second.is_live;
  if (is_live && event.is_deleting) return;
  if (is_live) AddDelete(event.open.value());
  entries_.erase(found);
}

bool PersistentHandles::Settle(std::function<void()> then) {
  {
    absl::MutexLock lock(&mutex_);
    if (unstable_.empty()) return true;
    waiters_.push_back({last_sequence_, std::move(then)});
  }
  Drain();
  return false;
}

void PersistentHandles::SettleWith(std::function<void()> then) {
  if (Settle(then)) then();
}

// ---- Writing -------------------------------------------------------------------------------------

void PersistentHandles::AddPut(Entry& entry, CaIntent intent, Done first_done) {
  Write write;
  write.sequence = ++last_sequence_;
  write.persistent_id = entry.record.persistent_id;
  write.record = std::make_shared<const castore::HandleRecord>(entry.record);
  write.intent = intent;
  write.first_done = std::move(first_done);
  unstable_.insert(write.sequence);
  outbox_.push_back(std::move(write));
}

void PersistentHandles::AddDelete(uint64_t persistent_id) {
  Write write;
  write.sequence = ++last_sequence_;
  write.persistent_id = persistent_id;
  unstable_.insert(write.sequence);
  outbox_.push_back(std::move(write));
}

void PersistentHandles::Drain() {
  while (true) {
    Write write;
    {
      absl::MutexLock lock(&mutex_);
      if (is_draining_ || outbox_.empty()) return;
      is_draining_ = true;
      write = std::move(outbox_.front());
      outbox_.pop_front();
    }
    Send(std::move(write));
    absl::MutexLock lock(&mutex_);
    is_draining_ = false;
  }
}

void PersistentHandles::Send(Write write) {
  const auto record = write.record;
  const uint64_t id = write.persistent_id;
  const CaIntent intent = write.intent;
  auto done = [weak = weak_from_this(), write = std::move(write)](const absl::Status& status) {
    if (const auto self = weak.lock()) self->OnWritten(write, status);
  };
  if (record == nullptr) return store_->DeleteRecord(id, std::move(done));
  store_->PutRecord(*record, intent, std::move(done));
}

void PersistentHandles::OnWritten(Write write, absl::Status status) {
  if (status.ok()) {
    // The record is there before anybody hears of it, whichever way.
    OnStable(write.sequence);
    if (write.first_done) write.first_done(status);
    return;
  }
  if (IsOver(status)) return;
  static logging::RateLimit limit;
  limit.Log(logging::Severity::kWarning, "handle.not_stored",
            {{"id", logging::Hex(write.persistent_id)}, {"status", status}});
  // What no record can hold will not fit later either: the handle goes on without one.
  if (write.first_done || absl::IsInvalidArgument(status)) {
    Discard(write.persistent_id);
    OnStable(write.sequence);
    if (write.first_done) write.first_done(status);
    return;
  }
  timer_->Schedule(kRetryDelay, [weak = weak_from_this(), write = std::move(write)] {
    if (const auto self = weak.lock()) self->Retry(write);
  });
}

// What is known now, not what was known then: an older record never overwrites a newer one.
void PersistentHandles::Retry(Write write) {
  {
    absl::MutexLock lock(&mutex_);
    const auto found = entries_.find(write.persistent_id);
    if (write.record != nullptr) {
      if (found == entries_.end()) {
        write.record = nullptr;  // It has ended since; a second deletion does no harm.
      } else {
        write.record = std::make_shared<const castore::HandleRecord>(found->second.record);
      }
    }
    outbox_.push_back(std::move(write));
  }
  Drain();
}

void PersistentHandles::OnStable(uint64_t sequence) {
  std::vector<std::function<void()>> ready;
  {
    absl::MutexLock lock(&mutex_);
    unstable_.erase(sequence);
    const uint64_t first = unstable_.empty() ? last_sequence_ + 1 : *unstable_.begin();
    while (!waiters_.empty() && waiters_.front().sequence < first) {
      ready.push_back(std::move(waiters_.front().then));
      waiters_.pop_front();
    }
  }
  for (const std::function<void()>& then : ready) then();
}

}  // namespace continuo::persistent
