#include "common/fsa/wire/codec_parts.h"

namespace continuo::fsa {
namespace wire {

void FromLock(const HeldLock& from, v1::HeldLock* to) {
  to->set_open(from.open.value());
  to->set_offset(from.offset);
  to->set_length_bytes(from.length_bytes);
  to->set_is_exclusive(from.is_exclusive);
}

HeldLock ToLock(const v1::HeldLock& from) {
  return HeldLock{.open = OpenId(from.open()),
                  .offset = from.offset(),
                  .length_bytes = from.length_bytes(),
                  .is_exclusive = from.is_exclusive()};
}

namespace {

void FromWatch(const WatchSnapshot& from, v1::Watch* to) {
  to->set_filter(from.filter);
  to->set_is_recursive(from.is_recursive);
  to->set_has_overflowed(from.has_overflowed);
  to->set_capacity_bytes(from.capacity_bytes);
  to->set_kept_bytes(from.kept_bytes);
  for (const NotifyEntry& entry : from.kept) FromEntry(entry, to->add_kept());
  for (const WatchSnapshot::Waiting& waiting : from.waiting) {
    auto* one = to->add_waiting();
    one->set_op(waiting.op.value());
    one->set_max_size_bytes(waiting.max_size_bytes);
  }
}

bool ToWatch(const v1::Watch& from, WatchSnapshot* to) {
  to->filter = from.filter();
  to->is_recursive = from.is_recursive();
  to->has_overflowed = from.has_overflowed();
  to->capacity_bytes = from.capacity_bytes();
  to->kept_bytes = from.kept_bytes();
  for (const v1::NotifyEntry& entry : from.kept()) {
    if (!ToEntry(entry, &to->kept.emplace_back())) return false;
  }
  for (const v1::WaitingNotify& waiting : from.waiting()) {
    to->waiting.push_back({OpId(waiting.op()), waiting.max_size_bytes()});
  }
  return true;
}

void FromOpenState(const OpenSnapshot& from, v1::OpenState* to) {
  to->set_open(from.open.value());
  to->set_stream(from.stream);
  to->set_path(from.path);
  to->set_client_guid(FromArray(from.client_guid));
  to->set_session_id(from.session_id);
  to->set_access(from.access);
  to->set_share_access(from.share_access);
  to->set_create_options(from.create_options);
  to->set_is_directory(from.is_directory);
  to->set_is_delete_on_close(from.is_delete_on_close);
  to->set_is_disconnected(!from.is_connected);
  to->set_durability(FromDurability(from.durability));
  to->set_create_guid(FromArray(from.create_guid));
  if (from.parent_key) to->set_parent_key(FromArray(*from.parent_key));
  to->set_oplock_level(static_cast<uint32_t>(from.oplock));
  to->set_lease_key(FromArray(from.lease_key));
  to->set_break_id(from.break_id.value());
  to->set_break_to(static_cast<uint32_t>(from.break_to));
  to->set_must_break_to_none(from.must_break_to_none);
  to->set_lock_sequences(std::string(from.lock_sequences.begin(), from.lock_sequences.end()));
  if (from.watch) FromWatch(*from.watch, to->mutable_watch());
}

bool ToOpenState(const v1::OpenState& from, OpenSnapshot* to) {
  to->open = OpenId(from.open());
  to->stream = from.stream();
  to->path = from.path();
  to->session_id = from.session_id();
  to->access = from.access();
  to->share_access = from.share_access();
  to->create_options = from.create_options();
  to->is_directory = from.is_directory();
  to->is_delete_on_close = from.is_delete_on_close();
  to->is_connected = !from.is_disconnected();
  to->break_id = BreakId(from.break_id());
  to->must_break_to_none = from.must_break_to_none();
  to->lock_sequences.assign(from.lock_sequences().begin(), from.lock_sequences().end());
  if (!from.parent_key().empty() && !ToArray(from.parent_key(), &to->parent_key.emplace())) {
    return false;
  }
  if (from.has_watch() && !ToWatch(from.watch(), &to->watch.emplace())) return false;
  return ToArray(from.client_guid(), &to->client_guid) &&
         ToArray(from.create_guid(), &to->create_guid) &&
         ToArray(from.lease_key(), &to->lease_key) && ToLevel(from.oplock_level(), &to->oplock) &&
         ToLevel(from.break_to(), &to->break_to) &&
         ToDurability(from.durability(), &to->durability);
}

void FromLease(const LeaseSnapshot& from, v1::LeaseState* to) {
  to->set_client_guid(FromArray(from.client_guid));
  to->set_key(FromArray(from.key));
  to->set_stream(from.stream);
  to->set_version(from.version);
  to->set_epoch(from.epoch);
  to->set_state(from.state);
  to->set_break_id(from.break_id.value());
  to->set_break_to(from.break_to);
  to->set_break_required(from.break_required);
}

bool ToLease(const v1::LeaseState& from, LeaseSnapshot* to) {
  to->stream = from.stream();
  to->state = from.state();
  to->break_id = BreakId(from.break_id());
  to->break_to = from.break_to();
  to->break_required = from.break_required();
  return ToArray(from.client_guid(), &to->client_guid) && ToArray(from.key(), &to->key) &&
         ToU8(from.version(), &to->version) && ToU16(from.epoch(), &to->epoch);
}

void FromStream(const StreamSnapshot& from, v1::StreamState* to) {
  to->set_stream(from.stream);
  to->set_is_delete_pending(from.is_delete_pending);
  to->set_is_posix_delete(from.is_posix_delete);
  to->set_is_being_deleted(from.is_being_deleted);
  to->set_delete_set_by(from.delete_set_by.value());
  to->set_delete_path(from.delete_path);
  to->set_is_directory(from.is_directory);
  for (const HeldLock& lock : from.locks) FromLock(lock, to->add_locks());
  for (const WaitingLock& waiting : from.waiting_locks) {
    auto* one = to->add_waiting_locks();
    one->set_op(waiting.op.value());
    FromLock(waiting.lock, one->mutable_lock());
    one->set_lock_sequence(waiting.lock_sequence);
    one->set_is_sequence_checked(waiting.is_sequence_checked);
  }
}

StreamSnapshot ToStream(const v1::StreamState& from) {
  StreamSnapshot to;
  to.stream = from.stream();
  to.is_delete_pending = from.is_delete_pending();
  to.is_posix_delete = from.is_posix_delete();
  to.is_being_deleted = from.is_being_deleted();
  to.delete_set_by = OpenId(from.delete_set_by());
  to.delete_path = from.delete_path();
  to.is_directory = from.is_directory();
  for (const v1::HeldLock& lock : from.locks()) to.locks.push_back(ToLock(lock));
  for (const v1::WaitingLock& waiting : from.waiting_locks()) {
    to.waiting_locks.push_back(WaitingLock{.op = OpId(waiting.op()),
                                           .lock = ToLock(waiting.lock()),
                                           .lock_sequence = waiting.lock_sequence(),
                                           .is_sequence_checked = waiting.is_sequence_checked()});
  }
  return to;
}

}  // namespace
}  // namespace wire

void Encode(const FileSnapshot& file, v1::FileState* to) {
  Encode(file.file, to->mutable_file());
  for (const StreamSnapshot& stream : file.streams) wire::FromStream(stream, to->add_streams());
  for (const OpenSnapshot& open : file.opens) wire::FromOpenState(open, to->add_opens());
  for (const LeaseSnapshot& lease : file.leases) wire::FromLease(lease, to->add_leases());
  for (const OpenRequest& open : file.waiting_opens) {
    wire::FromOpen(open, to->add_waiting_opens());
  }
  for (const WaitingBreak& waiting : file.waiting_breaks) {
    auto* one = to->add_waiting_breaks();
    one->set_op(waiting.op.value());
    one->set_by(waiting.by.value());
    one->set_stream(waiting.stream);
    one->set_reason(wire::FromReason(waiting.reason));
  }
  to->set_last_break_id(file.last_break_id.value());
}

std::optional<FileSnapshot> Decode(const v1::FileState& from) {
  FileSnapshot to;
  if (!wire::ToKey(from.file(), &to.file)) return std::nullopt;
  to.last_break_id = BreakId(from.last_break_id());
  for (const v1::StreamState& stream : from.streams()) to.streams.push_back(wire::ToStream(stream));
  for (const v1::OpenState& open : from.opens()) {
    if (!wire::ToOpenState(open, &to.opens.emplace_back())) return std::nullopt;
  }
  for (const v1::LeaseState& lease : from.leases()) {
    if (!wire::ToLease(lease, &to.leases.emplace_back())) return std::nullopt;
  }
  for (const v1::OpenOperation& open : from.waiting_opens()) {
    if (!wire::ToOpen(open, &to.waiting_opens.emplace_back())) return std::nullopt;
  }
  for (const v1::WaitingBreak& waiting : from.waiting_breaks()) {
    WaitingBreak one{.op = OpId(waiting.op()),
                     .by = OpenId(waiting.by()),
                     .stream = waiting.stream(),
                     .reason = {}};
    if (!wire::ToReason(waiting.reason(), &one.reason)) return std::nullopt;
    to.waiting_breaks.push_back(std::move(one));
  }
  return to;
}

void Encode(const StreamLocks& locks, v1::StreamLocks* to) {
  Encode(locks.file, to->mutable_file());
  to->set_stream(locks.stream);
  for (const HeldLock& lock : locks.locks) wire::FromLock(lock, to->add_locks());
}

std::optional<StreamLocks> Decode(const v1::StreamLocks& from) {
  StreamLocks to;
  if (!wire::ToKey(from.file(), &to.file)) return std::nullopt;
  to.stream = from.stream();
  for (const v1::HeldLock& lock : from.locks()) to.locks.push_back(wire::ToLock(lock));
  return to;
}

void Encode(const Counters& counters, v1::Counters* to) {
  to->set_files(counters.files);
  to->set_opens(counters.opens);
  to->set_waiting_operations(counters.waiting_operations);
  to->set_locks(counters.locks);
  to->set_leases(counters.leases);
  to->set_breaks_in_progress(counters.breaks_in_progress);
  to->set_watches(counters.watches);
}

Counters Decode(const v1::Counters& from) {
  Counters to;
  to.files = from.files();
  to.opens = from.opens();
  to.waiting_operations = from.waiting_operations();
  to.locks = from.locks();
  to.leases = from.leases();
  to.breaks_in_progress = from.breaks_in_progress();
  to.watches = from.watches();
  return to;
}

}  // namespace continuo::fsa
