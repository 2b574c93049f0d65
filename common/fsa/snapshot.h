// One file's whole state as plain data: for moving it between processes, for administrators'
// listings, and for checkers that compare two states.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/fsa/requests.h"
#include "common/fsa/types.h"

namespace continuo::fsa {

struct HeldLock {
  OpenId open;
  uint64_t offset = 0;
  uint64_t length_bytes = 0;
  bool is_exclusive = false;
  friend bool operator==(const HeldLock&, const HeldLock&) = default;
};

// All locks of one stream.
struct StreamLocks {
  FileKey file;
  std::string stream;
  std::vector<HeldLock> locks;
  friend bool operator==(const StreamLocks&, const StreamLocks&) = default;
};

struct WaitingLock {
  OpId op;
  HeldLock lock;
  uint32_t lock_sequence = 0;
  bool is_sequence_checked = false;
  friend bool operator==(const WaitingLock&, const WaitingLock&) = default;
};

struct WatchSnapshot {
  uint32_t filter = 0;
  bool is_recursive = false;
  bool has_overflowed = false;
  uint64_t capacity_bytes = 0;
  uint64_t kept_bytes = 0;
  std::vector<NotifyEntry> kept;
  struct Waiting {
    OpId op;
    uint32_t max_size_bytes = 0;
    friend bool operator==(const Waiting&, const Waiting&) = default;
  };
  std::vector<Waiting> waiting;
  friend bool operator==(const WatchSnapshot&, const WatchSnapshot&) = default;
};

struct OpenSnapshot {
  OpenId open;
  std::string stream;
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
  // kLease: `lease_key` names a lease of the same snapshot.
  OplockLevel oplock = OplockLevel::kNone;
  LeaseKey lease_key{};
  // An oplock break that waits for its acknowledgement.
  BreakId break_id;
  OplockLevel break_to = OplockLevel::kNone;
  bool must_break_to_none = false;
  std::vector<uint8_t> lock_sequences;  // empty, or kLockSequenceCount; 0xFF is "not valid"
  std::optional<WatchSnapshot> watch;
  friend bool operator==(const OpenSnapshot&, const OpenSnapshot&) = default;
};

struct LeaseSnapshot {
  Guid client_guid{};
  LeaseKey key{};
  std::string stream;
  uint8_t version = 1;
  uint16_t epoch = 0;
  uint32_t state = kLeaseNone;
  BreakId break_id;             // 0: no break in progress
  uint32_t break_to = kLeaseNone;        // what the client was told
  uint32_t break_required = kLeaseNone;  // where it has to end, in further steps
  friend bool operator==(const LeaseSnapshot&, const LeaseSnapshot&) = default;
};

struct StreamSnapshot {
  std::string stream;
  bool is_delete_pending = false;
  bool is_posix_delete = false;
  bool is_being_deleted = false;  // DeleteDone is due
  OpenId delete_set_by;
  std::string delete_path;
  bool is_directory = false;
  std::vector<HeldLock> locks;            // in the order in which they were granted
  std::vector<WaitingLock> waiting_locks;  // in the order in which they are served
  friend bool operator==(const StreamSnapshot&, const StreamSnapshot&) = default;
};

struct WaitingBreak {
  OpId op;
  OpenId by;
  std::string stream;
  BreakReason reason = BreakReason::kRename;
  friend bool operator==(const WaitingBreak&, const WaitingBreak&) = default;
};

struct FileSnapshot {
  FileKey file;
  std::vector<StreamSnapshot> streams;  // by name; the file itself is ""
  std::vector<OpenSnapshot> opens;      // in the order in which they were granted
  std::vector<LeaseSnapshot> leases;    // by client and key
  std::vector<OpenRequest> waiting_opens;    // in the order in which they came
  std::vector<WaitingBreak> waiting_breaks;  // in the order in which they came
  BreakId last_break_id;                // ids above it were never used
  friend bool operator==(const FileSnapshot&, const FileSnapshot&) = default;
};

}  // namespace continuo::fsa
