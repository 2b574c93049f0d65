// The records of this node's persistent handles: what is noted of each, and when it is stable.
//
//   handles.Prepare(record, share_path);                 // before the FSA is asked
//   ... FSA open, change of the file system ...
//   handles.Complete(id, CaIntent::kNone, [](absl::Status stored) { ...reply... });
//   ... from here on whatever the FSA tells of the open is written, in its order ...
//   FSA close → the record goes (Note), or Remove(id, ...) after a removal that the close caused
//
// | state     | Prepare   | Complete  | change noted | end noted | end noted, is_deleting | Remove |
// | none      | preparing | NotFound  | (nothing)    | (nothing) | (nothing)              | none   |
// | preparing | never     | live, put | kept in mind | none      | none                   | none   |
// | live      | never     | never     | put          | delete    | live                   | delete |
//
// A write that fails is tried again until it is done: who depends on it waits that long. Only the
// first one of a handle fails for good, to its Complete: the client gets no persistent handle then.
// A handle that outgrows the limits of a record loses it, and is gone after a crash.
//
// Source:    [MS-SMB2] 3.3.5.9.10; design.md 3 and 5.
// Threading: any thread. Note is called under the FSA host's lock; nothing here calls back into the
//            host while it holds a lock of its own.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include "common/castore/handle_record.h"
#include "services/smb-frontend/clients/ca_store_client.h"
#include "services/smb-frontend/fsa_host/fsa_host.h"

namespace continuo::persistent {

// Between two tries of a write that failed.
inline constexpr absl::Duration kRetryDelay = absl::Milliseconds(100);

class PersistentHandles final : public frontend::FsaRecorder,
                                public std::enable_shared_from_this<PersistentHandles> {
 public:
  using Done = std::function<void(absl::Status)>;

  // `timer` outlives it.
  explicit PersistentHandles(frontend::FsaTimer* timer) : timer_(timer) {}
  // Before the first record; `store` outlives the last call.
  void AttachTo(clients::CaStoreClient* store);

  void Prepare(castore::HandleRecord record, std::string share_path);
  // `done` gets OK when the record is stable, NotFound when the open has ended meanwhile. Otherwise
  // the handle is none of this object's any more, and what may be stored of it is removed.
  void Complete(uint64_t persistent_id, clients::CaIntent intent, Done done);
  // It came to nothing before Complete.
  void Abandon(uint64_t persistent_id);
  // One that the store handed out.
  void Adopt(castore::HandleRecord record, std::string share_path);

  // Its client has gone, or is back; `done` when that is stable.
  void SetDisconnected(uint64_t persistent_id, absl::Time since);
  void SetReconnected(uint64_t persistent_id, std::function<void()> done);
  // Its end has removed what it had to: the record goes. `done` when that is stable.
  void Remove(uint64_t persistent_id, std::function<void()> done);
  // A record of a handle that cannot come back.
  void Discard(uint64_t persistent_id);
  void ReportExpired(uint64_t persistent_id);

  bool Knows(uint64_t persistent_id) const;
  size_t size() const;

  // Intents: `done` gets OK when it is stable, before the file system is changed. As everywhere here
  // it is never called when the node's group is about to end.
  void PutIntent(const castore::CreateIntent& intent, Done done);
  // It came to nothing: tried until it is done, nobody waits.
  void DropIntent(const castore::IntentKey& key);
  // Intents of CREATEs that a crash interrupted and that left their mark on a file.
  void AdoptIntent(const castore::CreateIntent& intent);
  bool HasOldIntent(const castore::IntentKey& key) const;
  void ForgetOldIntent(const castore::IntentKey& key);

  // frontend::FsaRecorder
  void Note(const fsa::PersistentChanged& event) override;
  void Note(const fsa::PersistentEnded& event) override;
  bool Settle(std::function<void()> then) override;

 private:
  struct Entry {
    castore::HandleRecord record;
    std::string share_path;
    bool is_live = false;
  };
  // One change of the store, in order. Without a record it is a deletion.
  struct Write {
    uint64_t sequence = 0;
    uint64_t persistent_id = 0;
    std::shared_ptr<const castore::HandleRecord> record;
    clients::CaIntent intent = clients::CaIntent::kNone;
    Done first_done;  // Of Complete: told of a failure, which is not tried again.
  };
  struct Waiter {
    uint64_t sequence = 0;  // Waits for this one and all before.
    std::function<void()> then;
  };

  void AddPut(Entry& entry, clients::CaIntent intent, Done first_done)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddDelete(uint64_t persistent_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Sends what was added, in order; other threads leave theirs to the one that is at it.
  void Drain() ABSL_LOCKS_EXCLUDED(mutex_);
  void Send(Write write) ABSL_LOCKS_EXCLUDED(mutex_);
  void OnWritten(Write write, absl::Status status) ABSL_LOCKS_EXCLUDED(mutex_);
  void OnStable(uint64_t sequence) ABSL_LOCKS_EXCLUDED(mutex_);
  void Retry(Write write) ABSL_LOCKS_EXCLUDED(mutex_);
  void SettleWith(std::function<void()> then) ABSL_LOCKS_EXCLUDED(mutex_);

  frontend::FsaTimer* const timer_;
  clients::CaStoreClient* store_ = nullptr;

  mutable absl::Mutex mutex_;
  absl::flat_hash_map<uint64_t, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::map<castore::IntentKey, castore::CreateIntent> old_intents_ ABSL_GUARDED_BY(mutex_);
  std::deque<Write> outbox_ ABSL_GUARDED_BY(mutex_);
  bool is_draining_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t last_sequence_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<uint64_t> unstable_ ABSL_GUARDED_BY(mutex_);
  std::deque<Waiter> waiters_ ABSL_GUARDED_BY(mutex_);  // By sequence.
};

}  // namespace continuo::persistent
