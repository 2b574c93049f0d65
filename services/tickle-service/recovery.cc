#include "services/tickle-service/recovery.h"

#include <pthread.h>

#include <algorithm>
#include <limits>
#include <utility>

#include <absl/strings/str_format.h>
#include <absl/time/clock.h>

#include "common/logging/log.h"
#include "services/tickle-service/addresses/socket_reset.h"

namespace continuo::tickle {
namespace {

absl::Status NotHere(const IpAddress& address) {
  return absl::FailedPreconditionError(address.ToString() + " is not an address of this node");
}

absl::Status Stopping() { return absl::CancelledError("tickle-service is stopping"); }

}  // namespace

Recovery::Recovery(StoreOptions store, std::set<uint16_t> ports, failover_trace::Recorder& trace)
    : ports_(std::move(ports)),
      own_name_(store.place.name()),
      trace_(trace),
      store_(std::move(store)) {
  if (!sender_.status().ok()) {
    logging::Warning("tickle.cannot_send", {{"reason", sender_.status()}});
  }
  thread_ = std::thread([this] { Run(); });
}

Recovery::~Recovery() { Stop(absl::InfinitePast()); }

void Recovery::BeginSnapshot() {
  absl::MutexLock lock(&mutex_);
  table_.BeginSnapshot();
}

void Recovery::Apply(const std::vector<FrontendChange>& changes, RecoveryStore::Recorded done) {
  std::vector<LogRecord> records;
  std::vector<Connection> connected;
  absl::MutexLock lock(&mutex_);
  for (const FrontendChange& change : changes) {
    switch (change.kind) {
      case FrontendChange::Kind::kConnected:
        if (!CanMove(change.connection.local)) break;
        table_.Add(change.id, change.connection, absl::Now());
        records.push_back({RecordKind::kConnected, change.connection});
        connected.push_back(change.connection);
        break;
      case FrontendChange::Kind::kClosed:
        if (const auto gone = table_.Remove(change.id);
            gone && !handed_over_.contains(gone->local)) {
          records.push_back({RecordKind::kClosed, *gone});
        }
        break;
      case FrontendChange::Kind::kSnapshotEnd:
        for (const Connection& gone : table_.EndSnapshot()) {
          records.push_back({RecordKind::kClosed, gone});
        }
        break;
    }
  }
  // Under the lock, so that the log has them in the table's order.
  store_.Record(std::move(records), std::move(done));
  (void)mailbox_->Put([&](Inbox& inbox) {
    inbox.connected.insert(inbox.connected.end(), connected.begin(), connected.end());
  });
}

void Recovery::AddressArrived(const IpAddress& address, uint32_t interface_index,
                              const std::string& interface) {
  {
    absl::MutexLock lock(&mutex_);
    handed_over_.erase(address);
  }
  (void)mailbox_->Put([&](Inbox& inbox) {
    inbox.arrivals.push_back({address, interface_index, interface});
  });
}

void Recovery::SendTickles(const IpAddress& address, SendDone done) {
  if (!IsLocalAddress(address)) return done(NotHere(address));
  Job job{.address = address, .done = done, .give_up = absl::Now() + kReadAnswerMax};
  if (!mailbox_->Put([&](Inbox& inbox) { inbox.jobs.push_back(std::move(job)); })) {
    done(Stopping());
  }
}

void Recovery::ResetConnections(const IpAddress& address, ResetDone done) {
  if (!mailbox_->Put([&](Inbox& inbox) { inbox.resets.push_back({address, done}); })) {
    done(Stopping());
  }
}

uint32_t Recovery::HandOver(const IpAddress& address) {
  absl::MutexLock lock(&mutex_);
  handed_over_.insert(address);
  const uint32_t count = table_.CountOf(address);
  logging::Info("address.handed_over", {{"address", address.ToString()}, {"clients", count}});
  return count;
}

void Recovery::ReadAll(LogsDone done) {
  Job job{.listed = done, .is_listing = true, .give_up = absl::Now() + kReadAnswerMax};
  if (!mailbox_->Put([&](Inbox& inbox) { inbox.jobs.push_back(std::move(job)); })) {
    done(Stopping());
  }
}

std::vector<ConnectionTable::Row> Recovery::Page(const std::optional<Connection>& after,
                                                 size_t count_max) const {
  absl::MutexLock lock(&mutex_);
  return table_.Page(after, count_max);
}

RecoveryCounts Recovery::counts() const {
  absl::MutexLock lock(&mutex_);
  RecoveryCounts counts = counts_;
  counts.connections = table_.size();
  counts.store = store_.counts();
  return counts;
}

absl::Status Recovery::Health() const {
  const absl::Status stored = store_.Health();
  return stored.ok() ? sender_.status() : stored;
}

void Recovery::Nudge() {
  (void)mailbox_->Put([](Inbox& inbox) { inbox.is_nudged = true; });
}

void Recovery::Stop(absl::Time deadline) {
  if (!thread_.joinable()) return;
  (void)mailbox_->Put([](Inbox& inbox) { inbox.is_stopping = true; });
  thread_.join();
  if (!store_.Stop(deadline) && deadline != absl::InfinitePast()) {
    logging::Warning("recovery.storage_silent_at_stop");
  }
}

bool Recovery::Mailbox::Put(absl::FunctionRef<void(Inbox&)> change) {
  absl::MutexLock lock(&mutex);
  if (is_closed) return false;
  change(inbox);
  is_closed = inbox.is_stopping;
  return true;
}

bool Recovery::Mailbox::HasMail() const {
  return !inbox.jobs.empty() || !inbox.arrivals.empty() || !inbox.resets.empty() ||
         !inbox.connected.empty() || inbox.logs.has_value() || inbox.is_nudged ||
         inbox.is_stopping;
}

Recovery::Inbox Recovery::Wait() {
  absl::MutexLock lock(&mailbox_->mutex);
  mailbox_->mutex.AwaitWithDeadline(absl::Condition(mailbox_.get(), &Mailbox::HasMail),
                                    NextWakeUp());
  return std::exchange(mailbox_->inbox, Inbox{});
}

void Recovery::Run() {
  pthread_setname_np(pthread_self(), "tickle-send");
  for (;;) {
    Inbox inbox = Wait();
    progress_.Beat();
    HandleResets(std::move(inbox.resets));
    HandleArrivals(inbox.arrivals);
    for (Job& job : inbox.jobs) waiting_.push_back(std::move(job));
    for (const Connection& one : inbox.connected) campaign_.ClientConnected(one);
    if (inbox.logs) HandleLogs(*inbox.logs);
    const absl::Time now = absl::Now();
    GiveUpLateJobs(inbox.is_stopping ? absl::InfiniteFuture() : now);
    if (inbox.is_stopping) return;
    if (!is_reading_ && !waiting_.empty() && now >= next_read_) StartRead();
    SendDue();
  }
}

absl::Time Recovery::NextWakeUp() const {
  absl::Time next = campaign_.next_due();
  if (!is_reading_ && !waiting_.empty()) next = std::min(next, next_read_);
  for (const std::vector<Job>* jobs : {&waiting_, &reading_}) {
    for (const Job& job : *jobs) next = std::min(next, job.give_up);
  }
  return next;
}

void Recovery::HandleArrivals(const std::vector<Arrival>& arrivals) {
  for (const Arrival& arrival : arrivals) {
    const absl::Status announced =
        sender_.Announce(arrival.address, arrival.interface_index, arrival.interface);
    if (!announced.ok()) logging::Warning("address.not_announced", {{"reason", announced}});
    waiting_.push_back({.address = arrival.address});
    next_read_ = absl::InfinitePast();
  }
}

void Recovery::HandleResets(std::vector<Reset> resets) {
  for (Reset& reset : resets) {
    const absl::StatusOr<uint32_t> count = ResetConnectionsOf(reset.address, ports_);
    if (count.ok()) {
      logging::Info("address.connections_reset",
                    {{"address", reset.address.ToString()}, {"count", *count}});
      absl::MutexLock lock(&mutex_);
      counts_.reset += *count;
    } else {
      logging::Warning("address.connections_not_reset",
                       {{"address", reset.address.ToString()}, {"reason", count.status()}});
    }
    reset.done(count);
  }
}

void Recovery::StartRead() {
  is_reading_ = true;
  reading_ = std::exchange(waiting_, {});
  store_.ReadOthers([mailbox = mailbox_](absl::StatusOr<std::vector<OtherLog>> logs) {
    (void)mailbox->Put([&](Inbox& inbox) { inbox.logs = std::move(logs); });
  });
}

void Recovery::HandleLogs(const absl::StatusOr<std::vector<OtherLog>>& logs) {
  is_reading_ = false;
  std::vector<Job> jobs = std::exchange(reading_, {});
  if (logs.ok()) {
    next_read_ = absl::InfinitePast();
    for (Job& job : jobs) FinishJob(std::move(job), *logs);
    return;
  }
  next_read_ = absl::Now() + kRetryInterval;
  logging::Warning("recovery.logs_not_read", {{"reason", logs.status()}});
  for (Job& job : jobs) {
    if (job.is_listing) {
      if (job.listed != nullptr) job.listed(logs.status());
    } else if (job.done != nullptr) {
      job.done(logs.status());
      waiting_.push_back({.address = job.address});  // The tickles follow once it answers.
    } else if (IsLocalAddress(job.address)) {
      waiting_.push_back(std::move(job));
    }
  }
}

void Recovery::FinishJob(Job job, const std::vector<OtherLog>& logs) {
  if (job.is_listing) {
    if (job.listed == nullptr) return;
    std::vector<OtherLog> all = logs;
    all.push_back({own_name_, OpenHere()});
    return job.listed(std::move(all));
  }
  SendOutcome outcome;
  std::set<Connection> settled;
  const absl::Time now = absl::Now();
  for (const OtherLog& log : logs) {
    for (const Connection& one : log.live) {
      if (one.local != job.address) continue;
      if (IsOpenHere(one)) {
        settled.insert(one);  // Its client is back already.
        continue;
      }
      ++outcome.recorded_count;
      if (campaign_.Add(one, now)) ++outcome.started_count;
    }
  }
  // Also without any: logs that have nothing left in them go.
  store_.Settle(settled);
  if (outcome.started_count != 0) {
    logging::Info("tickle.begun", {{"address", job.address.ToString()},
                                   {"clients", outcome.started_count}});
    trace_.Note(failover_trace::Kind::kTickle,
                absl::StrFormat("%d clients of %s", outcome.started_count, job.address.ToString()));
    absl::MutexLock lock(&mutex_);
    counts_.tickled_connections += outcome.started_count;
  }
  if (job.done == nullptr) return;
  while (campaign_.next_due() <= now) SendDue();
  job.done(outcome);
}

void Recovery::GiveUpLateJobs(absl::Time now) {
  for (std::vector<Job>* jobs : {&waiting_, &reading_}) {
    for (Job& job : *jobs) {
      if (job.give_up > now || (job.done == nullptr && job.listed == nullptr)) continue;
      const absl::Status late =
          now == absl::InfiniteFuture()
              ? Stopping()
              : absl::DeadlineExceededError("the recovery database does not answer");
      // The address stays: its tickles follow once the storage answers.
      if (const SendDone done = std::exchange(job.done, nullptr)) done(late);
      if (const LogsDone listed = std::exchange(job.listed, nullptr)) listed(late);
      job.give_up = absl::InfiniteFuture();
    }
  }
}

void Recovery::SendDue() {
  progress_.Beat();
  uint64_t sent_count = 0;
  uint64_t failure_count = 0;
  for (const Connection& one : campaign_.TakeDue(absl::Now(), kBurstMax)) {
    if (IsOpenHere(one)) continue;
    const absl::Status sent = sender_.SendTickle(one);
    ++(sent.ok() ? sent_count : failure_count);
    if (sent.ok()) continue;
    static logging::RateLimit limit;
    limit.Log(logging::Severity::kWarning, "tickle.not_sent", {{"reason", sent}});
  }
  const std::vector<Connection> done = campaign_.TakeDone();
  if (!done.empty()) store_.Settle({done.begin(), done.end()});
  absl::MutexLock lock(&mutex_);
  counts_.tickles_sent += sent_count;
  counts_.send_failures += failure_count;
}

bool Recovery::IsOpenHere(const Connection& connection) const {
  absl::MutexLock lock(&mutex_);
  return table_.Contains(connection);
}

std::set<Connection> Recovery::OpenHere() const {
  std::set<Connection> open;
  for (const ConnectionTable::Row& row : Page(std::nullopt, std::numeric_limits<size_t>::max())) {
    open.insert(row.connection);
  }
  return open;
}

}  // namespace continuo::tickle
