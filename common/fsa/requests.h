// What can be asked of the state: one plain struct per operation, so that the same request runs in
// process or travels to fsa-state-service unchanged.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/fsa/types.h"

namespace continuo::fsa {

// Limits of one request; the state refuses what exceeds them with STATUS_INVALID_PARAMETER.
inline constexpr size_t kMaxLocksPerRequest = 64 * 1024 / 24;  // What fits a 64 KiB LOCK request.
inline constexpr size_t kMaxLocksPerOpen = 65'536;
inline constexpr size_t kMaxNotifyBufferedBytes = 64 * 1024;
inline constexpr size_t kLockSequenceCount = 64;  // [MS-SMB2] 3.3.1.10 Open.LockSequenceArray

// SMB2_CREATE_REQUEST_LEASE(_V2), [MS-SMB2] 2.2.13.2.8 and 2.2.13.2.10.
struct LeaseRequest {
  LeaseKey key{};
  uint32_t state = kLeaseNone;
  uint8_t version = 1;               // 1 or 2
  uint16_t epoch = 0;                // v2
  std::optional<LeaseKey> parent_key;  // v2 with SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET
  friend bool operator==(const LeaseRequest&, const LeaseRequest&) = default;
};

// CREATE of a file, directory or stream that the caller has found, or has just created.
struct OpenRequest {
  OpId op;
  OpenId open;
  FileKey file;
  // "" is the file itself (or the directory); otherwise the stream's name, case-folded by the
  // caller, without colons and type.
  std::string stream;
  // Where the file was found: share root + '/' + name, '/' between components, no trailing '/'.
  // With the root's absolute path as prefix, overlapping shares see each other's changes.
  std::string path;
  Guid client_guid{};
  uint64_t session_id = 0;      // shown to administrators
  uint32_t access = 0;          // granted mask, generic bits mapped
  uint32_t share_access = 0;
  uint32_t create_options = 0;  // kept for recovery and administrators
  OpenAction action = OpenAction::kOpenExisting;
  bool is_directory = false;
  // FILE_DELETE_ON_CLOSE: the file is deleted when its last open closes after this one has.
  bool is_delete_on_close = false;
  OplockLevel oplock = OplockLevel::kNone;  // kLease: `lease` is set
  std::optional<LeaseRequest> lease;
  Durability durability = Durability::kNone;
  Guid create_guid{};
  // A persistent open without its client stands in the way: waits, until that client is back or
  // EndHold, instead of being refused at once.
  bool waits_for_reclaim = false;
  friend bool operator==(const OpenRequest&, const OpenRequest&) = default;
};

// What an open was granted. `lease_state`, `lease_epoch` and the flag go into the lease response
// context when oplock == kLease.
struct OpenGrant {
  OplockLevel oplock = OplockLevel::kNone;
  uint32_t lease_state = kLeaseNone;
  uint16_t lease_epoch = 0;
  uint8_t lease_version = 0;  // the version of the lease, which its first open decided
  bool is_lease_break_in_progress = false;
  bool is_durable = false;    // the oplock or lease allows the durability that was asked for
};

struct CloseRequest {
  OpId op;
  OpenId open;
};

// A file or stream to be removed now, by the caller, at `path`; DeleteDone is due afterwards.
// Until then every open of the file waits.
struct DeleteNow {
  FileKey file;
  std::string stream;
  std::string path;
  bool is_directory = false;
  bool is_posix = false;
  OpenId set_by;  // The open on which the delete was asked for; it may be closed already.
};

struct CloseResult {
  std::optional<DeleteNow> delete_now;
};

// The removal that DeleteNow asked for has been tried.
struct DeleteDoneRequest {
  FileKey file;
  std::string stream;
  bool is_deleted = false;
};

// SMB2_LOCK_ELEMENT, [MS-SMB2] 2.2.26.1, flags as on the wire.
inline constexpr uint32_t kLockShared = 0x1;
inline constexpr uint32_t kLockExclusive = 0x2;
inline constexpr uint32_t kLockUnlock = 0x4;
inline constexpr uint32_t kLockFailImmediately = 0x10;
struct LockElement {
  uint64_t offset = 0;
  uint64_t length_bytes = 0;
  uint32_t flags = 0;
  friend bool operator==(const LockElement&, const LockElement&) = default;
};

// A whole LOCK request: locks or unlocks, as the first element says.
struct LockRequest {
  OpId op;
  OpenId open;
  std::vector<LockElement> locks;
  // LockSequenceNumber | LockSequenceIndex << 4; looked at only when `is_sequence_checked`.
  uint32_t lock_sequence = 0;
  // The caller decides: dialect 3.x with a durable, resilient or persistent open, or a connection
  // that has MULTI_CHANNEL ([MS-SMB2] 3.3.5.14).
  bool is_sequence_checked = false;
};

enum class IoKind : uint8_t { kRead, kWrite };
struct IoRange {
  IoKind kind = IoKind::kRead;
  uint64_t offset = 0;
  uint64_t length_bytes = 0;
};

// FileDispositionInformation(Ex).
struct SetDeletePendingRequest {
  OpId op;
  OpenId open;
  bool is_delete = false;
  bool is_posix = false;  // FILE_DISPOSITION_POSIX_SEMANTICS: gone when this open closes
};

// Why caching by others has to end before (or because) an operation happens.
enum class BreakReason : uint8_t {
  kWrite,     // data changes: read caching of all others ends; nobody waits
  kSetSize,   // end of file, allocation, zero data: as kWrite
  kLock,      // a byte-range lock is taken: as kWrite
  kRename,    // the name changes: handle caching of all others ends; waits for them
  kDelete,    // disposition: handle caching of all others ends; waits for them
  kHardLink,  // a link is made: as kRename
};
struct BreakRequest {
  OpId op;
  // Either an open, whose own lease is spared, or (open 0) a file named by `file` and `stream`,
  // for a rename that replaces it.
  OpenId open;
  FileKey file;
  std::string stream;
  BreakReason reason = BreakReason::kWrite;
};

// A directory's contents changed: its directory leases break to none, but for one that the
// changing open named as its parent lease ([MS-SMB2] 3.3.4.20 / [MS-FSA] 2.1.5.x parent break).
struct DirectoryChangedRequest {
  FileKey directory;
  OpenId by;  // the open through which it happened; 0 for none
};

// OPLOCK_BREAK acknowledgements, [MS-SMB2] 2.2.24.
struct AckOplockBreakRequest {
  OpId op;
  OpenId open;
  OplockLevel level = OplockLevel::kNone;
};
struct AckLeaseBreakRequest {
  OpId op;
  Guid client_guid{};
  LeaseKey key{};
  uint32_t state = kLeaseNone;
};
struct LeaseAck {
  uint32_t state = kLeaseNone;  // for the response
};

// The time for the acknowledgement of this break is over.
struct TimeOutRequest {
  BreakId break_id;
};

// A name change has been done: opens of it, and below it if a directory, have a new path.
struct RenamedRequest {
  FileKey file;
  std::string old_path;
  std::string new_path;
  bool is_directory = false;
};

// Gives up a waiting operation; it is answered STATUS_CANCELLED. Unknown ids are ignored.
struct CancelRequest {
  OpId op;
};

// The connection of an open ended, or a new one claims it, or its time is over.
struct DisconnectRequest {
  OpId op;
  OpenId open;
};
enum class DisconnectResult : uint8_t {
  kKept,         // waits for a reconnect
  kMustBeClosed  // not durable (any more): the caller closes it now
};
struct ReconnectRequest {
  OpId op;
  OpenId open;
  uint64_t session_id = 0;
};

// How long opens that wait for a reclaim may wait is the caller's to decide: answers `waiting` with
// FILE_NOT_AVAILABLE if that is what it still waits for.
struct EndHoldRequest {
  OpId waiting;
};

// The durability of an open that could not have the one it was granted; answered as an open.
struct SetDurabilityRequest {
  OpId op;
  OpenId open;
  Durability durability = Durability::kNone;
};

// All that the state knows of a persistent open: what its record must hold, and what brings it back.
struct PersistentLease {
  LeaseKey key{};
  uint32_t state = kLeaseNone;
  uint8_t version = 1;
  uint16_t epoch = 0;
  std::optional<LeaseKey> parent_key;
  bool is_breaking = false;
  uint32_t break_to = kLeaseNone;
  friend bool operator==(const PersistentLease&, const PersistentLease&) = default;
};
struct PersistentLock {
  uint64_t offset = 0;
  uint64_t length_bytes = 0;
  bool is_exclusive = false;
  friend bool operator==(const PersistentLock&, const PersistentLock&) = default;
};
struct PersistentOpen {
  OpenId open;
  FileKey file;
  std::string stream;
  std::string path;
  Guid client_guid{};
  uint32_t access = 0;
  uint32_t share_access = 0;
  uint32_t create_options = 0;
  bool is_delete_on_close = false;
  Guid create_guid{};
  OplockLevel oplock = OplockLevel::kNone;  // kLease: `lease` is set.
  std::optional<PersistentLease> lease;
  std::vector<PersistentLock> locks;  // In the order in which they were granted.
  std::vector<uint8_t> lock_sequences;  // As OpenSnapshot has them.
  bool is_delete_pending = false;  // The stream is to be deleted with its last open.
  bool is_posix_delete = false;
  friend bool operator==(const PersistentOpen&, const PersistentOpen&) = default;
};

// An open from before a restart comes back, without its client: before anybody is served.
struct RestoreRequest {
  OpId op;
  PersistentOpen open;
};

// SMB2 CHANGE_NOTIFY, [MS-SMB2] 2.2.35. The filter and depth of an open's first request hold for
// its life, as in Windows: events between two requests are kept for the next.
struct NotifyRequest {
  OpId op;
  OpenId open;
  uint32_t filter = 0;
  bool is_recursive = false;
  uint32_t max_size_bytes = 0;  // OutputBufferLength
};

// Values of Action, [MS-FSCC] 2.7.1.
enum class NotifyAction : uint32_t {
  kAdded = 1,
  kRemoved = 2,
  kModified = 3,
  kRenamedOldName = 4,
  kRenamedNewName = 5,
  kAddedStream = 6,
  kRemovedStream = 7,
  kModifiedStream = 8,
};
// FILE_NOTIFY_CHANGE_*, [MS-SMB2] 2.2.35.
inline constexpr uint32_t kNotifyFileName = 0x001;
inline constexpr uint32_t kNotifyDirName = 0x002;
inline constexpr uint32_t kNotifyAttributes = 0x004;
inline constexpr uint32_t kNotifySize = 0x008;
inline constexpr uint32_t kNotifyLastWrite = 0x010;
inline constexpr uint32_t kNotifyLastAccess = 0x020;
inline constexpr uint32_t kNotifyCreation = 0x040;
inline constexpr uint32_t kNotifyEa = 0x080;
inline constexpr uint32_t kNotifySecurity = 0x100;
inline constexpr uint32_t kNotifyStreamName = 0x200;
inline constexpr uint32_t kNotifyStreamSize = 0x400;
inline constexpr uint32_t kNotifyStreamWrite = 0x800;

// Something happened to `path` (same form as OpenRequest::path; for a stream "path:stream").
// A rename within one directory is two events, old then new, in one call of NameEvents.
struct NameEvent {
  std::string path;
  NotifyAction action = NotifyAction::kModified;
  uint32_t filter = 0;  // the FILE_NOTIFY_CHANGE_* bits that this event satisfies
};
struct NameEventsRequest {
  std::vector<NameEvent> events;
};

// A question; answered STATUS_SUCCESS or with what stands in the way (OpCompleted).
enum class Question : uint8_t {
  kIsDeletePending,  // of `open`: DELETE_PENDING if so
  kMayRename,        // Files::CheckRename(open)
  kMayReplace,       // Files::CheckReplace(file)
  kIsLeaseKeyFree,   // of `client_guid` and `key`: INVALID_PARAMETER if a lease has it
};
struct QuestionRequest {
  OpId op;
  Question question = Question::kIsDeletePending;
  OpenId open;
  FileKey file;
  Guid client_guid{};
  LeaseKey key{};
};

struct NotifyEntry {
  NotifyAction action = NotifyAction::kModified;
  std::string name;  // relative to the watched directory, '/' between components
  friend bool operator==(const NotifyEntry&, const NotifyEntry&) = default;
};

using Request =
    std::variant<OpenRequest, CloseRequest, DeleteDoneRequest, LockRequest, SetDeletePendingRequest,
                 BreakRequest, DirectoryChangedRequest, AckOplockBreakRequest, AckLeaseBreakRequest,
                 TimeOutRequest, RenamedRequest, CancelRequest, DisconnectRequest,
                 ReconnectRequest, NotifyRequest, NameEventsRequest, QuestionRequest,
                 EndHoldRequest, SetDurabilityRequest, RestoreRequest>;

}  // namespace continuo::fsa
