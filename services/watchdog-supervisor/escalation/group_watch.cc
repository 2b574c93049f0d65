#include "services/watchdog-supervisor/escalation/group_watch.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_format.h>

#include "common/base/check.h"

namespace continuo::supervisor {

namespace {

// Exit code of a daemon that refused its configuration; the group's is the same then.
constexpr int kExitBadConfig = 78;

bool IsWatched(WatchState state) {
  return state == WatchState::kStarting || state == WatchState::kServing;
}

}  // namespace

void GroupWatch::OnStarted(DaemonId id, absl::Time now) {
  Daemon& daemon = At(id);
  CONTINUO_CHECK(daemon.view.state == WatchState::kIdle);
  daemon.view.state = WatchState::kStarting;
  daemon.started = now;
}

void GroupWatch::OnReady(DaemonId id, absl::Time now) {
  Daemon& daemon = At(id);
  if (daemon.view.state == WatchState::kStarting && !daemon.is_under_way) daemon.ask_at = now;
}

void GroupWatch::OnAnswer(DaemonId id, Answer answer, absl::Time now) {
  Daemon& daemon = At(id);
  CONTINUO_CHECK(daemon.is_under_way);
  daemon.is_under_way = false;
  if (!IsWatched(daemon.view.state)) return;
  switch (answer) {
    case Answer::kServing:
      daemon.view.state = WatchState::kServing;
      daemon.view.last_serving = now;
      daemon.view.last_latency = now - daemon.sent_at;
      daemon.view.worst_latency = std::max(daemon.view.worst_latency, daemon.view.last_latency);
      ++daemon.view.keepalive_count;
      // From the question, not the answer: detection does not drift with latency.
      daemon.ask_at = std::max(now, daemon.asked_at + limits_.interval);
      daemon.asked_at = absl::InfiniteFuture();
      daemon.forgiven_count = 0;
      return;
    case Answer::kNotServing:
      if (daemon.view.state == WatchState::kServing) {
        Fail(id, "answered NOT_SERVING: a loop does not advance or it stops by itself");
        return;
      }
      break;
    case Answer::kUnreachable:
    case Answer::kTooLate:
      break;
  }
  daemon.ask_at = now + kRetryPause;  // Until the limit passes.
}

void GroupWatch::OnExited(DaemonId id, const std::string& status, int exit_code) {
  Daemon& daemon = At(id);
  const WatchState before = daemon.view.state;
  daemon.ask_at = absl::InfiniteFuture();
  daemon.asked_at = absl::InfiniteFuture();
  daemon.view.state = WatchState::kStopped;
  if (before == WatchState::kStopping) return;
  Fail(id, status, exit_code == kExitBadConfig ? kExitBadConfig : 1);
}

void GroupWatch::OnStopping(DaemonId id) {
  Daemon& daemon = At(id);
  if (daemon.view.state == WatchState::kStopped) return;
  daemon.view.state =
      daemon.view.state == WatchState::kIdle ? WatchState::kStopped : WatchState::kStopping;
  daemon.ask_at = absl::InfiniteFuture();
  daemon.asked_at = absl::InfiniteFuture();
}

void GroupWatch::OnSupervisorTrouble(const std::string& reason) { Fail(std::nullopt, reason); }

std::vector<DaemonId> GroupWatch::Tick(absl::Time now) {
  ForgivePause(now);
  std::vector<DaemonId> due;
  for (size_t i = 0; i < kDaemonCount; ++i) {
    const auto id = static_cast<DaemonId>(i);
    Daemon& daemon = At(id);
    if (!IsWatched(daemon.view.state)) continue;
    if (now >= LimitOf(id)) {
      Fail(id, daemon.view.state == WatchState::kStarting
                   ? absl::StrFormat("was not serving %s after its start",
                                     absl::FormatDuration(now - daemon.started))
                   : absl::StrFormat("gave no answer to a keep-alive for %s",
                                     absl::FormatDuration(now - daemon.asked_at)));
      continue;
    }
    if (daemon.is_under_way || now < daemon.ask_at) continue;
    daemon.is_under_way = true;
    daemon.sent_at = now;
    daemon.asked_at = std::min(daemon.asked_at, now);
    daemon.ask_at = absl::InfiniteFuture();
    due.push_back(id);
  }
  return due;
}

absl::Time GroupWatch::NextTick() const {
  absl::Time next = absl::InfiniteFuture();
  for (size_t i = 0; i < kDaemonCount; ++i) {
    const auto id = static_cast<DaemonId>(i);
    if (!IsWatched(At(id).view.state)) continue;
    next = std::min(next, LimitOf(id));
    if (!At(id).is_under_way) next = std::min(next, At(id).ask_at);
  }
  return next;
}

bool GroupWatch::AllServing() const {
  return std::all_of(daemons_.begin(), daemons_.end(), [](const Daemon& daemon) {
    return daemon.view.state == WatchState::kServing;
  });
}

bool GroupWatch::OthersServing(DaemonId except) const {
  for (size_t i = 0; i < kDaemonCount; ++i) {
    if (static_cast<DaemonId>(i) == except) continue;
    if (daemons_[i].view.state != WatchState::kServing) return false;
  }
  return true;
}

absl::Time GroupWatch::LimitOf(DaemonId id) const {
  const Daemon& daemon = At(id);
  if (daemon.view.state == WatchState::kStarting) return daemon.started + PolicyOf(id).start_limit;
  return daemon.asked_at + limits_.timeout;
}

void GroupWatch::Fail(std::optional<DaemonId> id, std::string reason, int exit_code) {
  if (id && At(*id).view.state != WatchState::kStopped) At(*id).view.state = WatchState::kFailed;
  if (!failure_) failure_ = Failure{id, std::move(reason), exit_code};
}

void GroupWatch::ForgivePause(absl::Time now) {
  if (now - NextTick() <= limits_.timeout / 2) return;
  for (Daemon& daemon : daemons_) {
    if (daemon.asked_at >= now || daemon.forgiven_count >= kForgivenPausesMax) continue;
    ++daemon.forgiven_count;
    daemon.asked_at = now;
  }
}

}  // namespace continuo::supervisor
