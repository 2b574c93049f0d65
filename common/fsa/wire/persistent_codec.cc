#include "common/fsa/wire/codec_parts.h"

namespace continuo::fsa::wire {
namespace {

void FromLease(const PersistentLease& from, v1::PersistentLease* to) {
  to->set_key(FromArray(from.key));
  to->set_state(from.state);
  to->set_version(from.version);
  to->set_epoch(from.epoch);
  if (from.parent_key) to->set_parent_key(FromArray(*from.parent_key));
  to->set_is_breaking(from.is_breaking);
  to->set_break_to(from.break_to);
}

bool ToLease(const v1::PersistentLease& from, PersistentLease* to) {
  to->state = from.state();
  to->is_breaking = from.is_breaking();
  to->break_to = from.break_to();
  if (!from.parent_key().empty() && !ToArray(from.parent_key(), &to->parent_key.emplace())) {
    return false;
  }
  return ToArray(from.key(), &to->key) && ToU8(from.version(), &to->version) &&
         ToU16(from.epoch(), &to->epoch);
}

}  // namespace

void FromPersistent(const PersistentOpen& from, v1::PersistentOpen* to) {
  to->set_open(from.open.value());
  Encode(from.file, to->mutable_file());
  to->set_stream(from.stream);
  to->set_path(from.path);
  to->set_client_guid(FromArray(from.client_guid));
  to->set_access(from.access);
  to->set_share_access(from.share_access);
  to->set_create_options(from.create_options);
  to->set_is_delete_on_close(from.is_delete_on_close);
  to->set_create_guid(FromArray(from.create_guid));
  to->set_oplock_level(static_cast<uint32_t>(from.oplock));
  if (from.lease) FromLease(*from.lease, to->mutable_lease());
  for (const PersistentLock& lock : from.locks) {
    auto* one = to->add_locks();
    one->set_offset(lock.offset);
    one->set_length_bytes(lock.length_bytes);
    one->set_is_exclusive(lock.is_exclusive);
  }
  to->set_lock_sequences(std::string(from.lock_sequences.begin(), from.lock_sequences.end()));
  to->set_is_delete_pending(from.is_delete_pending);
  to->set_is_posix_delete(from.is_posix_delete);
}

bool ToPersistent(const v1::PersistentOpen& from, PersistentOpen* to) {
  to->open = OpenId(from.open());
  to->stream = from.stream();
  to->path = from.path();
  to->access = from.access();
  to->share_access = from.share_access();
  to->create_options = from.create_options();
  to->is_delete_on_close = from.is_delete_on_close();
  for (const v1::PersistentLock& lock : from.locks()) {
    to->locks.push_back({lock.offset(), lock.length_bytes(), lock.is_exclusive()});
  }
  to->lock_sequences.assign(from.lock_sequences().begin(), from.lock_sequences().end());
  to->is_delete_pending = from.is_delete_pending();
  to->is_posix_delete = from.is_posix_delete();
  if (from.has_lease() && !ToLease(from.lease(), &to->lease.emplace())) return false;
  return ToKey(from.file(), &to->file) && ToArray(from.client_guid(), &to->client_guid) &&
         ToArray(from.create_guid(), &to->create_guid) &&
         ToLevel(from.oplock_level(), &to->oplock);
}

}  // namespace continuo::fsa::wire
