#include "services/tickle-service/registry/recovery_store.h"

#include <pthread.h>

#include <optional>
#include <thread>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/strings/str_format.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/clock.h>

#include "common/logging/log.h"

namespace continuo::tickle {

struct RecoveryStore::State {
  struct Change {
    std::vector<LogRecord> records;
    Recorded done;
  };
  struct Work {
    std::vector<Change> changes;
    std::vector<OthersRead> reads;
    std::set<Connection> settled;
    bool is_stopping = false;
  };

  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    return !work.changes.empty() || !work.reads.empty() || !work.settled.empty() || is_nudged ||
           (work.is_stopping && !is_stopped);
  }

  StoreOptions options;
  base::LoopProgress progress;
  mutable absl::Mutex mutex;
  Work work ABSL_GUARDED_BY(mutex);
  bool is_nudged ABSL_GUARDED_BY(mutex) = false;
  bool is_stopped ABSL_GUARDED_BY(mutex) = false;
  std::optional<absl::Time> busy_since ABSL_GUARDED_BY(mutex);
  absl::Status health ABSL_GUARDED_BY(mutex);
  StoreCounts counts ABSL_GUARDED_BY(mutex);
};

// Lives on the thread.
class RecoveryStore::Worker {
 public:
  explicit Worker(std::shared_ptr<State> state)
      : state_(std::move(state)), log_(state_->options.place) {}

  void Run() {
    pthread_setname_np(pthread_self(), "tickle-store");
    // The log is there before the first client, and trouble with it is known early.
    bool is_stopping = Turn({});
    while (!is_stopping) is_stopping = Turn(WaitForWork());
  }

 private:
  State::Work WaitForWork() {
    absl::MutexLock lock(&state_->mutex);
    state_->busy_since.reset();
    state_->progress.LeaveOutside();
    for (;;) {
      state_->mutex.AwaitWithDeadline(absl::Condition(state_.get(), &State::HasWork), retry_at_);
      state_->progress.Beat();
      if (!std::exchange(state_->is_nudged, false) || state_->HasWork()) break;
    }
    state_->progress.EnterOutside();
    state_->busy_since = absl::Now();
    State::Work work = std::exchange(state_->work, State::Work{});
    state_->work.is_stopping = work.is_stopping;
    return work;
  }

  // True when it was the last one.
  bool Turn(State::Work work) {
    for (const OthersRead& read : work.reads) {
      read(ReadOtherLogs(log_.place().directory, log_.place().name()));
    }
    Write(std::move(work.changes));
    if (!work.settled.empty()) {
      const absl::Status settled =
          SettleOtherLogs(log_.place().directory, log_.place().name(), work.settled);
      if (!settled.ok()) logging::Warning("recovery.logs_not_cleaned", {{"reason", settled}});
    }
    if (!work.is_stopping) return false;
    if (live_.empty()) log_.Remove();
    absl::MutexLock lock(&state_->mutex);
    state_->is_stopped = true;
    return true;
  }

  void Write(std::vector<State::Change> changes) {
    Bytes records;
    size_t connected_count = 0;
    size_t closed_count = 0;
    for (const State::Change& change : changes) {
      for (const LogRecord& record : change.records) {
        Apply(record);
        AppendLogRecord(record, records);
        ++(record.kind == RecordKind::kConnected ? connected_count : closed_count);
      }
    }
    const absl::Status status = MakeDurable(records, connected_count != 0);
    {
      absl::MutexLock lock(&state_->mutex);
      (status.ok() ? state_->counts.recorded : state_->counts.unrecorded) += connected_count;
      state_->counts.removed += closed_count;
    }
    for (const State::Change& change : changes) {
      if (change.done != nullptr) change.done(status.ok());
    }
  }

  void Apply(const LogRecord& record) {
    if (record.kind == RecordKind::kConnected) {
      live_.insert(record.connection);
    } else {
      live_.erase(record.connection);
    }
  }

  absl::Status MakeDurable(const Bytes& records, bool must_sync) {
    absl::Status status;
    if (log_.is_open() && !records.empty()) {
      status = log_.Append(records, must_sync ? Durability::kSynced : Durability::kWritten);
      Count(&StoreCounts::syncs, must_sync ? 1 : 0);
    }
    const size_t record_max = 2 * live_.size() + state_->options.rewrite_slack_records;
    const bool is_usable = log_.is_open();
    if (is_usable && log_.record_count() <= record_max) return status;
    const absl::Time now = absl::Now();
    if (now < retry_at_ && retry_at_ != absl::InfiniteFuture()) {
      absl::MutexLock lock(&state_->mutex);
      return is_usable ? absl::OkStatus() : state_->health;
    }
    // An append that failed is followed by one try at once: the file may just have been removed.
    const absl::Status rewritten = log_.Rewrite(live_);
    Count(&StoreCounts::rewrites, 1);
    Note(rewritten);
    retry_at_ = rewritten.ok() ? absl::InfiniteFuture() : now + state_->options.retry_interval;
    return is_usable ? absl::OkStatus() : rewritten;
  }

  void Count(uint64_t StoreCounts::*which, uint64_t count) {
    absl::MutexLock lock(&state_->mutex);
    state_->counts.*which += count;
  }

  void Note(const absl::Status& status) {
    bool is_news = false;
    {
      absl::MutexLock lock(&state_->mutex);
      is_news = status != state_->health;
      state_->health = status;
      if (!status.ok()) ++state_->counts.failures;
    }
    if (!is_news) return;
    if (status.ok()) {
      logging::Info("recovery.storage_answers", {{"path", log_.place().directory}});
    } else {
      logging::Warning("recovery.not_recorded", {{"reason", status}});
    }
  }

  const std::shared_ptr<State> state_;
  RecoveryLog log_;
  std::set<Connection> live_;
  absl::Time retry_at_ = absl::InfiniteFuture();
};

RecoveryStore::RecoveryStore(StoreOptions options) : state_(std::make_shared<State>()) {
  state_->options = std::move(options);
  state_->progress.EnterOutside();
  {
    absl::MutexLock lock(&state_->mutex);
    state_->busy_since = absl::Now();
  }
  std::thread([state = state_] { Worker(state).Run(); }).detach();
}

RecoveryStore::~RecoveryStore() {
  absl::MutexLock lock(&state_->mutex);
  state_->work.is_stopping = true;
}

void RecoveryStore::Record(std::vector<LogRecord> changes, Recorded done) {
  absl::MutexLock lock(&state_->mutex);
  state_->work.changes.push_back({std::move(changes), std::move(done)});
}

void RecoveryStore::ReadOthers(OthersRead done) {
  absl::MutexLock lock(&state_->mutex);
  state_->work.reads.push_back(std::move(done));
}

void RecoveryStore::Settle(std::set<Connection> done) {
  absl::MutexLock lock(&state_->mutex);
  state_->work.settled.merge(done);
}

absl::Status RecoveryStore::Health() const {
  absl::MutexLock lock(&state_->mutex);
  const absl::Time now = absl::Now();
  if (state_->busy_since && now - *state_->busy_since > kStorageAnswerMax) {
    return absl::DeadlineExceededError(
        absl::StrFormat("%s has not answered for %s", state_->options.place.directory,
                        absl::FormatDuration(absl::Floor(now - *state_->busy_since,
                                                         absl::Seconds(1)))));
  }
  return state_->health;
}

StoreCounts RecoveryStore::counts() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->counts;
}

void RecoveryStore::Nudge() {
  absl::MutexLock lock(&state_->mutex);
  state_->is_nudged = true;
}

const base::LoopProgress& RecoveryStore::progress() const { return state_->progress; }

bool RecoveryStore::Stop(absl::Time deadline) {
  absl::MutexLock lock(&state_->mutex);
  state_->work.is_stopping = true;
  return state_->mutex.AwaitWithDeadline(absl::Condition(&state_->is_stopped), deadline);
}

}  // namespace continuo::tickle
