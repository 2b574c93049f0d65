// Who may write below ca_path. RocksDB's own lock does not keep another node out, so two small files
// say it, and every acknowledgement asks them (design.md 5).
//
//   <ca_path>/epoch            a number that only rises, by one with each owner
//   <ca_path>/owner            who took the present epoch: node, machine, boot, process
//   <ca_path>/fenced           the word of an operator or of Pacemaker's agent that a node is dead
//   <ca_path>/starting         locked while somebody takes over
//   <ca_path>/nodes/<node>/<epoch>/
//                              what one owner writes, its incarnation; `lock` in it is locked as long
//                              as that process lives
//
// Take lets a claimant in when the former owner
//   stopped in order (it says so in `owner`), or
//   was a process of the same node and boot that is gone: its lock is free and no process of its pid
//     and start time is there, or
//   was this node before a reboot: same node name, same machine id, other boot id, or
//   was declared dead: `fenced` names that node and that very epoch.
// Everyone else is refused: AlreadyExists while the owner is seen to live, FailedPrecondition when it
// cannot be seen. Messages name the owner.
//
// Threading: Take and Release from one thread; Confirm from any. All block as long as storage does.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "services/ca-store-service/store/stable_files.h"

namespace continuo::castore {

// Epochs leave room for the persistent ids of one incarnation: see PersistentIdsOf.
inline constexpr uint64_t kEpochMax = (1u << 24) - 2;
inline constexpr int kPersistentIdBits = 40;

struct Identity {
  std::string node;        // As `uname -n` and Pacemaker name it.
  std::string machine_id;  // Empty when the system has none.
  std::string boot_id;
  int64_t pid = 0;
  uint64_t pid_start_ticks = 0;  // /proc/PID/stat, field 22.
  friend bool operator==(const Identity&, const Identity&) = default;
};

// This process. Errors: what the system says; InvalidArgument for a node name that is no file name.
absl::StatusOr<Identity> OwnIdentity();
// Whether a process of this pid and start time runs here.
bool IsProcessAlive(const Identity& identity);

struct OwnerRecord {
  Identity who;
  uint64_t epoch = 0;
  absl::Time since = absl::UnixEpoch();
  bool is_released = false;
  friend bool operator==(const OwnerRecord&, const OwnerRecord&) = default;
};

// The files' contents; the last line is a checksum. Errors: DataLoss.
std::string EncodeOwner(const OwnerRecord& owner);
absl::StatusOr<OwnerRecord> DecodeOwner(const std::string& content);
std::string EncodeEpoch(uint64_t epoch);
absl::StatusOr<uint64_t> DecodeEpoch(const std::string& content);

// Errors: NotFound when nobody ever owned it; DataLoss.
absl::StatusOr<OwnerRecord> ReadOwner(StableFiles& files, const std::string& ca_path);

// Records the word that `node`, the present owner, is dead and stays so until it has rebooted.
// Errors: FailedPrecondition when another node is the owner, or the owner has stopped in order.
absl::Status ConfirmFenced(StableFiles& files, const std::string& ca_path, const std::string& node);

class Ownership {
 public:
  struct Options {
    StableFiles* files = nullptr;  // Not owned.
    std::string ca_path;           // Must be there: where shared storage is not mounted it is not.
    Identity self;
    std::function<bool(const Identity&)> is_alive = IsProcessAlive;
    absl::Time now;
  };

  // Raises and syncs the epoch, then says who owns it. Errors: see above; NotFound when ca_path is
  // not there; what the storage says.
  static absl::StatusOr<std::unique_ptr<Ownership>> Take(Options options);

  // Reads the epoch from storage. FailedPrecondition when it is not ours any more, for good;
  // Unavailable when it cannot be read.
  absl::Status Confirm() const;

  // The last step of a stop in order.
  absl::Status Release();

  uint64_t epoch() const { return owner_.epoch; }
  const OwnerRecord& owner() const { return owner_; }
  std::string IncarnationPath() const;

 private:
  Ownership(Options options, OwnerRecord owner, std::unique_ptr<FileLock> lock);

  const Options options_;
  OwnerRecord owner_;
  const std::unique_ptr<FileLock> lock_;
};

struct IdRange {
  uint64_t first = 0;
  uint64_t last = 0;
};
// The persistent ids of the `frontend`th frontend (from 0) of an epoch; no two share one.
inline constexpr uint64_t kFrontendsMax = 256;
inline constexpr int kIdsOfFrontendBits = 32;
static_assert(kFrontendsMax << kIdsOfFrontendBits == uint64_t{1} << kPersistentIdBits);
IdRange PersistentIdsOf(uint64_t epoch, uint64_t frontend);

}  // namespace continuo::castore
