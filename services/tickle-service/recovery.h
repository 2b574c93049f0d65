// Connection recovery: what is open here, what is on record, and the tickles for addresses that come.
//
//   frontend's stream → Connected/Closed → table, store
//   address arrives, SendTickles → the other logs are read (store's thread) → each recorded client of
//   it that is not open here joins the campaign → tickles, retries (this thread) → records dropped
//
// Threading: any thread. Callbacks run on the store's thread or on this one's own ("tickle-send"), do
// not block, and each runs exactly once.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/functional/function_ref.h>
#include <absl/status/statusor.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include "common/base/loop_progress.h"
#include "common/failover_trace/recorder.h"
#include "services/tickle-service/packet/campaign.h"
#include "services/tickle-service/packet/raw_sender.h"
#include "services/tickle-service/registry/connection_table.h"
#include "services/tickle-service/registry/recovery_store.h"

namespace continuo::tickle {

// How long an administrator's call waits for the storage.
inline constexpr absl::Duration kReadAnswerMax = absl::Seconds(3);
// Packets of one turn of the thread.
inline constexpr size_t kBurstMax = 512;

struct FrontendChange {
  enum class Kind { kConnected, kClosed, kSnapshotEnd };
  Kind kind = Kind::kConnected;
  uint64_t id = 0;
  Connection connection;  // For kConnected.
};

struct SendOutcome {
  uint32_t recorded_count = 0;  // On record for the address and not open here.
  uint32_t started_count = 0;   // Of these, not under way already.
};

struct RecoveryCounts {
  StoreCounts store;
  uint64_t connections = 0;
  uint64_t tickled_connections = 0;
  uint64_t tickles_sent = 0;
  uint64_t send_failures = 0;
  uint64_t reset = 0;
};

class Recovery {
 public:
  using SendDone = std::function<void(absl::StatusOr<SendOutcome>)>;
  using ResetDone = std::function<void(absl::StatusOr<uint32_t>)>;
  using LogsDone = std::function<void(absl::StatusOr<std::vector<OtherLog>>)>;

  // `ports` are smb-frontend's; `trace` outlives this.
  Recovery(StoreOptions store, std::set<uint16_t> ports, failover_trace::Recorder& trace);
  ~Recovery();

  // A frontend has attached: it names its connections anew.
  void BeginSnapshot();
  // `done(is_recorded)` is called when every kConnected of `changes` is on stable storage, or not.
  void Apply(const std::vector<FrontendChange>& changes, RecoveryStore::Recorded done);

  void AddressArrived(const IpAddress& address, uint32_t interface_index,
                      const std::string& interface);
  // Answers when the first tickle has been sent to each. Errors: as the RPC SendTickles.
  void SendTickles(const IpAddress& address, SendDone done);
  void ResetConnections(const IpAddress& address, ResetDone done);
  // Keeps the records of the address's connections, whatever becomes of these, until it arrives again.
  // Returns how many are open.
  uint32_t HandOver(const IpAddress& address);
  // All logs as they are on the storage, this node's with what it has in memory. Errors: what the
  // storage says; DeadlineExceeded.
  void ReadAll(LogsDone done);

  std::vector<ConnectionTable::Row> Page(const std::optional<Connection>& after,
                                         size_t count_max) const;
  RecoveryCounts counts() const;
  // Why clients are not recorded, or would not get tickles; OK when all is well.
  absl::Status Health() const;

  RecoveryStore& store() { return store_; }
  void Nudge();  // For the loop monitor.
  const base::LoopProgress& progress() const { return progress_; }

  // Answers what waits with Cancelled, ends the thread, writes what is due.
  void Stop(absl::Time deadline);

 private:
  // What waits for the logs of others: an address, and who asked for it.
  struct Job {
    IpAddress address;
    SendDone done;    // Null: it has arrived, and is tried until its clients' records were read.
    LogsDone listed;  // Instead: who wants the logs themselves.
    bool is_listing = false;
    absl::Time give_up = absl::InfiniteFuture();
  };
  struct Arrival {
    IpAddress address;
    uint32_t interface_index = 0;
    std::string interface;
  };
  struct Reset {
    IpAddress address;
    ResetDone done;
  };
  struct Inbox {
    std::vector<Job> jobs;
    std::vector<Arrival> arrivals;
    std::vector<Reset> resets;
    std::vector<Connection> connected;
    std::optional<absl::StatusOr<std::vector<OtherLog>>> logs;
    bool is_nudged = false;
    bool is_stopping = false;
  };
  // Shared with reads that outlive this object.
  struct Mailbox {
    absl::Mutex mutex;
    Inbox inbox ABSL_GUARDED_BY(mutex);
    bool is_closed ABSL_GUARDED_BY(mutex) = false;
    // False after the one that says is_stopping: nothing is taken any more.
    bool Put(absl::FunctionRef<void(Inbox&)> change);
    bool HasMail() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  };

  void Run();
  Inbox Wait();
  void HandleArrivals(const std::vector<Arrival>& arrivals);
  void HandleResets(std::vector<Reset> resets);
  void HandleLogs(const absl::StatusOr<std::vector<OtherLog>>& logs);
  void FinishJob(Job job, const std::vector<OtherLog>& logs);
  void StartRead();
  void GiveUpLateJobs(absl::Time now);
  void SendDue();
  absl::Time NextWakeUp() const;
  bool IsOpenHere(const Connection& connection) const;
  std::set<Connection> OpenHere() const;

  const std::set<uint16_t> ports_;
  const std::string own_name_;
  failover_trace::Recorder& trace_;
  RecoveryStore store_;
  RawSender sender_;
  base::LoopProgress progress_;
  const std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  mutable absl::Mutex mutex_;
  ConnectionTable table_ ABSL_GUARDED_BY(mutex_);
  RecoveryCounts counts_ ABSL_GUARDED_BY(mutex_);
  std::set<IpAddress> handed_over_ ABSL_GUARDED_BY(mutex_);
  // Only the thread uses these.
  Campaign campaign_;
  std::vector<Job> waiting_;  // For the next read.
  std::vector<Job> reading_;  // For the one under way.
  bool is_reading_ = false;
  absl::Time next_read_ = absl::InfinitePast();
  std::thread thread_;
};

}  // namespace continuo::tickle
