#include "services/ca-store-service/store/durable_map.h"

#include <array>
#include <deque>
#include <thread>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/container/btree_set.h>
#include <absl/strings/str_format.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/clock.h>

#include "common/logging/log.h"

namespace continuo::castore {
namespace {

constexpr size_t kBatchChangesMax = 8192;
constexpr size_t kQueueMax = 262'144;
constexpr absl::Duration kWatchInterval = absl::Milliseconds(250);

}  // namespace

struct DurableMap::State {
  struct Pending {
    std::vector<Change> changes;
    Done done;  // Empty once answered.
    Urgency urgency = Urgency::kOrFail;
    absl::Time since;
  };
  using Answers = std::vector<std::pair<Done, absl::Status>>;

  explicit State(Options from)
      : medium(std::move(from.medium)),
        answer_max(from.answer_max),
        retry_interval(from.retry_interval),
        confirm_interval(from.confirm_interval),
        on_fenced(std::move(from.on_fenced)),
        on_watch(std::move(from.on_watch)),
        content(std::move(from.content)) {
    for (const auto& [key, value] : content) ++counts[static_cast<uint8_t>(key[0])];
  }

  void RunWriter();
  void RunWatch();
  void Write() ABSL_NO_THREAD_SAFETY_ANALYSIS;  // Reads `content`, which it alone changes.
  void Idle();
  void Conclude(const absl::Status& status, size_t asserted);
  void Concluded(Pending& pending, const absl::Status& status, Answers* answers)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  std::vector<Change> TakeBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void Answer(Pending& pending, absl::Status status, Answers* answers)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  absl::Status Refusal(absl::Time now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  bool IsWorkDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    return is_stopping || (!queue.empty() && absl::Now() >= next_try);
  }
  static void Run(Answers answers) {
    for (auto& [done, status] : answers) done(std::move(status));
  }

  std::unique_ptr<Medium> medium;  // The writer's.
  const absl::Duration answer_max;
  const absl::Duration retry_interval;
  const absl::Duration confirm_interval;
  const std::function<void(absl::Status)> on_fenced;
  const std::function<void()> on_watch;

  mutable absl::Mutex mutex;
  // Changed by the writer alone, which may therefore read it without the lock.
  Content content ABSL_GUARDED_BY(mutex);
  std::array<size_t, 256> counts ABSL_GUARDED_BY(mutex){};  // By the keys' first byte.
  std::deque<Pending> queue ABSL_GUARDED_BY(mutex);
  std::deque<Pending> in_flight ABSL_GUARDED_BY(mutex);
  absl::btree_set<std::string> doubtful ABSL_GUARDED_BY(mutex);  // Keys of what failed.
  absl::Status condition ABSL_GUARDED_BY(mutex);                 // Of the medium, last seen.
  bool is_fenced ABSL_GUARDED_BY(mutex) = false;
  absl::Time next_try ABSL_GUARDED_BY(mutex) = absl::InfinitePast();
  absl::Time busy_since ABSL_GUARDED_BY(mutex) = absl::InfiniteFuture();
  bool is_stopping ABSL_GUARDED_BY(mutex) = false;
  bool is_watch_over ABSL_GUARDED_BY(mutex) = false;
  bool is_nudged ABSL_GUARDED_BY(mutex) = false;
  bool is_writer_over ABSL_GUARDED_BY(mutex) = false;
  absl::Status release ABSL_GUARDED_BY(mutex);
  Stats stats ABSL_GUARDED_BY(mutex);
  std::thread watch;
};

// ---- The writer -----------------------------------------------------------------------------------

void DurableMap::State::RunWriter() {
  for (;;) {
    bool is_idle = false;
    {
      absl::MutexLock lock(&mutex);
      mutex.AwaitWithTimeout(absl::Condition(this, &State::IsWorkDue), confirm_interval);
      const bool is_done = queue.empty() && doubtful.empty();
      if (is_stopping && (is_done || is_fenced || !condition.ok())) break;
      if (absl::Now() < next_try) continue;
      is_idle = queue.empty() && doubtful.empty();
      busy_since = absl::Now();
    }
    is_idle ? Idle() : Write();
    absl::MutexLock lock(&mutex);
    busy_since = absl::InfiniteFuture();
    if (is_fenced) break;
  }
  absl::Status released = absl::OkStatus();
  Answers answers;
  {
    absl::MutexLock lock(&mutex);
    const absl::Status over = is_fenced ? condition : absl::CancelledError("the store has stopped");
    for (Pending& pending : queue) Answer(pending, over, &answers);
    queue.clear();
    released = is_fenced || !condition.ok() ? condition : absl::OkStatus();
  }
  Run(std::move(answers));
  if (released.ok()) released = medium->Release();
  medium = nullptr;  // With its locks, before anybody is told that it is over.
  absl::MutexLock lock(&mutex);
  release = released;
  is_writer_over = true;
}

void DurableMap::State::Idle() { Conclude(medium->Confirm(), 0); }

void DurableMap::State::Write() {
  std::vector<Change> changes;
  size_t asserted = 0;
  {
    absl::MutexLock lock(&mutex);
    changes = TakeBatch();
    asserted = doubtful.size();
  }
  const absl::Status status = medium->Write(changes, content);
  Conclude(status, asserted);
}

std::vector<Change> DurableMap::State::TakeBatch() {
  std::vector<Change> changes;
  for (const std::string& key : doubtful) {
    const auto found = content.find(key);
    changes.push_back(
        {key, found == content.end() ? std::nullopt : std::optional(found->second)});
  }
  while (!queue.empty() && changes.size() < kBatchChangesMax) {
    in_flight.push_back(std::move(queue.front()));
    queue.pop_front();
    const std::vector<Change>& more = in_flight.back().changes;
    changes.insert(changes.end(), more.begin(), more.end());
  }
  return changes;
}

// What the medium said of all in flight, and of `asserted` doubtful keys that went with it.
void DurableMap::State::Conclude(const absl::Status& status, size_t asserted) {
  Answers answers;
  bool is_newly_fenced = false;
  bool has_changed = false;
  {
    absl::MutexLock lock(&mutex);
    if (asserted > 0 || !in_flight.empty()) ++stats.writes;
    // Nothing is added to `doubtful` while the writer is busy but by this function.
    if (status.ok() && asserted > 0) doubtful.clear();
    std::deque<Pending> again;
    for (Pending& pending : in_flight) {
      Concluded(pending, status, &answers);
      if (pending.urgency == Urgency::kMustLand && pending.done != nullptr) {
        again.push_back(std::move(pending));
      }
    }
    in_flight.clear();
    for (; !again.empty(); again.pop_back()) queue.push_front(std::move(again.back()));
    has_changed = condition.code() != status.code();
    condition = status;
    next_try = status.ok() ? absl::InfinitePast() : absl::Now() + retry_interval;
    is_newly_fenced = absl::IsFailedPrecondition(status);
    is_fenced |= is_newly_fenced;
  }
  if (has_changed) {
    logging::Log(status.ok() ? logging::Severity::kInfo : logging::Severity::kError,
                 "store.condition_changed", {{"status", status}});
  }
  Run(std::move(answers));
  if (is_newly_fenced && on_fenced != nullptr) on_fenced(status);
}

void DurableMap::State::Concluded(Pending& pending, const absl::Status& status, Answers* answers) {
  const bool is_answered = pending.done == nullptr;
  if (status.ok() && !is_answered) {
    for (Change& change : pending.changes) {
      size_t& count = counts[static_cast<uint8_t>(change.key[0])];
      if (change.value) {
        count += content.insert_or_assign(change.key, std::move(*change.value)).second ? 1u : 0u;
      } else {
        count -= content.erase(change.key);
      }
    }
    Answer(pending, status, answers);
    return;
  }
  for (const Change& change : pending.changes) doubtful.insert(change.key);
  if (pending.urgency == Urgency::kMustLand && !absl::IsFailedPrecondition(status)) return;
  if (!is_answered) Answer(pending, status, answers);
}

void DurableMap::State::Answer(Pending& pending, absl::Status status, Answers* answers) {
  if (pending.done == nullptr) return;
  status.ok() ? ++stats.changes : ++stats.failures;
  answers->emplace_back(std::exchange(pending.done, nullptr), std::move(status));
}

// ---- The watch ------------------------------------------------------------------------------------

void DurableMap::State::RunWatch() {
  for (;;) {
    Answers answers;
    {
      absl::MutexLock lock(&mutex);
      const auto is_due = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
        return is_nudged || is_watch_over;
      };
      mutex.AwaitWithTimeout(absl::Condition(&is_due), kWatchInterval);
      if (is_watch_over) return;
      is_nudged = false;
      const absl::Time late = absl::Now() - answer_max;
      const absl::Status silent = absl::DeadlineExceededError(absl::StrFormat(
          "ca_path has not answered for %s", absl::FormatDuration(answer_max)));
      for (Pending& pending : in_flight) {
        if (pending.since > late || pending.urgency == Urgency::kMustLand) continue;
        Answer(pending, silent, &answers);
      }
      for (Pending& pending : queue) {
        if (pending.since > late || pending.urgency == Urgency::kMustLand) continue;
        Answer(pending, silent, &answers);
      }
      std::erase_if(queue, [](const Pending& pending) { return pending.done == nullptr; });
    }
    Run(std::move(answers));
    if (on_watch != nullptr) on_watch();
  }
}

// ---- Callers --------------------------------------------------------------------------------------

absl::Status DurableMap::State::Refusal(absl::Time now) const {
  if (is_fenced) return condition;
  if (is_stopping) return absl::CancelledError("the store is stopping");
  if (now - busy_since > answer_max) {
    return absl::DeadlineExceededError(absl::StrFormat(
        "ca_path has not answered for %s", absl::FormatDuration(now - busy_since)));
  }
  if (!condition.ok() && now < next_try) return condition;
  if (queue.size() >= kQueueMax) return absl::UnavailableError("too many changes wait for ca_path");
  return absl::OkStatus();
}

DurableMap::DurableMap(Options options) : state_(std::make_shared<State>(std::move(options))) {
  std::thread([state = state_] { state->RunWriter(); }).detach();
  state_->watch = std::thread([state = state_.get()] { state->RunWatch(); });
}

DurableMap::~DurableMap() {
  (void)Stop(absl::InfinitePast());
  State::Answers answers;
  {
    absl::MutexLock lock(&state_->mutex);
    state_->is_watch_over = true;
    // A writer that is left behind must have nobody to answer when it comes back.
    const absl::Status over = absl::CancelledError("the store has stopped");
    for (auto& pending : state_->in_flight) state_->Answer(pending, over, &answers);
    for (auto& pending : state_->queue) state_->Answer(pending, over, &answers);
    state_->queue.clear();
  }
  State::Run(std::move(answers));
  state_->watch.join();
}

void DurableMap::Apply(std::vector<Change> changes, Done done, Urgency urgency) {
  absl::Status refusal;
  {
    absl::MutexLock lock(&state_->mutex);
    const absl::Time now = absl::Now();
    refusal = state_->Refusal(now);
    const bool is_over = state_->is_fenced || state_->is_stopping;
    if (refusal.ok() || (urgency == Urgency::kMustLand && !is_over)) {
      state_->queue.push_back(
          {.changes = std::move(changes), .done = std::move(done), .urgency = urgency, .since = now});
      return;
    }
    ++state_->stats.failures;
  }
  done(refusal);
}

std::optional<std::string> DurableMap::Get(const std::string& key) const {
  absl::MutexLock lock(&state_->mutex);
  const auto found = state_->content.find(key);
  if (found == state_->content.end()) return std::nullopt;
  return found->second;
}

size_t DurableMap::Count(char prefix) const {
  absl::MutexLock lock(&state_->mutex);
  return state_->counts[static_cast<uint8_t>(prefix)];
}

std::vector<std::pair<std::string, std::string>> DurableMap::Scan(char prefix,
                                                                  const std::string& after,
                                                                  size_t limit) const {
  std::vector<std::pair<std::string, std::string>> found;
  absl::MutexLock lock(&state_->mutex);
  auto at = after.empty() ? state_->content.lower_bound(std::string(1, prefix))
                          : state_->content.upper_bound(after);
  for (; at != state_->content.end() && found.size() < limit && at->first[0] == prefix; ++at) {
    found.emplace_back(at->first, at->second);
  }
  return found;
}

absl::Status DurableMap::Health() const {
  absl::MutexLock lock(&state_->mutex);
  const absl::Duration busy = absl::Now() - state_->busy_since;
  if (busy > state_->answer_max) {
    return absl::DeadlineExceededError(
        absl::StrFormat("ca_path has not answered for %s", absl::FormatDuration(busy)));
  }
  return state_->condition;
}

DurableMap::Stats DurableMap::stats() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->stats;
}

void DurableMap::NudgeWatch() {
  absl::MutexLock lock(&state_->mutex);
  state_->is_nudged = true;
}

absl::Status DurableMap::Stop(absl::Time deadline) {
  absl::MutexLock lock(&state_->mutex);
  state_->is_stopping = true;
  if (!state_->mutex.AwaitWithDeadline(absl::Condition(&state_->is_writer_over), deadline)) {
    return absl::DeadlineExceededError("ca_path does not answer; the writer is left behind");
  }
  return state_->release;
}

}  // namespace continuo::castore
