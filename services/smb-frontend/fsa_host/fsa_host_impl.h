// Internal to fsa_host: the state behind FsaHost.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/synchronization/mutex.h>

#include "common/fsa/apply.h"
#include "services/smb-frontend/fsa_host/fsa_host.h"

namespace continuo::frontend {

// Lock order: mutex_ is a leaf but for the link's outbox, which is appended to under it.
class FsaHost::Impl : public FsaLinkEvents, public std::enable_shared_from_this<FsaHost::Impl> {
 public:
  using Done = std::function<void(fsa::Effect&)>;

  explicit Impl(const FsaHostOptions& options) : options_(options) {}

  enum class Submitted {
    kDone,      // `done` was called before Run returned.
    kRecorded,  // It is decided; `done` is called when that is on record.
    kPending,   // It waits for somebody else.
  };

  fsa::OpId NextOp() ABSL_LOCKS_EXCLUDED(mutex_);
  // Runs or sends a request that is answered.
  Submitted Run(fsa::Request request, Done done) ABSL_LOCKS_EXCLUDED(mutex_);
  // The same; true: it waits for somebody else.
  bool Submit(fsa::Request request, Done done) {
    return Run(std::move(request), std::move(done)) == Submitted::kPending;
  }
  // The same for one that is not answered.
  void Post(fsa::Request request) ABSL_LOCKS_EXCLUDED(mutex_);

  NtStatus CheckIo(fsa::OpenId open, const fsa::IoRange& range) const ABSL_LOCKS_EXCLUDED(mutex_);
  void BreakForWrite(fsa::OpenId open, fsa::BreakReason reason) ABSL_LOCKS_EXCLUDED(mutex_);
  bool NeedsIoBarrier(fsa::OpenId open) const ABSL_LOCKS_EXCLUDED(mutex_);
  bool has_watches() const { return watch_count_.load(std::memory_order_acquire) != 0; }
  bool is_delegated() const ABSL_LOCKS_EXCLUDED(mutex_);
  fsa::Counters counters() const ABSL_LOCKS_EXCLUDED(mutex_);
  void ConnectTo(FsaLink* link) ABSL_LOCKS_EXCLUDED(mutex_);
  void CancelTimers() ABSL_LOCKS_EXCLUDED(mutex_);
  FsaHostSink* sink() const { return options_.sink; }

  void OnServeRemotely() override;
  void OnEffects(fsa::Effects effects) override;
  void OnLocks(const fsa::FileKey& file, const std::string& stream,
               std::vector<fsa::HeldLock> locks) override;
  void OnOffer() override;
  void OnDownload(std::vector<fsa::FileSnapshot> files, bool is_last) override;
  void OnRecall() override;
  void OnListing(uint64_t listing_id, uint64_t limit) override;
  void OnLost() override;

 private:
  enum class Place { kLocal, kConnecting, kRemote, kAccepting, kBroken };
  struct Pending {
    fsa::Request request;  // Without its bulk: enough for FailureOf and for the mirror.
    Done done;
  };
  struct Delivery {
    fsa::Effect effect;
    Done done;  // Of the operation that the effect answers; empty for breaks and purges.
  };
  using StreamKey = std::pair<fsa::FileKey, std::string>;
  // What one operation, or one message of the service, caused and has to be on record first.
  struct Held {
    std::vector<Delivery> deliveries;
    bool is_on_record = false;
  };
  using HeldRef = std::shared_ptr<Held>;
  // What Route and Take leave to the caller.
  struct Routed {
    std::optional<fsa::Effect> own_answer;
    HeldRef held;  // Null: nothing has to be recorded.
  };

  // Takes effects in order: into the deliveries, or into `routed->held` if they change what is on
  // record. The answer of `own` is left in `routed->own_answer`.
  void Take(fsa::Effects* effects, fsa::OpId own, Routed* routed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Notes what has to be recorded; true: there was something.
  bool Note(const fsa::Effects& effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Has `held` recorded and carried out.
  void Settle(const HeldRef& held) ABSL_LOCKS_EXCLUDED(mutex_);
  void Release(const HeldRef& held) ABSL_LOCKS_EXCLUDED(mutex_);
  void Mirror(const Pending& pending, const fsa::Effect& answer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Runs `request` in process or sends it; what it causes goes into the deliveries.
  void Route(const fsa::Request& request, fsa::OpId own, Routed* routed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SendListing(uint64_t listing_id, uint64_t limit) ABSL_LOCKS_EXCLUDED(mutex_);
  // Appends what has to be recorded to `held`.
  void RunWaiting(std::vector<HeldRef>* held) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Break() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CountWatches() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Delivers until nothing is left, unless another thread is at it already.
  void Deliver() ABSL_LOCKS_EXCLUDED(mutex_);
  void CarryOut(Delivery* delivery) ABSL_LOCKS_EXCLUDED(mutex_);
  void FlushLink() ABSL_LOCKS_EXCLUDED(mutex_);
  void StartTimer(fsa::BreakId id) ABSL_LOCKS_EXCLUDED(mutex_);
  void StopTimer(fsa::BreakId id) ABSL_LOCKS_EXCLUDED(mutex_);

  const FsaHostOptions options_;
  std::atomic<uint64_t> last_op_{0};
  std::atomic<size_t> watch_count_{0};
  std::atomic<FsaLink*> flushed_link_{nullptr};  // link_, for use without the lock.

  mutable absl::Mutex mutex_;
  Place place_ ABSL_GUARDED_BY(mutex_) = Place::kLocal;
  FsaLink* link_ ABSL_GUARDED_BY(mutex_) = nullptr;
  fsa::Files files_ ABSL_GUARDED_BY(mutex_);
  fsa::Effects scratch_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<fsa::OpId, Pending> pending_ ABSL_GUARDED_BY(mutex_);
  std::vector<fsa::Request> waiting_ ABSL_GUARDED_BY(mutex_);  // kConnecting, kAccepting
  std::vector<Delivery> deliveries_ ABSL_GUARDED_BY(mutex_);
  bool is_delivering_ ABSL_GUARDED_BY(mutex_) = false;
  // From fsa-state-service, in its order: what comes after one that is not on record yet waits.
  std::deque<HeldRef> held_messages_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<fsa::BreakId, uint64_t> timers_ ABSL_GUARDED_BY(mutex_);

  // What the data path needs to know while the state is elsewhere.
  absl::flat_hash_map<fsa::OpenId, StreamKey> remote_opens_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<StreamKey, std::vector<fsa::HeldLock>> remote_locks_
      ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<fsa::OpenId> remote_watches_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace continuo::frontend
