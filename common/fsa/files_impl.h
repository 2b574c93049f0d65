// Internal to common/fsa: the objects behind Files and the rule groups that work on them. One .cc
// per group: opens.cc, caching.cc, locks.cc, closing.cc, notify.cc, persistent.cc, snapshot.cc.
//
// Every public operation ends in Settle for each file it touched: what waited is looked at again
// until nothing changes, and a file without opens, waiters and removals is forgotten.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/container/inlined_vector.h>

#include "common/fsa/files.h"

namespace continuo::fsa {

struct Stream;
struct File;
struct Open;

using LeaseId = std::pair<Guid, LeaseKey>;

struct Lease {
  LeaseId id;
  Stream* stream = nullptr;
  uint8_t version = 1;
  uint16_t epoch = 0;
  uint32_t state = kLeaseNone;
  // A break that waits for its acknowledgement: break_id is not 0, `break_to` is what the client
  // was told, and the lease has to go down to `break_required`, in further steps if need be.
  BreakId break_id;
  uint32_t break_to = kLeaseNone;
  uint32_t break_required = kLeaseNone;
  absl::InlinedVector<Open*, 2> opens;

  bool is_breaking() const { return break_id != BreakId(); }
};

struct Watch {
  uint32_t filter = 0;
  bool is_recursive = false;
  bool has_overflowed = false;
  size_t capacity_bytes = 0;
  size_t kept_bytes = 0;
  std::vector<NotifyEntry> kept;
  std::vector<WatchSnapshot::Waiting> waiting;
};

struct Open {
  OpenId id;
  Stream* stream = nullptr;
  std::string path;
  Guid client_guid{};
  uint64_t session_id = 0;
  uint32_t access = 0;
  uint32_t share_access = 0;
  uint32_t create_options = 0;
  bool is_directory = false;
  bool is_delete_on_close = false;
  bool is_connected = true;
  Durability durability = Durability::kNone;
  Guid create_guid{};
  std::optional<LeaseKey> parent_key;
  OplockLevel oplock = OplockLevel::kNone;
  Lease* lease = nullptr;
  BreakId break_id;  // of an oplock break that waits for its acknowledgement
  OplockLevel break_to = OplockLevel::kNone;
  bool must_break_to_none = false;
  size_t lock_count = 0;
  std::vector<uint8_t> lock_sequences;
  std::unique_ptr<Watch> watch;
  bool is_changed = false;  // Persistent, and in FilesImpl::changed_.

  bool is_breaking() const { return break_id != BreakId(); }
};

// What is held and waited for on one stream; the unnamed one stands for the file.
struct Stream {
  File* file = nullptr;
  std::string name;
  absl::InlinedVector<Open*, 2> opens;  // in the order in which they were granted
  std::vector<HeldLock> locks;
  std::vector<WaitingLock> waiting_locks;
  bool is_delete_pending = false;
  bool is_posix_delete = false;
  bool is_being_deleted = false;
  bool is_directory = false;
  OpenId delete_set_by;
  std::string delete_path;

  bool is_main() const { return name.empty(); }
  bool is_idle() const {
    return opens.empty() && locks.empty() && waiting_locks.empty() && !is_delete_pending &&
           !is_being_deleted;
  }
};

struct File {
  FileKey key;
  absl::InlinedVector<std::unique_ptr<Stream>, 1> streams;
  std::vector<OpenRequest> waiting_opens;
  std::vector<WaitingBreak> waiting_breaks;
  bool is_dirty = false;  // something changed that those who wait may wait for

  Stream* Find(std::string_view name) const {
    for (const auto& stream : streams) {
      if (stream->name == name) return stream.get();
    }
    return nullptr;
  }
};

class FilesImpl {
 public:
  // opens.cc
  std::optional<NtResult<OpenGrant>> OpenFile(const OpenRequest& request, Effects* effects);
  NtStatus CheckRename(OpenId id) const;
  NtStatus CheckReplace(const FileKey& key) const;

  // closing.cc
  NtResult<CloseResult> Close(OpenId id, Effects* effects);
  void DeleteDone(const DeleteDoneRequest& request, Effects* effects);
  NtStatus SetDeletePending(const SetDeletePendingRequest& request, Effects* effects);
  bool IsDeletePending(OpenId id) const;
  void Renamed(const RenamedRequest& request);
  DisconnectResult Disconnect(OpenId id, Effects* effects);
  NtResult<OpenGrant> Reconnect(const ReconnectRequest& request, Effects* effects);
  void Cancel(OpId op, Effects* effects);

  // caching.cc
  std::optional<NtStatus> Break(const BreakRequest& request, Effects* effects);
  void DirectoryChanged(const DirectoryChangedRequest& request, Effects* effects);
  NtStatus AckOplockBreak(const AckOplockBreakRequest& request, Effects* effects);
  NtResult<LeaseAck> AckLeaseBreak(const AckLeaseBreakRequest& request, Effects* effects);
  void TimeOut(BreakId id, Effects* effects);

  // locks.cc
  std::optional<NtStatus> Lock(const LockRequest& request, Effects* effects);
  NtStatus CheckIo(OpenId id, const IoRange& range) const;
  bool IsIoAffected(OpenId id) const;
  bool HasOtherOpens(OpenId id) const;
  void TrackLocks() { is_tracking_locks_ = true; }
  std::vector<StreamLocks> TakeLockChanges();

  // notify.cc
  std::optional<NtResult<std::vector<NotifyEntry>>> Notify(const NotifyRequest& request);
  void NameEvents(const NameEventsRequest& request, Effects* effects);
  bool has_watches() const { return watch_count_ != 0; }

  // persistent.cc
  NtStatus Restore(const PersistentOpen& from, Effects* effects);
  NtResult<OpenGrant> SetDurability(const SetDurabilityRequest& request);
  void EndHold(OpId op, Effects* effects);
  void TakePersistentChanges(size_t at, Effects* effects);

  // snapshot.cc
  FileSnapshot Snapshot(const FileKey& key) const;
  void Remove(const FileKey& key);
  bool Load(const FileSnapshot& snapshot);
  std::vector<FileKey> Keys() const;
  Counters counters() const;

  bool IsLeaseKeyKnown(const Guid& client, const LeaseKey& key) const {
    return leases_.contains(LeaseId(client, key));
  }

 private:
  enum class Verdict : uint8_t { kGrant, kWait, kRefuse };
  struct Evaluation {
    Verdict verdict = Verdict::kGrant;
    NtStatus status;
  };
  enum class Attempt : uint8_t { kFirst, kRetry };
  struct ShareCheck {
    bool has_conflict = false;
    bool has_persistent_conflict = false;
    std::vector<Open*> in_the_way;  // disconnected durable opens that have to go
  };
  struct PersistentMark {
    OpenId open;
    bool has_ended = false;
    bool is_deleting = false;
  };
  struct BreakTarget {
    Open* open = nullptr;  // exactly one of the two is set
    Lease* lease = nullptr;
  };

  // opens.cc
  Evaluation Evaluate(File& file, const OpenRequest& request, Attempt attempt, Effects* effects);
  ShareCheck CheckShare(const File& file, const OpenRequest& request) const;
  bool IsDeletePendingFor(const File& file, const OpenRequest& request) const;
  bool IsBeingDeletedFor(const File& file, const OpenRequest& request) const;
  bool BreakForOpen(Stream& stream, const OpenRequest& request, bool has_conflict,
                    Attempt attempt, Effects* effects);
  void CollectPurges(const Stream& stream, const OpenRequest& request, ShareCheck* check) const;
  OpenGrant Grant(File& file, const OpenRequest& request);
  uint32_t GrantableState(const Stream& stream, const OpenRequest& request,
                          uint32_t requested) const;
  void GrantLease(Stream& stream, Open& open, const OpenRequest& request);
  OpenGrant GrantOf(const Open& open) const;

  // closing.cc
  void Settle(File& file, Effects* effects);
  void RetryOpens(File& file, Effects* effects);
  void EndOpen(Open& open, std::optional<DeleteNow>* delete_now, Effects* effects);
  void Purge(Open& open, Effects* effects);
  void AnswerWaitersOf(Open& open, Effects* effects);
  void MarkDeletePending(Stream& stream, const Open& by, bool is_posix, Effects* effects);
  std::optional<DeleteNow> DecideDelete(File& file, const Open& closing);
  void DropIdleStreams(File& file);
  bool ForgetIfIdle(File& file);

  // caching.cc
  void BreakLease(Lease& lease, uint32_t to, Effects* effects);
  void SendLeaseBreak(Lease& lease, uint32_t to, Effects* effects);
  void BreakOplock(Open& open, uint32_t to, Effects* effects);
  void EndBreak(BreakId* id, Effects* effects);
  void BreakReadCaching(Stream& stream, const Open* by, Effects* effects);
  bool BreakHandleCaching(Stream& stream, const Open* by, Effects* effects);
  void RetryBreaks(File& file, Effects* effects);
  void DetachCaching(Open& open, Effects* effects);

  // locks.cc
  NtStatus TryLock(Stream& stream, const HeldLock& lock) const;
  NtStatus Unlock(Stream& stream, Open& open, const std::vector<LockElement>& elements);
  std::optional<NtStatus> TakeLocks(Stream& stream, Open& open, const LockRequest& request,
                                    Effects* effects);
  void RetryLocks(Stream& stream, Effects* effects);
  void NoteLockChange(const Stream& stream);

  // notify.cc
  void CompleteWatch(Open& open, Effects* effects);
  void EndWatch(Open& open, NtStatus status, Effects* effects);
  void DropWatch(Open& open);
  void IndexWatch(Open& open);
  void UnindexWatch(Open& open);
  void Offer(std::string_view directory, std::string_view name, const NameEvent& event,
             bool is_below, std::vector<Open*>* touched);

  // persistent.cc
  void Touch(Open& open);
  void Touch(Lease& lease);
  void Touch(Stream& stream);
  PersistentOpen Describe(const Open& open) const;
  bool CanRestore(const PersistentOpen& from) const;
  void RestoreLocks(Stream& stream, Open& open, const std::vector<PersistentLock>& locks);
  void RestoreLease(Stream& stream, Open& open, const PersistentLease& from, Effects* effects);

  Open* FindOpen(OpenId id) const {
    const auto it = opens_.find(id);
    return it == opens_.end() ? nullptr : it->second.get();
  }
  File* FindFile(const FileKey& key) const {
    const auto it = files_.find(key);
    return it == files_.end() ? nullptr : it->second.get();
  }
  File& FileFor(const FileKey& key);
  Stream& StreamFor(File& file, const std::string& name);
  std::unique_ptr<Open> NewOpen();

  // snapshot.cc
  bool CanLoad(const FileSnapshot& snapshot) const;
  void LoadOpen(Stream& stream, const OpenSnapshot& from);

  absl::flat_hash_map<FileKey, std::unique_ptr<File>> files_;
  absl::flat_hash_map<OpenId, std::unique_ptr<Open>> opens_;
  absl::flat_hash_map<LeaseId, std::unique_ptr<Lease>> leases_;
  absl::flat_hash_map<BreakId, BreakTarget> breaks_;
  // Where a waiting operation waits; only for Cancel.
  absl::flat_hash_map<OpId, FileKey> waiting_;
  absl::flat_hash_map<std::string, std::vector<Open*>> watches_;  // by watched path
  size_t watch_count_ = 0;
  size_t lock_count_ = 0;
  bool is_tracking_locks_ = false;
  std::vector<std::pair<FileKey, std::string>> changed_locks_;
  uint64_t last_break_id_ = 0;
  std::vector<PersistentMark> changed_;  // What TakePersistentChanges has to tell, in order.
  // Recycled objects, so that an open and close of one file allocates next to nothing.
  std::vector<std::unique_ptr<Open>> spare_opens_;
  std::vector<std::unique_ptr<File>> spare_files_;
};

// The caching that an oplock level amounts to, and back ([MS-SMB2] 2.2.13; a level II oplock is
// read caching, and read with handle caching can only be told as level II).
uint32_t CachingOf(OplockLevel level);
OplockLevel LevelOf(uint32_t caching);
uint32_t CachingOf(const Open& open);
// Is this the same lease: same client, same key?
bool IsSameLease(const Open& open, const OpenRequest& request);
bool IsSameLease(const Open& a, const Open& b);
// [MS-FSA] 2.1.5.1.2: an open for attributes alone neither breaks nor counts as a sharer.
bool IsOplockStatOpen(uint32_t access);
bool IsLeaseStatOpen(uint32_t access);
bool IsUnder(std::string_view path, std::string_view directory);
// [MS-FSA] 2.1.5.1.2.2.
bool DoShareModesConflict(const Open& held, const OpenRequest& wanted);
// Would this lock be refused beside that one?
bool DoLocksConflict(const HeldLock& held, const HeldLock& wanted);

}  // namespace continuo::fsa
