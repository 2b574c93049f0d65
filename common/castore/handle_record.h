// What is remembered of a persistent handle, and of a persistent CREATE under way: plain data that
// smb-frontend fills in and ca-store-service keeps (design.md 5).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/time/time.h>

#include "common/base/bytes.h"
#include "common/fsa/types.h"

namespace continuo::castore {

using fsa::FileKey;
using fsa::Guid;
using fsa::LeaseKey;

// Limits of one record; a put beyond them is refused with InvalidArgument.
inline constexpr size_t kPathMaxBytes = 65535;
inline constexpr size_t kStreamMaxBytes = 1024;
inline constexpr size_t kShareNameMaxBytes = 1024;
inline constexpr size_t kNameMaxBytes = 1024;
inline constexpr size_t kLocksMax = 65535;
inline constexpr size_t kSidMaxBytes = 68;  // [MS-DTYP] 2.4.2.2 with 15 sub-authorities.
inline constexpr size_t kLockSequencesBytes = 64;  // [MS-SMB2] 3.3.1.10 Open.LockSequenceArray.

struct LeaseRecord {
  LeaseKey key{};
  uint32_t state = 0;
  uint8_t version = 2;
  uint16_t epoch = 0;
  std::optional<LeaseKey> parent_key;
  bool is_breaking = false;  // A break was sent, or was due, and has not been acknowledged.
  uint32_t break_to = 0;
  friend bool operator==(const LeaseRecord&, const LeaseRecord&) = default;
};

struct LockRecord {
  uint64_t offset = 0;
  uint64_t length_bytes = 0;
  bool is_exclusive = false;
  friend bool operator==(const LockRecord&, const LockRecord&) = default;
};

struct AppInstance {
  Guid id{};
  uint64_t version_high = 0;
  uint64_t version_low = 0;
  friend bool operator==(const AppInstance&, const AppInstance&) = default;
};

// Times have a resolution of 1 µs and lie at or after the Unix epoch.
struct HandleRecord {
  uint64_t persistent_id = 0;  // FileId.Persistent; never 0.
  Guid create_guid{};
  Guid client_guid{};
  FileKey file;
  uint64_t file_generation = 0;
  std::string path;    // Relative to the share.
  std::string stream;  // "" is the file itself.
  std::string share_name;
  uint32_t access = 0;
  uint32_t share_access = 0;
  uint32_t create_options = 0;
  uint32_t create_action = 0;  // What the client was told; a replay is told the same.
  fsa::OplockLevel oplock_level = fsa::OplockLevel::kNone;
  std::optional<LeaseRecord> lease;  // With OplockLevel::kLease.
  std::vector<LockRecord> locks;     // In the order in which they were granted.
  Bytes lock_sequences;              // Empty or kLockSequencesBytes.
  bool is_delete_on_close = false;
  bool is_delete_pending = false;  // This handle set the delete disposition.
  Bytes owner_sid;                 // As in [MS-DTYP] 2.4.2.2.
  std::optional<AppInstance> app_instance;
  uint32_t timeout_ms = 0;
  uint16_t channel_sequence = 0;
  uint64_t epoch = 0;  // Of the store, when it was last written; the store sets it.
  absl::Time create_time = absl::UnixEpoch();
  std::optional<absl::Time> disconnected_since;  // Absent: connected when it was written.
  friend bool operator==(const HandleRecord&, const HandleRecord&) = default;
};

// Which CREATE an intent belongs to.
struct IntentKey {
  Guid create_guid{};
  Guid client_guid{};
  friend bool operator==(const IntentKey&, const IntentKey&) = default;
  friend auto operator<=>(const IntentKey&, const IntentKey&) = default;
};

// What a persistent CREATE is about to do to the file system, durable before it does it.
struct CreateIntent {
  IntentKey key;
  FileKey parent;
  std::string name;  // In the parent.
  uint32_t create_disposition = 0;
  std::string share_name;
  absl::Time create_time = absl::UnixEpoch();
  friend bool operator==(const CreateIntent&, const CreateIntent&) = default;
};

}  // namespace continuo::castore
