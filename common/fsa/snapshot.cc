// A file's state as plain data, and back.
#include <algorithm>

#include <absl/container/flat_hash_set.h>

#include "common/fsa/files_impl.h"

namespace continuo::fsa {
namespace {

std::vector<const Stream*> StreamsByName(const File& file) {
  std::vector<const Stream*> streams;
  for (const auto& stream : file.streams) {
    if (!stream->is_idle()) streams.push_back(stream.get());
  }
  std::sort(streams.begin(), streams.end(),
            [](const Stream* a, const Stream* b) { return a->name < b->name; });
  return streams;
}

OpenSnapshot ToSnapshot(const Open& open) {
  OpenSnapshot to;
  to.open = open.id;
  to.stream = open.stream->name;
  to.path = open.path;
  to.client_guid = open.client_guid;
  to.session_id = open.session_id;
  to.access = open.access;
  to.share_access = open.share_access;
  to.create_options = open.create_options;
  to.is_directory = open.is_directory;
  to.is_delete_on_close = open.is_delete_on_close;
  to.is_connected = open.is_connected;
  to.durability = open.durability;
  to.create_guid = open.create_guid;
  to.parent_key = open.parent_key;
  to.oplock = open.oplock;
  if (open.lease != nullptr) to.lease_key = open.lease->id.second;
  to.break_id = open.break_id;
  if (open.is_breaking()) {
    to.break_to = open.break_to;
    to.must_break_to_none = open.must_break_to_none;
  }
  to.lock_sequences = open.lock_sequences;
  if (open.watch != nullptr) {
    to.watch = WatchSnapshot{.filter = open.watch->filter,
                             .is_recursive = open.watch->is_recursive,
                             .has_overflowed = open.watch->has_overflowed,
                             .capacity_bytes = open.watch->capacity_bytes,
                             .kept_bytes = open.watch->kept_bytes,
                             .kept = open.watch->kept,
                             .waiting = open.watch->waiting};
  }
  return to;
}

LeaseSnapshot ToSnapshot(const Lease& lease) {
  LeaseSnapshot to;
  to.client_guid = lease.id.first;
  to.key = lease.id.second;
  to.stream = lease.stream->name;
  to.version = lease.version;
  to.epoch = lease.epoch;
  to.state = lease.state;
  to.break_id = lease.break_id;
  if (lease.is_breaking()) {
    to.break_to = lease.break_to;
    to.break_required = lease.break_required;
  }
  return to;
}

StreamSnapshot ToSnapshot(const Stream& stream) {
  StreamSnapshot to;
  to.stream = stream.name;
  if (stream.is_delete_pending) {
    to.is_delete_pending = true;
    to.is_posix_delete = stream.is_posix_delete;
    to.is_being_deleted = stream.is_being_deleted;
    to.delete_set_by = stream.delete_set_by;
    to.delete_path = stream.delete_path;
    to.is_directory = stream.is_directory;
  }
  to.locks = stream.locks;
  to.waiting_locks = stream.waiting_locks;
  return to;
}

template <typename Set, typename Id>
bool AddNew(Set* set, const Id& id) {
  return set->insert(id).second;
}

}  // namespace

FileSnapshot FilesImpl::Snapshot(const FileKey& key) const {
  FileSnapshot to;
  to.file = key;
  to.last_break_id = BreakId(last_break_id_);
  const File* file = FindFile(key);
  if (file == nullptr) return to;
  for (const Stream* stream : StreamsByName(*file)) {
    to.streams.push_back(ToSnapshot(*stream));
    for (const Open* open : stream->opens) {
      to.opens.push_back(ToSnapshot(*open));
      if (open->lease != nullptr && open->lease->opens.front() == open) {
        to.leases.push_back(ToSnapshot(*open->lease));
      }
    }
  }
  std::sort(to.leases.begin(), to.leases.end(), [](const auto& a, const auto& b) {
    return LeaseId(a.client_guid, a.key) < LeaseId(b.client_guid, b.key);
  });
  to.waiting_opens = file->waiting_opens;
  to.waiting_breaks = file->waiting_breaks;
  return to;
}

void FilesImpl::Remove(const FileKey& key) {
  const auto it = files_.find(key);
  if (it == files_.end()) return;
  File& file = *it->second;
  for (const auto& stream : file.streams) {
    for (Open* open : stream->opens) {
      if (open->watch != nullptr) {
        for (const auto& waiting : open->watch->waiting) waiting_.erase(waiting.op);
        DropWatch(*open);
      }
      breaks_.erase(open->break_id);
      if (open->lease != nullptr && open->lease->opens.front() == open) {
        breaks_.erase(open->lease->break_id);
      }
    }
    for (const WaitingLock& waiting : stream->waiting_locks) waiting_.erase(waiting.op);
    lock_count_ -= stream->locks.size();
  }
  for (const auto& stream : file.streams) {
    for (Open* open : stream->opens) {
      if (open->lease != nullptr && open->lease->opens.back() == open) {
        leases_.erase(open->lease->id);
      }
    }
  }
  for (const auto& stream : file.streams) {
    for (Open* open : stream->opens) opens_.erase(OpenId(open->id));
  }
  for (const OpenRequest& waiting : file.waiting_opens) waiting_.erase(waiting.op);
  for (const WaitingBreak& waiting : file.waiting_breaks) waiting_.erase(waiting.op);
  files_.erase(it);
}

bool FilesImpl::CanLoad(const FileSnapshot& snapshot) const {
  if (files_.contains(snapshot.file)) return false;
  absl::flat_hash_set<std::string> streams;
  absl::flat_hash_set<OpenId> opens;
  absl::flat_hash_set<LeaseId> leases;
  absl::flat_hash_set<BreakId> breaks;
  absl::flat_hash_set<OpId> ops;
  const auto is_new_break = [&](BreakId id) {
    return id == BreakId() || (id <= snapshot.last_break_id && !breaks_.contains(id) &&
                               AddNew(&breaks, id));
  };
  const auto is_new_op = [&](OpId op) { return !waiting_.contains(op) && AddNew(&ops, op); };
  for (const StreamSnapshot& stream : snapshot.streams) {
    if (!AddNew(&streams, stream.stream)) return false;
  }
  for (const LeaseSnapshot& lease : snapshot.leases) {
    const LeaseId id(lease.client_guid, lease.key);
    if (leases_.contains(id) || !AddNew(&leases, id) || !is_new_break(lease.break_id) ||
        !streams.contains(lease.stream) || (lease.state & ~kLeaseAll) != 0) {
      return false;
    }
  }
  for (const OpenSnapshot& open : snapshot.opens) {
    if (opens_.contains(open.open) || !AddNew(&opens, open.open)) return false;
    if (!streams.contains(open.stream) || !is_new_break(open.break_id)) return false;
    if (!open.lock_sequences.empty() && open.lock_sequences.size() != kLockSequenceCount) {
      return false;
    }
    if (open.oplock == OplockLevel::kLease) {
      const auto lease = std::find_if(
          snapshot.leases.begin(), snapshot.leases.end(), [&](const LeaseSnapshot& candidate) {
            return candidate.key == open.lease_key && candidate.client_guid == open.client_guid;
          });
      if (lease == snapshot.leases.end() || lease->stream != open.stream) return false;
      leases.erase(LeaseId(open.client_guid, open.lease_key));
    }
    if (!open.watch) continue;
    for (const auto& waiting : open.watch->waiting) {
      if (!is_new_op(waiting.op)) return false;
    }
  }
  if (!leases.empty()) return false;  // A lease that no open holds.
  for (const StreamSnapshot& stream : snapshot.streams) {
    for (const HeldLock& lock : stream.locks) {
      if (!opens.contains(lock.open)) return false;
    }
    for (const WaitingLock& waiting : stream.waiting_locks) {
      if (!opens.contains(waiting.lock.open) || !is_new_op(waiting.op)) return false;
    }
  }
  for (const OpenRequest& waiting : snapshot.waiting_opens) {
    if (!is_new_op(waiting.op) || waiting.file != snapshot.file) return false;
  }
  for (const WaitingBreak& waiting : snapshot.waiting_breaks) {
    if (!is_new_op(waiting.op)) return false;
  }
  return true;
}

void FilesImpl::LoadOpen(Stream& stream, const OpenSnapshot& from) {
  std::unique_ptr<Open> owned = NewOpen();
  Open& open = *owned;
  open.id = from.open;
  open.stream = &stream;
  open.path = from.path;
  open.client_guid = from.client_guid;
  open.session_id = from.session_id;
  open.access = from.access;
  open.share_access = from.share_access;
  open.create_options = from.create_options;
  open.is_directory = from.is_directory;
  open.is_delete_on_close = from.is_delete_on_close;
  open.is_connected = from.is_connected;
  open.durability = from.durability;
  open.create_guid = from.create_guid;
  open.parent_key = from.parent_key;
  open.oplock = from.oplock;
  open.break_id = from.break_id;
  open.break_to = from.break_to;
  open.must_break_to_none = from.must_break_to_none;
  open.lock_sequences = from.lock_sequences;
  if (open.is_breaking()) breaks_[open.break_id] = BreakTarget{.open = &open, .lease = nullptr};
  if (from.oplock == OplockLevel::kLease) {
    open.lease = leases_.at(LeaseId(from.client_guid, from.lease_key)).get();
    open.lease->opens.push_back(&open);
  }
  if (from.watch) {
    open.watch = std::make_unique<Watch>();
    open.watch->filter = from.watch->filter;
    open.watch->is_recursive = from.watch->is_recursive;
    open.watch->has_overflowed = from.watch->has_overflowed;
    open.watch->capacity_bytes = static_cast<size_t>(from.watch->capacity_bytes);
    open.watch->kept_bytes = static_cast<size_t>(from.watch->kept_bytes);
    open.watch->kept = from.watch->kept;
    open.watch->waiting = from.watch->waiting;
    for (const auto& waiting : open.watch->waiting) waiting_[waiting.op] = stream.file->key;
    ++watch_count_;
    IndexWatch(open);
  }
  stream.opens.push_back(&open);
  opens_.emplace(open.id, std::move(owned));
}

bool FilesImpl::Load(const FileSnapshot& snapshot) {
  last_break_id_ = std::max(last_break_id_, snapshot.last_break_id.value());
  if (!CanLoad(snapshot)) return false;
  File& file = FileFor(snapshot.file);
  for (const StreamSnapshot& from : snapshot.streams) {
    Stream& stream = StreamFor(file, from.stream);
    stream.is_delete_pending = from.is_delete_pending;
    stream.is_posix_delete = from.is_posix_delete;
    stream.is_being_deleted = from.is_being_deleted;
    stream.delete_set_by = from.delete_set_by;
    stream.delete_path = from.delete_path;
    stream.is_directory = from.is_directory;
    stream.locks = from.locks;
    stream.waiting_locks = from.waiting_locks;
    lock_count_ += stream.locks.size();
    for (const WaitingLock& waiting : stream.waiting_locks) waiting_[waiting.op] = file.key;
  }
  for (const LeaseSnapshot& from : snapshot.leases) {
    const LeaseId id(from.client_guid, from.key);
    auto lease = std::make_unique<Lease>();
    lease->id = id;
    lease->stream = file.Find(from.stream);
    lease->version = from.version;
    lease->epoch = from.epoch;
    lease->state = from.state;
    lease->break_id = from.break_id;
    lease->break_to = from.break_to;
    lease->break_required = from.break_required;
    if (lease->is_breaking()) {
      breaks_[lease->break_id] = BreakTarget{.open = nullptr, .lease = lease.get()};
    }
    leases_[id] = std::move(lease);
  }
  for (const OpenSnapshot& from : snapshot.opens) LoadOpen(*file.Find(from.stream), from);
  for (const StreamSnapshot& from : snapshot.streams) {
    for (const HeldLock& lock : from.locks) ++FindOpen(lock.open)->lock_count;
  }
  file.waiting_opens = snapshot.waiting_opens;
  file.waiting_breaks = snapshot.waiting_breaks;
  for (const OpenRequest& waiting : file.waiting_opens) waiting_[waiting.op] = file.key;
  for (const WaitingBreak& waiting : file.waiting_breaks) waiting_[waiting.op] = file.key;
  ForgetIfIdle(file);
  return true;
}

std::vector<FileKey> FilesImpl::Keys() const {
  std::vector<FileKey> keys;
  keys.reserve(files_.size());
  for (const auto& [key, file] : files_) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  return keys;
}

Counters FilesImpl::counters() const {
  Counters counters;
  counters.files = files_.size();
  counters.opens = opens_.size();
  counters.waiting_operations = waiting_.size();
  counters.locks = lock_count_;
  counters.leases = leases_.size();
  counters.breaks_in_progress = breaks_.size();
  counters.watches = watch_count_;
  return counters;
}

}  // namespace continuo::fsa
