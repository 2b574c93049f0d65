// The recovery database as the rest of this service uses it: a thread that does all the waiting.
//
//   RecoveryStore store({.place = {"/mnt/shared/_recovery", "node1", 0x5eed}});
//   store.Record({{RecordKind::kConnected, connection}}, [](bool is_recorded) { ...answer... });
//   store.ReadOthers([](absl::StatusOr<std::vector<OtherLog>> logs) { ... });
//
// Everything that waits when the thread comes round is written at once and made durable with one sync
// (group commit); closed connections alone are not synced: lost, they cost a tickle that nobody needs.
// The log is rewritten when most of it is dead, and after every error, kRetryInterval apart; meanwhile
// changes are answered as not recorded at once, and the rewritten log has them.
//
// Threading: any thread. Callbacks run on the store's thread and do not block. The thread may hang with
// the storage for ever, so it is not joined: what it uses is shared and outlives this object.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "common/base/loop_progress.h"
#include "services/tickle-service/registry/log_codec.h"
#include "services/tickle-service/registry/other_logs.h"
#include "services/tickle-service/registry/recovery_log.h"

namespace continuo::tickle {

inline constexpr absl::Duration kRetryInterval = absl::Seconds(1);
// Storage that has not answered for so long is named in the status.
inline constexpr absl::Duration kStorageAnswerMax = absl::Seconds(2);
// Records in the log before it is rewritten: these and twice the live ones.
inline constexpr size_t kRewriteSlackRecords = 65'536;

struct StoreOptions {
  LogPlace place;
  size_t rewrite_slack_records = kRewriteSlackRecords;
  absl::Duration retry_interval = kRetryInterval;
};

struct StoreCounts {
  uint64_t recorded = 0;
  uint64_t unrecorded = 0;
  uint64_t removed = 0;
  uint64_t syncs = 0;
  uint64_t rewrites = 0;
  uint64_t failures = 0;
};

class RecoveryStore {
 public:
  using Recorded = std::function<void(bool is_recorded)>;
  using OthersRead = std::function<void(absl::StatusOr<std::vector<OtherLog>>)>;

  explicit RecoveryStore(StoreOptions options);
  ~RecoveryStore();
  RecoveryStore(const RecoveryStore&) = delete;
  RecoveryStore& operator=(const RecoveryStore&) = delete;

  // `done` may be null. With true all connected ones of `changes` are on stable storage.
  void Record(std::vector<LogRecord> changes, Recorded done);
  // In a time of its own, before changes that wait.
  void ReadOthers(OthersRead done);
  void Settle(std::set<Connection> done);

  // OK, what the storage said last, or that it has not answered for some seconds.
  absl::Status Health() const;
  StoreCounts counts() const;

  // For the loop monitor.
  void Nudge();
  const base::LoopProgress& progress() const;

  // Writes what waits and removes the log if nothing is left in it. False when the storage has not
  // answered by `deadline`.
  bool Stop(absl::Time deadline);

 private:
  struct State;
  class Worker;
  const std::shared_ptr<State> state_;
};

}  // namespace continuo::tickle
