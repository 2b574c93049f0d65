#include "services/smb-frontend/persistent/handle_state.h"

#include "common/bytes/utf16.h"

namespace continuo::persistent {
namespace {

castore::LeaseRecord ToRecord(const fsa::PersistentLease& from) {
  castore::LeaseRecord to;
  to.key = from.key;
  to.state = from.state;
  to.version = from.version;
  to.epoch = from.epoch;
  to.parent_key = from.parent_key;
  to.is_breaking = from.is_breaking;
  to.break_to = from.break_to;
  return to;
}

fsa::PersistentLease ToLease(const castore::LeaseRecord& from) {
  fsa::PersistentLease to;
  to.key = from.key;
  to.state = from.state;
  to.version = from.version;
  to.epoch = from.epoch;
  to.parent_key = from.parent_key;
  to.is_breaking = from.is_breaking;
  to.break_to = from.break_to;
  return to;
}

// "/srv/share" + "/srv/share/a/b" → "a/b".
std::string Beneath(std::string_view share_path, std::string_view path) {
  if (path.size() <= share_path.size()) return "";
  path.remove_prefix(share_path.size());
  if (path.front() == '/') path.remove_prefix(1);
  return std::string(path);
}

std::string Joined(std::string_view share_path, std::string_view path) {
  std::string whole(share_path);
  if (path.empty()) return whole;
  if (whole.empty() || whole.back() != '/') whole += '/';
  return whole.append(path);
}

}  // namespace

void Update(const fsa::PersistentOpen& state, std::string_view share_path,
            castore::HandleRecord& record) {
  // An open whose name is gone keeps the last one that it had.
  if (!state.path.empty()) record.path = Beneath(share_path, state.path);
  record.oplock_level = state.oplock;
  record.lease.reset();
  if (state.lease) record.lease = ToRecord(*state.lease);
  record.locks.clear();
  record.locks.reserve(state.locks.size());
  for (const fsa::PersistentLock& lock : state.locks) {
    record.locks.push_back({.offset = lock.offset,
                            .length_bytes = lock.length_bytes,
                            .is_exclusive = lock.is_exclusive});
  }
  record.lock_sequences = state.lock_sequences;
  record.is_delete_on_close = state.is_delete_on_close;
  record.is_delete_pending = state.is_delete_pending;
}

fsa::PersistentOpen ToState(const castore::HandleRecord& record, std::string_view share_path) {
  fsa::PersistentOpen state;
  state.open = fsa::OpenId(record.persistent_id);
  state.file = record.file;
  if (!record.stream.empty()) state.stream = bytes::FoldName(record.stream);
  state.path = Joined(share_path, record.path);
  state.client_guid = record.client_guid;
  state.access = record.access;
  state.share_access = record.share_access;
  state.create_options = record.create_options;
  state.is_delete_on_close = record.is_delete_on_close;
  state.create_guid = record.create_guid;
  state.oplock = record.oplock_level;
  if (record.lease) state.lease = ToLease(*record.lease);
  for (const castore::LockRecord& lock : record.locks) {
    state.locks.push_back({.offset = lock.offset,
                           .length_bytes = lock.length_bytes,
                           .is_exclusive = lock.is_exclusive});
  }
  state.lock_sequences.assign(record.lock_sequences.begin(), record.lock_sequences.end());
  state.is_delete_pending = record.is_delete_pending;
  return state;
}

}  // namespace continuo::persistent
