// The persistent handles and intents of this node: what a change means, what is handed out after a
// start, and what an administrator sees. The map below makes it durable.
//
//   auto store = HandleStore::Open({...});              // Takes ca_path over and adopts.
//   store->BeginHandouts([](Handout handout) { ... });  // A frontend attached.
//   store->Restored(handout.number);                    // Gives the next one.
//   store->PutRecord(record, Completes::kNothing, [](absl::Status stored) { ... });
//
// Handing out. Before records leave, a marker that names them is durable; when they are reported as
// restored the next ones take their place in it. So after a crash the marker names those that were in
// somebody's hands: they come once more, each alone, and one that was there a second time is set
// aside: it stays on disk under another key, listed and never served. Records of a newer version stay
// where they are and are not served either; damaged ones and those that are not what their key says
// are set aside; those that were disconnected for longer than their time-out and kClockStepMax are
// deleted. Each of these concerns that record alone.
//
// Time. Handles do not expire while nobody serves, but by that bound: how long a node was down is told
// by clocks that may have been set, so the frontend gives each handle its time-out again.
//
// Threading: all methods from any thread, none blocks but Open and Stop. Callbacks run on threads of
// the map, or before the call returns; without locks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/status/statusor.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include "common/castore/handle_record.h"
#include "services/ca-store-service/store/durable_map.h"
#include "services/ca-store-service/store/incarnation.h"

namespace continuo::castore {

inline constexpr size_t kHandoutMax = 4096;  // Records and intents of one handout.
inline constexpr size_t kHandoutBytesMax = 8u << 20;  // And bytes, but for one record.
inline constexpr int kReadersMax = 2;        // That may die of a record.
inline constexpr absl::Duration kClockStepMax = absl::Hours(2);

struct Handout {
  uint64_t number = 0;
  std::vector<HandleRecord> records;
  std::vector<CreateIntent> intents;
  bool is_last = false;
};

enum class Completes { kNothing, kItsIntent };
enum class Outcome { kReclaimed, kExpired };
enum class HandleState { kWritten, kOutstanding, kReclaimed, kSetAside };

struct ListedHandle {
  HandleRecord record;  // Of one that cannot be read: only the id.
  HandleState state = HandleState::kWritten;
  std::string detail;
};

struct StoreCounts {
  uint64_t handles = 0;
  uint64_t intents = 0;
  uint64_t restored = 0;
  uint64_t reclaimed = 0;
  uint64_t expired = 0;
  uint64_t set_aside = 0;
  uint64_t lost = 0;
  DurableMap::Stats map;
};

// How far clients have come back for what was handed out.
struct ReclaimProgress {
  uint64_t restored = 0;
  uint64_t reclaimed = 0;
  uint64_t expired = 0;
  uint64_t outstanding = 0;
};

class HandleStore {
 public:
  using Done = DurableMap::Done;
  struct Options {
    IncarnationOptions incarnation;
    std::function<absl::Time()> now = nullptr;    // Empty: the wall clock.
    std::function<void(absl::Status)> on_fenced;  // See DurableMap::Options.
    std::function<void()> on_watch;
    std::function<void(Outcome, const ReclaimProgress&)> on_outcome = nullptr;  // Does not block.
  };

  // Errors: those of OpenIncarnation.
  static absl::StatusOr<std::unique_ptr<HandleStore>> Open(Options options);
  // For tests: over any medium.
  HandleStore(std::unique_ptr<Medium> medium, OwnerRecord owner, DatabaseContent inherited,
              Options options);

  // Errors: InvalidArgument for a record beyond the limits; else those of the stream's contract.
  void PutRecord(HandleRecord record, Completes completes, Done done);
  void DeleteRecord(uint64_t persistent_id, Done done);
  void PutIntent(const CreateIntent& intent, Done done);
  void DeleteIntent(const IntentKey& key, Done done);

  // Everything that is on record, in handouts to `deliver`, until EndHandouts or the last one.
  void BeginHandouts(std::function<void(Handout)> deliver);
  // Errors: InvalidArgument when that handout is not the one in hand.
  absl::Status Restored(uint64_t number);
  void EndHandouts();
  void ReportOutcome(uint64_t persistent_id, Outcome outcome);

  // Handles with a key above `after` ("" for the first page); *next is empty at the end.
  std::vector<ListedHandle> List(std::string after, size_t limit, std::string* next) const;

  const OwnerRecord& owner() const { return owner_; }
  const std::vector<std::string>& losses() const { return losses_; }
  absl::Status Health() const { return map_.Health(); }
  StoreCounts Counts() const;
  void NudgeWatch() { map_.NudgeWatch(); }
  absl::Status Stop(absl::Time deadline) { return map_.Stop(deadline); }

 private:
  struct Round;  // One frontend's handouts.

  void Next(const std::shared_ptr<Round>& round);
  static std::vector<std::string> TakeKeys(Round& round);
  void Deliver(const std::shared_ptr<Round>& round, const std::vector<std::string>& keys);
  void Forget(uint64_t persistent_id);
  ReclaimProgress ProgressLocked() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void SetAside(const std::string& key, const std::string& reason);
  void AddHandle(const std::string& key, const std::string& value, Handout* handout);
  void AddIntent(const std::string& key, const std::string& value, Handout* handout);
  void KeepUnread(const std::string& key, const std::string& reason);
  Change AttemptsChange() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const OwnerRecord owner_;
  const std::vector<std::string> losses_;
  const uint64_t lost_;
  const std::function<absl::Time()> now_;
  const std::function<void(Outcome, const ReclaimProgress&)> on_outcome_;

  mutable absl::Mutex mutex_;
  std::shared_ptr<Round> round_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<std::string, uint8_t> attempts_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<std::string, std::string> unread_ ABSL_GUARDED_BY(mutex_);  // Key to reason.
  absl::flat_hash_set<uint64_t> outstanding_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<uint64_t> reclaimed_ ABSL_GUARDED_BY(mutex_);
  uint64_t restored_count_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t reclaimed_count_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t expired_count_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t last_handout_ ABSL_GUARDED_BY(mutex_) = 0;

  DurableMap map_;  // Last: its threads use the rest.
};

}  // namespace continuo::castore
