// smb-frontend's door to the file-system-algorithm state, wherever the state is at the moment.
//
// While fsa-state-service has delegated to this frontend (the normal case) every call runs the
// rules of common/fsa in process. With `delegation = off`, and from a recall until the next grant,
// the same calls travel over the stream to fsa-state-service and are answered from there; callers
// see no difference but the time it takes.
//
//   FsaHost::Started started = host.Open(std::move(request), [=](NtResult<OpenGrant> result) {
//     loop->Post([=] { Continue(result); });   // may come inline, or later from any thread
//   });
//   if (started.is_pending) SendInterimResponse(started.op);    // CANCEL: host.Cancel(started.op)
//
// Every `done` is called exactly once, inline or later from any thread (the stream's, the timer's, a
// recorder's, or that of another connection's call): hop to your own loop, and do not call back into
// the host from inside one that came inline while holding a lock of your own.
//
// What changes a persistent open is on record before anything that follows from it is carried out: the
// answer, a break, somebody else's grant. Such effects of one operation are held together; those of
// others go on, because records are written in the order of the changes.
// After the stream was stopped, calls are answered STATUS_UNEXPECTED_NETWORK_ERROR.
// Threading: every member may be called from any thread.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <absl/time/time.h>

#include "common/fsa/effects.h"
#include "common/fsa/files.h"
#include "common/fsa/requests.h"
#include "common/ntstatus/ntstatus.h"
#include "services/smb-frontend/fsa_host/fsa_link.h"

namespace continuo::frontend {

// What the frontend does for the state. Called from any thread, never with a lock of the host held.
class FsaHostSink {
 public:
  virtual ~FsaHostSink() = default;
  // Send an OPLOCK_BREAK notification for `event.open` / `event.lease_key` ([MS-SMB2] 3.3.4.6, .7).
  virtual void OnBreak(const fsa::BreakToSend& event) = 0;
  // A disconnected durable open had to give way: forget it, close its descriptor, and, if
  // `delete_now` is set, remove the file and report DeleteDone.
  virtual void OnOpenPurged(const fsa::OpenPurged& event) = 0;
  // A command announces what it changed, while somebody watches. Called before the state is told.
  virtual void OnNameEvents(std::span<const fsa::NameEvent> /*events*/) {}
  // Calls `then` when all I/O that was submitted before this call has completed: a lock is only
  // granted after that. The default has nothing in flight.
  virtual void PassIoBarrier(std::function<void()> then) { then(); }
};

// Keeps records of persistent opens.
class FsaRecorder {
 public:
  virtual ~FsaRecorder() = default;
  // In the order of the changes, under a lock of the host: takes a note and returns.
  virtual void Note(const fsa::PersistentChanged& event) = 0;
  virtual void Note(const fsa::PersistentEnded& event) = 0;
  // Afterwards, without it. True: all that was noted so far is on stable storage, or has no record.
  // Otherwise `then` is called when it is, once, from any thread.
  virtual bool Settle(std::function<void()> then) = 0;
};

// Runs a callback once after a delay; Cancel is best effort. The real one is timer_thread.h.
class FsaTimer {
 public:
  virtual ~FsaTimer() = default;
  virtual uint64_t Schedule(absl::Duration delay, std::function<void()> callback) = 0;
  virtual void Cancel(uint64_t timer) = 0;
};

struct FsaHostOptions {
  // [MS-SMB2] 3.3.2.1 and 3.3.2.5: how long a client has to acknowledge a break.
  absl::Duration break_timeout = absl::Seconds(35);
  FsaHostSink* sink = nullptr;   // outlives the host
  FsaTimer* timer = nullptr;     // outlives the host
  FsaRecorder* recorder = nullptr;  // outlives the host; null: there are no persistent opens
};

class FsaHost {
 public:
  struct Started {
    fsa::OpId op;             // for Cancel
    // It waits for somebody else. False: `done` was called, or is about to be, once a record is stable.
    bool is_pending = false;
  };
  using StatusDone = std::function<void(NtStatus)>;
  using OpenDone = std::function<void(NtResult<fsa::OpenGrant>)>;
  using CloseDone = std::function<void(NtResult<fsa::CloseResult>)>;
  using LeaseAckDone = std::function<void(NtResult<fsa::LeaseAck>)>;
  using NotifyDone = std::function<void(NtStatus, std::vector<fsa::NotifyEntry>)>;
  using DisconnectDone = std::function<void(fsa::DisconnectResult)>;

  // Everything is local for good until ConnectTo.
  explicit FsaHost(const FsaHostOptions& options);
  ~FsaHost();
  FsaHost(const FsaHost&) = delete;
  FsaHost& operator=(const FsaHost&) = delete;

  // From now on the state's place is what fsa-state-service says; operations wait until it has
  // spoken. Before the first operation. `link` outlives the host, or the call of Disconnected.
  void ConnectTo(FsaLink* link);
  FsaLinkEvents& link_events();

  // The id in `request.open` is the caller's, `request.op` is set by the host. Enter the open into
  // your own table before the call: a break for it may be sent before the call returns.
  Started Open(fsa::OpenRequest request, OpenDone done);
  // The open is gone for the caller from now on. `done` tells what to remove from the file system;
  // report that with DeleteDone before answering the client.
  Started Close(fsa::OpenId open, CloseDone done);
  void DeleteDone(const fsa::DeleteNow& deleted, bool is_deleted);

  Started Lock(fsa::LockRequest request, StatusDone done);
  // Cheap and without an RPC in both modes: in the remote one the service has told this host which
  // files have locks. FILE_LOCK_CONFLICT if a lock forbids it.
  NtStatus CheckIo(fsa::OpenId open, const fsa::IoRange& range) const;
  // A write, or a size change, is about to happen: others' read caching is ended; nobody waits.
  void BreakForWrite(fsa::OpenId open, fsa::BreakReason reason = fsa::BreakReason::kWrite);
  // Before a rename, hard link, or disposition: waits until others gave up their handle leases.
  Started Break(fsa::BreakRequest request, StatusDone done);
  void DirectoryChanged(const fsa::FileKey& directory, fsa::OpenId by);

  Started SetDeletePending(fsa::OpenId open, bool is_delete, bool is_posix, StatusDone done);
  Started IsDeletePending(fsa::OpenId open, std::function<void(bool)> done);
  Started CheckRename(fsa::OpenId open, StatusDone done);
  Started CheckReplace(const fsa::FileKey& file, StatusDone done);
  // INVALID_PARAMETER if this client holds a lease with that key on any file: asked before a CREATE
  // with a lease makes a new file.
  Started CheckLeaseKeyFree(const fsa::Guid& client_guid, const fsa::LeaseKey& key,
                            StatusDone done);
  void Renamed(fsa::RenamedRequest request);

  Started AckOplockBreak(fsa::OpenId open, fsa::OplockLevel level, StatusDone done);
  Started AckLeaseBreak(const fsa::Guid& client_guid, const fsa::LeaseKey& key, uint32_t state,
                        LeaseAckDone done);
  // SMB2 CANCEL of anything pending; its `done` gets STATUS_CANCELLED.
  void Cancel(fsa::OpId op);

  Started Disconnect(fsa::OpenId open, DisconnectDone done);
  Started Reconnect(fsa::OpenId open, uint64_t session_id, OpenDone done);

  // Persistent opens; see fsa::Files.
  Started Restore(fsa::PersistentOpen open, StatusDone done);
  Started SetDurability(fsa::OpenId open, fsa::Durability durability, OpenDone done);
  void EndHold(fsa::OpId waiting);

  // `request.op` is set by the host. STATUS_SUCCESS with entries, or as NotifyCompleted says.
  Started Notify(fsa::NotifyRequest request, NotifyDone done);
  // After a change that clients may watch; costs one atomic load while nobody watches.
  void NameEvents(std::vector<fsa::NameEvent> events);
  bool has_watches() const;

  bool is_delegated() const;
  fsa::Counters counters() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace continuo::frontend
