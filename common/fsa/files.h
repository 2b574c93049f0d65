// The rules of [MS-FSA] and [MS-SMB2] about who may have a file open, locked and cached: the state
// of any number of files, and what each event does to it.
//
// Pure: no I/O, clock, threads or randomness. Events come in; each call answers its own operation
// and appends to `effects` what it made happen elsewhere. smb-frontend hosts it for the files that
// are delegated to it, fsa-state-service for the others, the simulation for all of them.
//
//   fsa::Files files;
//   fsa::Effects effects;
//   std::optional<NtResult<OpenGrant>> answer = files.Open(request, &effects);
//   if (!answer) ...            // waits for a break: OpenCompleted{request.op} comes later
//   for (fsa::Effect& effect : effects) CarryOut(effect);   // in order
//
// Answers: std::optional<...> is empty when the operation waits; its answer is then an effect of a
// later event, exactly once, be it STATUS_CANCELLED.
// Threading: none; the owner serialises all calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/fsa/effects.h"
#include "common/fsa/requests.h"
#include "common/fsa/snapshot.h"
#include "common/ntstatus/ntstatus.h"

namespace continuo::fsa {

class FilesImpl;

// May `open` read or write there beside these locks of its stream? FILE_LOCK_CONFLICT if not.
// For callers that hold a copy of a stream's locks; Files::CheckIo is the same rule.
NtStatus CheckIoAgainst(std::span<const HeldLock> locks, OpenId open, const IoRange& range);

struct Counters {
  size_t files = 0;
  size_t opens = 0;
  size_t waiting_operations = 0;
  size_t locks = 0;
  size_t leases = 0;
  size_t breaks_in_progress = 0;
  size_t watches = 0;
};

class Files {
 public:
  Files();
  ~Files();
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  // Decides an open: share modes, delete-pending, breaks of others' caching, then what caching it
  // is granted.
  //
  // Source:  [MS-FSA] 2.1.5.1.2, [MS-SMB2] 3.3.5.9.8 and 3.3.5.9.11.
  // Waits:   for a break acknowledgement, its close or its time-out, or for a removal in progress; with
  //          waits_for_reclaim for the client of a disconnected persistent open.
  // Errors:  SHARING_VIOLATION, DELETE_PENDING, FILE_NOT_AVAILABLE (a disconnected persistent open
  //          conflicts), INVALID_PARAMETER (the lease key names another file), FILE_DELETED (only
  //          after waiting: look the name up again). The open does not exist afterwards.
  std::optional<NtResult<OpenGrant>> Open(const OpenRequest& request, Effects* effects);

  // Ends an open with its locks, breaks, waiting operations and watches. What must be removed from
  // the file system is in the answer, and DeleteDone is due for it.
  // Errors: FILE_CLOSED for an unknown open.
  NtResult<CloseResult> Close(OpenId open, Effects* effects);
  void DeleteDone(const DeleteDoneRequest& request, Effects* effects);

  // All locks or none; unlocks up to the first that is wrong.
  // Source:  [MS-SMB2] 3.3.5.14, [MS-FSA] 2.1.5.7 and 2.1.5.8.
  // Waits:   for a single lock without FAIL_IMMEDIATELY.
  // Errors:  INVALID_PARAMETER, INVALID_LOCK_RANGE, LOCK_NOT_GRANTED, RANGE_NOT_LOCKED,
  //          FILE_CLOSED; RANGE_NOT_LOCKED for a waiting one whose open closes.
  std::optional<NtStatus> Lock(const LockRequest& request, Effects* effects);

  // May this open read or write there? FILE_LOCK_CONFLICT if a lock forbids it. No effect.
  // Source:  [MS-FSA] 2.1.4.10.
  NtStatus CheckIo(OpenId open, const IoRange& range) const;
  // Could any lock forbid it, or any cache need a break on write? While false for an open, neither
  // CheckIo nor Break(kWrite) need be called.
  bool IsIoAffected(OpenId open) const;

  // For a host that tells others of locks: from TrackLocks on, every stream whose locks changed
  // since the last TakeLockChanges, with what they are now.
  void TrackLocks();
  std::vector<StreamLocks> TakeLockChanges();
  // Is anybody else's open on the same file or stream?
  bool HasOtherOpens(OpenId open) const;

  // Sets or clears delete-pending through FileDispositionInformation. Watches of a directory that
  // becomes delete-pending complete with DELETE_PENDING.
  NtStatus SetDeletePending(const SetDeletePendingRequest& request, Effects* effects);
  bool IsDeletePending(OpenId open) const;

  // Ends others' caching before a change. kWrite, kSetSize and kLock answer at once; the others
  // wait until every handle lease is given up. The caller looks afterwards whether the operation
  // is possible now (CheckRename).
  std::optional<NtStatus> Break(const BreakRequest& request, Effects* effects);
  void DirectoryChanged(const DirectoryChangedRequest& request, Effects* effects);
  // May this open's file be renamed: does another open deny deletion? SHARING_VIOLATION then;
  // ACCESS_DENIED for a directory with opens beneath it.
  // Source: [MS-FSA] 2.1.5.14.11.
  NtStatus CheckRename(OpenId open) const;
  // May the file be replaced by a rename onto its name? ACCESS_DENIED while it is open.
  NtStatus CheckReplace(const FileKey& file) const;
  void Renamed(const RenamedRequest& request);

  // Errors: INVALID_OPLOCK_PROTOCOL, INVALID_DEVICE_STATE, INVALID_PARAMETER,
  //         REQUEST_NOT_ACCEPTED, OBJECT_NAME_NOT_FOUND as [MS-SMB2] 3.3.5.22 says.
  NtStatus AckOplockBreak(const AckOplockBreakRequest& request, Effects* effects);
  NtResult<LeaseAck> AckLeaseBreak(const AckLeaseBreakRequest& request, Effects* effects);
  // The acknowledgement never came: the break takes effect without it. Unknown ids do nothing.
  void TimeOut(BreakId id, Effects* effects);
  void Cancel(OpId op, Effects* effects);

  // Durable opens.
  DisconnectResult Disconnect(OpenId open, Effects* effects);
  // Errors: OBJECT_NAME_NOT_FOUND if the open is gone or was never disconnected.
  NtResult<OpenGrant> Reconnect(const ReconnectRequest& request, Effects* effects);

  // Persistent opens.
  // Brings back one that had no client when its record was last read. Leases that its other opens
  // brought back already are joined.
  // Errors: INVALID_PARAMETER, and nothing changed, if it contradicts itself or what is here.
  NtStatus Restore(const RestoreRequest& request, Effects* effects);
  // Errors: FILE_CLOSED. The grant says whether it is durable now.
  NtResult<OpenGrant> SetDurability(const SetDurabilityRequest& request);
  void EndHold(const EndHoldRequest& request, Effects* effects);
  // Inserts what changed of persistent opens since the last call before effects[at].
  void TakePersistentChanges(size_t at, Effects* effects);

  // Answers at once if events were kept since the last one, else waits.
  // Errors: DELETE_PENDING, FILE_CLOSED.
  std::optional<NtResult<std::vector<NotifyEntry>>> Notify(const NotifyRequest& request,
                                                           Effects* effects);
  void NameEvents(const NameEventsRequest& request, Effects* effects);
  bool has_watches() const;

  // Moving state. Snapshot copies one file; Load puts it into a state that does not know it.
  // Snapshot, Remove, Load elsewhere: operations that wait are answered there.
  FileSnapshot Snapshot(const FileKey& file) const;
  void Remove(const FileKey& file);
  // Errors: false, and nothing changed, if the snapshot contradicts itself or what is here.
  bool Load(const FileSnapshot& snapshot);
  std::vector<FileKey> Keys() const;

  // Does this client hold a lease with that key, on whatever file? A CREATE that would make a new
  // file under such a key is refused with INVALID_PARAMETER before it makes it.
  bool IsLeaseKeyKnown(const Guid& client_guid, const LeaseKey& key) const;

  Counters counters() const;
  // For administrators and checkers; `visit` must not call back into this object.
  void ForEachFile(const std::function<void(const FileSnapshot&)>& visit) const;

 private:
  std::unique_ptr<FilesImpl> impl_;
};

}  // namespace continuo::fsa
