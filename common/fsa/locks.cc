// Byte-range locks, [MS-SMB2] 3.3.5.14 and [MS-FSA] 2.1.5.7, 2.1.5.8, 2.1.4.10.
#include <algorithm>
#include <limits>

#include "common/fsa/files_impl.h"

namespace continuo::fsa {
namespace {

constexpr uint8_t kNoSequence = 0xFF;

// Requires: length is 0, or offset + length - 1 does not wrap.
bool DoOverlap(const HeldLock& a, const HeldLock& b) {
  if (a.length_bytes == 0 && b.length_bytes == 0) return false;
  // An empty range overlaps what it lies strictly inside of.
  if (a.length_bytes == 0) {
    return b.offset < a.offset && a.offset - b.offset < b.length_bytes;
  }
  if (b.length_bytes == 0) {
    return a.offset < b.offset && b.offset - a.offset < a.length_bytes;
  }
  return a.offset <= b.offset ? b.offset - a.offset < a.length_bytes
                              : a.offset - b.offset < b.length_bytes;
}

bool DoesWrap(const LockElement& element) {
  return element.length_bytes != 0 &&
         element.offset > std::numeric_limits<uint64_t>::max() - (element.length_bytes - 1);
}

// [MS-SMB2] 3.3.5.14.2: shared or exclusive; only a single lock may wait.
bool AreLockFlagsValid(const LockElement& element, bool is_single) {
  const uint32_t kind = element.flags & ~kLockFailImmediately;
  if (kind != kLockShared && kind != kLockExclusive) return false;
  return is_single || (element.flags & kLockFailImmediately) != 0;
}

// The slot of LockSequenceArray that a request names, or none.
std::optional<size_t> SequenceSlot(const LockRequest& request) {
  const uint32_t index = request.lock_sequence >> 4;
  if (!request.is_sequence_checked || index == 0 || index > kLockSequenceCount) {
    return std::nullopt;
  }
  return index - 1;
}

void StoreSequence(Open& open, const LockRequest& request) {
  const std::optional<size_t> slot = SequenceSlot(request);
  if (!slot) return;
  if (open.lock_sequences.empty()) open.lock_sequences.assign(kLockSequenceCount, kNoSequence);
  open.lock_sequences[*slot] = static_cast<uint8_t>(request.lock_sequence & 0xF);
}

}  // namespace

// A shared lock may be stacked on the same open's exclusive one, not the other way round.
bool DoLocksConflict(const HeldLock& held, const HeldLock& wanted) {
  if (!held.is_exclusive && !wanted.is_exclusive) return false;
  if (held.is_exclusive && !wanted.is_exclusive && held.open == wanted.open) return false;
  return DoOverlap(held, wanted);
}

std::optional<NtStatus> FilesImpl::Lock(const LockRequest& request, Effects* effects) {
  Open* open = FindOpen(request.open);
  if (open == nullptr) return NtStatus(NtStatus::kFileClosed);
  if (request.locks.empty() || request.locks.size() > kMaxLocksPerRequest) {
    return NtStatus(NtStatus::kInvalidParameter);
  }
  if (const std::optional<size_t> slot = SequenceSlot(request);
      slot && !open->lock_sequences.empty()) {
    // A replay of what was done already is answered as it was then.
    if (open->lock_sequences[*slot] == (request.lock_sequence & 0xF)) return NtStatus();
    open->lock_sequences[*slot] = kNoSequence;
  }
  Stream& stream = *open->stream;
  if ((request.locks.front().flags & kLockUnlock) == 0) {
    return TakeLocks(stream, *open, request, effects);
  }
  const size_t before = stream.locks.size();
  const NtStatus status = Unlock(stream, *open, request.locks);
  if (status.ok()) StoreSequence(*open, request);
  if (stream.locks.size() != before) {
    NoteLockChange(stream);
    Touch(*open);
    stream.file->is_dirty = true;
    Settle(*stream.file, effects);
  }
  return status;
}

NtStatus FilesImpl::TryLock(Stream& stream, const HeldLock& lock) const {
  for (const HeldLock& held : stream.locks) {
    if (DoLocksConflict(held, lock)) return NtStatus::kLockNotGranted;
  }
  return NtStatus();
}

std::optional<NtStatus> FilesImpl::TakeLocks(Stream& stream, Open& open,
                                             const LockRequest& request, Effects* effects) {
  const bool is_single = request.locks.size() == 1;
  for (const LockElement& element : request.locks) {
    if (!AreLockFlagsValid(element, is_single)) return NtStatus(NtStatus::kInvalidParameter);
  }
  const size_t before = stream.locks.size();
  NtStatus status;
  for (const LockElement& element : request.locks) {
    const HeldLock lock{.open = open.id,
                        .offset = element.offset,
                        .length_bytes = element.length_bytes,
                        .is_exclusive = (element.flags & kLockExclusive) != 0};
    if (DoesWrap(element)) {
      status = NtStatus::kInvalidLockRange;
    } else if (open.lock_count + (stream.locks.size() - before) >= kMaxLocksPerOpen) {
      status = NtStatus::kInsufficientResources;
    } else {
      status = TryLock(stream, lock);
    }
    if (status == NtStatus::kLockNotGranted && (element.flags & kLockFailImmediately) == 0) {
      if (waiting_.contains(request.op)) return NtStatus(NtStatus::kInvalidParameter);
      waiting_[request.op] = stream.file->key;
      stream.waiting_locks.push_back(
          WaitingLock{.op = request.op,
                      .lock = lock,
                      .lock_sequence = request.lock_sequence,
                      .is_sequence_checked = request.is_sequence_checked});
      return std::nullopt;
    }
    if (!status.ok()) {
      stream.locks.resize(before);  // All or none.
      return status;
    }
    stream.locks.push_back(lock);
  }
  open.lock_count += stream.locks.size() - before;
  lock_count_ += stream.locks.size() - before;
  StoreSequence(open, request);
  NoteLockChange(stream);
  Touch(open);
  BreakReadCaching(stream, &open, effects);
  if (stream.file->is_dirty) Settle(*stream.file, effects);
  return NtStatus();
}

// Exact ranges only; of two stacked on the same range the exclusive one goes first.
NtStatus FilesImpl::Unlock(Stream& stream, Open& open, const std::vector<LockElement>& elements) {
  for (const LockElement& element : elements) {
    if (element.flags != kLockUnlock) return NtStatus::kInvalidParameter;
    auto found = stream.locks.end();
    for (auto it = stream.locks.begin(); it != stream.locks.end(); ++it) {
      if (it->open != open.id || it->offset != element.offset ||
          it->length_bytes != element.length_bytes) {
        continue;
      }
      if (found == stream.locks.end() || (it->is_exclusive && !found->is_exclusive)) found = it;
    }
    if (found == stream.locks.end()) return NtStatus::kRangeNotLocked;
    stream.locks.erase(found);
    --open.lock_count;
    --lock_count_;
  }
  return NtStatus();
}

// In the order in which they came; one that still cannot be granted does not hold up others.
void FilesImpl::RetryLocks(Stream& stream, Effects* effects) {
  for (size_t i = 0; i < stream.waiting_locks.size();) {
    const WaitingLock waiting = stream.waiting_locks[i];
    if (!TryLock(stream, waiting.lock).ok()) {
      ++i;
      continue;
    }
    stream.waiting_locks.erase(stream.waiting_locks.begin() + static_cast<ptrdiff_t>(i));
    waiting_.erase(waiting.op);
    Open* open = FindOpen(waiting.lock.open);
    CONTINUO_CHECK(open != nullptr);
    stream.locks.push_back(waiting.lock);
    ++open->lock_count;
    ++lock_count_;
    NoteLockChange(stream);
    LockRequest request;
    request.lock_sequence = waiting.lock_sequence;
    request.is_sequence_checked = waiting.is_sequence_checked;
    StoreSequence(*open, request);
    Touch(*open);
    effects->push_back(OpCompleted{waiting.op, NtStatus()});
    BreakReadCaching(stream, open, effects);
  }
}

NtStatus FilesImpl::CheckIo(OpenId id, const IoRange& range) const {
  const Open* open = FindOpen(id);
  if (open == nullptr) return NtStatus::kFileClosed;
  return CheckIoAgainst(open->stream->locks, id, range);
}

void FilesImpl::NoteLockChange(const Stream& stream) {
  if (!is_tracking_locks_) return;
  std::pair<FileKey, std::string> id(stream.file->key, stream.name);
  if (std::find(changed_locks_.begin(), changed_locks_.end(), id) == changed_locks_.end()) {
    changed_locks_.push_back(std::move(id));
  }
}

std::vector<StreamLocks> FilesImpl::TakeLockChanges() {
  std::vector<StreamLocks> changes;
  for (auto& [key, name] : changed_locks_) {
    const File* file = FindFile(key);
    const Stream* stream = file != nullptr ? file->Find(name) : nullptr;
    changes.push_back({.file = key,
                       .stream = std::move(name),
                       .locks = stream != nullptr ? stream->locks : std::vector<HeldLock>()});
  }
  changed_locks_.clear();
  return changes;
}

bool FilesImpl::HasOtherOpens(OpenId id) const {
  const Open* open = FindOpen(id);
  return open != nullptr && open->stream->opens.size() > 1;
}

bool FilesImpl::IsIoAffected(OpenId id) const {
  const Open* open = FindOpen(id);
  if (open == nullptr) return true;
  if (!open->stream->locks.empty()) return true;
  for (const Open* other : open->stream->opens) {
    if (other == open ? open->oplock == OplockLevel::kLevelII
                      : !IsSameLease(*other, *open) && CachingOf(*other) != kLeaseNone) {
      return true;
    }
  }
  return false;
}

// Source: [MS-FSA] 2.1.4.10. An exclusive lock keeps others out; a shared one keeps everybody,
// its holder too, from writing. A transfer of nothing meets no lock.
NtStatus CheckIoAgainst(std::span<const HeldLock> locks, OpenId open, const IoRange& range) {
  if (range.length_bytes == 0 || locks.empty()) return NtStatus();
  const uint64_t room = std::numeric_limits<uint64_t>::max() - range.offset;
  const HeldLock wanted{.open = open,
                        .offset = range.offset,
                        .length_bytes = std::min(range.length_bytes, room),
                        .is_exclusive = range.kind == IoKind::kWrite};
  for (const HeldLock& held : locks) {
    if (held.is_exclusive && held.open == open) continue;
    if (!held.is_exclusive && !wanted.is_exclusive) continue;
    if (DoOverlap(held, wanted)) return NtStatus::kFileLockConflict;
  }
  return NtStatus();
}

}  // namespace continuo::fsa
