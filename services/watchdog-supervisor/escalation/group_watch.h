// Decides when the group has failed. Pure: times and events come in, decisions go out.
//
// One daemon:
//
//   state     | started  | ready     | serving     | not serving | unreachable | limit passed | exited
//   ----------+----------+-----------+-------------+-------------+-------------+--------------+---------
//   kIdle     | kStarting| never     | never       | never       | never       | never        | never
//   kStarting | never    | ask now   | kServing    | ask again   | ask again   | FAILED       | FAILED
//   kServing  | never    | -         | next ask at | FAILED      | ask again   | FAILED       | FAILED
//             |          |           | interval    |             |             |              |
//   kStopping | never    | -         | -           | -           | -           | -            | kStopped
//   kStopped  | never    | -         | -           | -           | -           | -            | never
//
// "not serving" is a keep-alive answered NOT_SERVING (the daemon waits for its loops before it says
// so), "unreachable" one that could not be delivered, "limit passed" that start_limit or, counted
// from the moment the question was first asked, watchdog_timeout has passed. FAILED is final for the
// whole group: the first reason is kept.
//
// A supervisor that was itself held up (a paused virtual machine, a stopped process) must not take
// its own pause for a daemon's: when a tick comes later than it was due by more than half the
// time-out, questions under way get a fresh time-out, at most kForgivenPausesMax times each.
//
// Threading: none; the owner serialises.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include <absl/time/time.h>

#include "services/watchdog-supervisor/escalation/policy_table.h"

namespace continuo::supervisor {

// A question that could not be delivered is asked again this much later.
inline constexpr absl::Duration kRetryPause = absl::Milliseconds(10);

inline constexpr int kForgivenPausesMax = 2;

enum class WatchState { kIdle, kStarting, kServing, kStopping, kStopped, kFailed };

struct Limits {
  absl::Duration interval;  // watchdog_interval
  absl::Duration timeout;   // watchdog_timeout
};

struct DaemonView {
  WatchState state = WatchState::kIdle;
  absl::Time last_serving = absl::InfinitePast();
  absl::Duration last_latency = absl::ZeroDuration();
  absl::Duration worst_latency = absl::ZeroDuration();
  uint64_t keepalive_count = 0;
};

struct Failure {
  std::optional<DaemonId> daemon;
  std::string reason;
  int exit_code = 1;
};

class GroupWatch {
 public:
  enum class Answer { kServing, kNotServing, kUnreachable, kTooLate };

  explicit GroupWatch(const Limits& limits) : limits_(limits) {}

  void SetLimits(const Limits& limits) { limits_ = limits; }
  const Limits& limits() const { return limits_; }

  void OnStarted(DaemonId id, absl::Time now);
  void OnReady(DaemonId id, absl::Time now);
  void OnAnswer(DaemonId id, Answer answer, absl::Time now);
  // `status` is what waitid gave, in words: "killed by signal 9", "exited with code 1".
  void OnExited(DaemonId id, const std::string& status, int exit_code);
  void OnStopping(DaemonId id);
  void OnSupervisorTrouble(const std::string& reason);

  // Advances time. Returns the daemons to be asked now, each of which then gets one OnAnswer.
  std::vector<DaemonId> Tick(absl::Time now);
  // When Tick is due next; InfiniteFuture when nothing is timed.
  absl::Time NextTick() const;

  const std::optional<Failure>& failure() const { return failure_; }
  bool AllServing() const;
  bool OthersServing(DaemonId except) const;
  DaemonView View(DaemonId id) const { return At(id).view; }

 private:
  struct Daemon {
    DaemonView view;
    absl::Time started;
    absl::Time ask_at = absl::InfiniteFuture();     // The next question.
    absl::Time asked_at = absl::InfiniteFuture();   // First asked, not answered since.
    absl::Time sent_at = absl::InfiniteFuture();    // The latest delivery of that question.
    bool is_under_way = false;                      // An OnAnswer is owed.
    int forgiven_count = 0;                         // Of the question under way.
  };

  Daemon& At(DaemonId id) { return daemons_[static_cast<size_t>(id)]; }
  const Daemon& At(DaemonId id) const { return daemons_[static_cast<size_t>(id)]; }
  absl::Time LimitOf(DaemonId id) const;
  void Fail(std::optional<DaemonId> id, std::string reason, int exit_code = 1);
  void ForgivePause(absl::Time now);

  Limits limits_;
  std::array<Daemon, kDaemonCount> daemons_;
  std::optional<Failure> failure_;
};

}  // namespace continuo::supervisor
