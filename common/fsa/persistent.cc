// Persistent opens: what has to be known of them to survive the process, and how they come back.
#include <algorithm>

#include "common/fsa/files_impl.h"

namespace continuo::fsa {
namespace {

// Of two epochs of one lease the newer one, in the 16-bit arithmetic of [MS-SMB2] 3.2.5.7.5.
bool IsNewer(uint16_t epoch, uint16_t than) {
  return epoch != than && static_cast<uint16_t>(epoch - than) < 0x8000;
}

HeldLock ToHeld(OpenId open, const PersistentLock& lock) {
  return {.open = open,
          .offset = lock.offset,
          .length_bytes = lock.length_bytes,
          .is_exclusive = lock.is_exclusive};
}

OpenRequest ToRequest(const PersistentOpen& from) {
  OpenRequest request;
  request.access = from.access;
  request.share_access = from.share_access;
  return request;
}

}  // namespace

void FilesImpl::Touch(Open& open) {
  if (open.durability != Durability::kPersistent || open.is_changed) return;
  open.is_changed = true;
  changed_.push_back({.open = open.id});
}

void FilesImpl::Touch(Lease& lease) {
  for (Open* open : lease.opens) Touch(*open);
}

void FilesImpl::Touch(Stream& stream) {
  for (Open* open : stream.opens) Touch(*open);
}

PersistentOpen FilesImpl::Describe(const Open& open) const {
  PersistentOpen to;
  to.open = open.id;
  to.file = open.stream->file->key;
  to.stream = open.stream->name;
  to.path = open.path;
  to.client_guid = open.client_guid;
  to.access = open.access;
  to.share_access = open.share_access;
  to.create_options = open.create_options;
  to.is_delete_on_close = open.is_delete_on_close;
  to.create_guid = open.create_guid;
  to.oplock = open.oplock;
  if (open.lease != nullptr) {
    const Lease& lease = *open.lease;
    to.lease = PersistentLease{.key = lease.id.second,
                               .state = lease.state,
                               .version = lease.version,
                               .epoch = lease.epoch,
                               .parent_key = open.parent_key,
                               .is_breaking = lease.is_breaking(),
                               .break_to = lease.is_breaking() ? lease.break_to : kLeaseNone};
  }
  if (open.lock_count != 0) {
    to.locks.reserve(open.lock_count);
    for (const HeldLock& lock : open.stream->locks) {
      if (lock.open != open.id) continue;
      to.locks.push_back({lock.offset, lock.length_bytes, lock.is_exclusive});
    }
  }
  to.lock_sequences = open.lock_sequences;
  to.is_delete_pending = open.stream->is_delete_pending;
  to.is_posix_delete = to.is_delete_pending && open.stream->is_posix_delete;
  return to;
}

void FilesImpl::TakePersistentChanges(size_t at, Effects* effects) {
  if (changed_.empty()) return;
  Effects changes;
  for (const PersistentMark& mark : changed_) {
    if (mark.has_ended) {
      changes.push_back(PersistentEnded{mark.open, mark.is_deleting});
    } else if (Open* open = FindOpen(mark.open)) {
      open->is_changed = false;
      changes.push_back(PersistentChanged{Describe(*open)});
    }
  }
  changed_.clear();
  effects->insert(effects->begin() + static_cast<std::ptrdiff_t>(at),
                  std::make_move_iterator(changes.begin()),
                  std::make_move_iterator(changes.end()));
}

// What two records say must be possible together: nobody is given what excludes another.
bool FilesImpl::CanRestore(const PersistentOpen& from) const {
  if (opens_.contains(from.open)) return false;
  if ((from.oplock == OplockLevel::kLease) != from.lease.has_value()) return false;
  if (!from.lock_sequences.empty() && from.lock_sequences.size() != kLockSequenceCount) {
    return false;
  }
  if (from.lease) {
    if ((from.lease->state & ~kLeaseAll) != 0 || (from.lease->break_to & ~kLeaseAll) != 0) {
      return false;
    }
    const auto lease = leases_.find(LeaseId(from.client_guid, from.lease->key));
    if (lease != leases_.end() && (lease->second->stream->file->key != from.file ||
                                   lease->second->stream->name != from.stream)) {
      return false;
    }
  }
  const File* file = FindFile(from.file);
  const Stream* stream = file != nullptr ? file->Find(from.stream) : nullptr;
  if (stream == nullptr) return true;
  const OpenRequest wanted = ToRequest(from);
  return std::none_of(stream->opens.begin(), stream->opens.end(),
                      [&](const Open* open) { return DoShareModesConflict(*open, wanted); });
}

// A crash between the records of one step may leave a lock with two opens: the one that gave it up and
// the one that got it. Neither client was told, so either may have it; the first keeps it.
void FilesImpl::RestoreLocks(Stream& stream, Open& open,
                             const std::vector<PersistentLock>& locks) {
  for (const PersistentLock& lock : locks) {
    const HeldLock held = ToHeld(open.id, lock);
    const bool is_free =
        std::none_of(stream.locks.begin(), stream.locks.end(), [&](const HeldLock& other) {
          return other.open != open.id && DoLocksConflict(other, held);
        });
    if (!is_free) {
      Touch(open);
      continue;
    }
    stream.locks.push_back(held);
    ++open.lock_count;
    ++lock_count_;
    NoteLockChange(stream);
  }
}

// Opens of one lease have a record each. The newest epoch is right; among equals the client may have
// given up already what the least of them lacks.
void FilesImpl::RestoreLease(Stream& stream, Open& open, const PersistentLease& from,
                             Effects* effects) {
  auto& slot = leases_[LeaseId(open.client_guid, from.key)];
  const bool is_new = slot == nullptr;
  if (is_new) {
    slot = std::make_unique<Lease>();
    slot->id = LeaseId(open.client_guid, from.key);
    slot->stream = &stream;
    slot->version = from.version;
  }
  Lease& lease = *slot;
  open.lease = &lease;
  lease.opens.push_back(&open);
  const bool is_newer = is_new || IsNewer(from.epoch, lease.epoch);
  if (!is_newer && from.epoch != lease.epoch) return;
  const uint32_t state = is_newer ? from.state : lease.state & from.state;
  // What one record says is on record.
  const bool has_changed = !is_new && (state != lease.state || from.epoch != lease.epoch);
  lease.state = state;
  lease.epoch = from.epoch;
  if (has_changed || state != from.state) Touch(lease);
  if (lease.is_breaking() && (is_newer || lease.break_to == lease.state)) {
    EndBreak(&lease.break_id, effects);
  }
  if (!from.is_breaking || lease.is_breaking()) return;
  const uint32_t to = from.break_to & lease.state;
  if (to == lease.state) return;
  lease.break_required = to;
  SendLeaseBreak(lease, to, effects);
}

NtStatus FilesImpl::Restore(const PersistentOpen& from, Effects* effects) {
  if (!CanRestore(from)) return NtStatus::kInvalidParameter;
  Stream& stream = StreamFor(FileFor(from.file), from.stream);
  std::unique_ptr<Open> owned = NewOpen();
  Open& open = *owned;
  open.id = from.open;
  open.stream = &stream;
  open.path = from.path;
  open.client_guid = from.client_guid;
  open.access = from.access;
  open.share_access = from.share_access;
  open.create_options = from.create_options;
  open.is_delete_on_close = from.is_delete_on_close;
  open.is_connected = false;
  open.durability = Durability::kPersistent;
  open.create_guid = from.create_guid;
  open.oplock = from.oplock;
  open.lock_sequences = from.lock_sequences;
  stream.opens.push_back(&open);
  opens_.emplace(open.id, std::move(owned));
  if (from.lease) {
    open.parent_key = from.lease->parent_key;
    RestoreLease(stream, open, *from.lease, effects);
  }
  RestoreLocks(stream, open, from.locks);
  if (from.is_delete_pending && !stream.is_delete_pending) {
    MarkDeletePending(stream, open, from.is_posix_delete, effects);
  }
  return NtStatus();
}

NtResult<OpenGrant> FilesImpl::SetDurability(const SetDurabilityRequest& request) {
  Open* open = FindOpen(request.open);
  if (open == nullptr) return NtStatus::kFileClosed;
  const bool has_handle_caching = (CachingOf(*open) & kLeaseHandle) != 0;
  const bool is_possible =
      request.durability == Durability::kPersistent || has_handle_caching;
  open->durability = is_possible ? request.durability : Durability::kNone;
  return GrantOf(*open);
}

void FilesImpl::EndHold(OpId op, Effects* effects) {
  const auto it = waiting_.find(op);
  File* file = it == waiting_.end() ? nullptr : FindFile(it->second);
  if (file == nullptr) return;
  for (size_t i = 0; i < file->waiting_opens.size(); ++i) {
    OpenRequest& request = file->waiting_opens[i];
    if (request.op != op || !CheckShare(*file, request).has_persistent_conflict) continue;
    effects->push_back(
        OpenCompleted{op, request.open, NtStatus(NtStatus::kFileNotAvailable)});
    waiting_.erase(op);
    file->waiting_opens.erase(file->waiting_opens.begin() + static_cast<ptrdiff_t>(i));
    file->is_dirty = true;
    Settle(*file, effects);
    return;
  }
}

}  // namespace continuo::fsa
