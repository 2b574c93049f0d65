// The supervisor's decisions, cell by cell of the table in group_watch.h, with invented time.
#include "services/watchdog-supervisor/escalation/group_watch.h"

#include <catch2/catch.hpp>

namespace continuo::supervisor {
namespace {

using Answer = GroupWatch::Answer;

constexpr DaemonId kAuth = DaemonId::kAuth;

absl::Time At(int milliseconds) {
  return absl::FromUnixSeconds(1000) + absl::Milliseconds(milliseconds);
}

struct Rig {
  Rig() : watch({absl::Milliseconds(1000), absl::Milliseconds(200)}) {}

  // Brings one daemon to kServing by a question at `ms` and an answer one millisecond later.
  void Serve(DaemonId id, int ms) {
    watch.OnStarted(id, At(ms));
    watch.OnReady(id, At(ms));
    REQUIRE(watch.Tick(At(ms)) == std::vector<DaemonId>{id});
    watch.OnAnswer(id, Answer::kServing, At(ms + 1));
    REQUIRE(watch.View(id).state == WatchState::kServing);
  }

  // Runs time forward the way the owner does: each tick when it is due.
  void RunUntil(int ms) {
    while (watch.NextTick() <= At(ms)) {
      const absl::Time now = watch.NextTick();
      if (watch.failure()) return;
      watch.Tick(now);
    }
  }

  GroupWatch watch;
};

TEST_CASE("group watch: a daemon that becomes ready is asked at once", "[unit][supervisor]") {
  Rig rig;
  rig.watch.OnStarted(kAuth, At(0));
  CHECK(rig.watch.Tick(At(0)).empty());
  rig.watch.OnReady(kAuth, At(70));
  CHECK(rig.watch.NextTick() == At(70));
  CHECK(rig.watch.Tick(At(70)) == std::vector<DaemonId>{kAuth});
  CHECK(rig.watch.Tick(At(71)).empty());  // Not twice.
}

TEST_CASE("group watch: a serving daemon is asked every interval, from question to question",
          "[unit][supervisor]") {
  Rig rig;
  rig.Serve(kAuth, 0);
  CHECK(rig.watch.NextTick() == At(1000));
  CHECK(rig.watch.Tick(At(999)).empty());
  CHECK(rig.watch.Tick(At(1000)) == std::vector<DaemonId>{kAuth});
  rig.watch.OnAnswer(kAuth, Answer::kServing, At(1150));
  CHECK(rig.watch.NextTick() == At(2000));
  CHECK(rig.watch.View(kAuth).worst_latency == absl::Milliseconds(150));
  CHECK_FALSE(rig.watch.failure());
}

TEST_CASE("group watch: no answer within the time-out is a failure", "[unit][supervisor]") {
  Rig rig;
  rig.Serve(kAuth, 0);
  rig.watch.Tick(At(1000));
  CHECK(rig.watch.NextTick() == At(1200));
  rig.watch.Tick(At(1199));
  CHECK_FALSE(rig.watch.failure());
  rig.watch.Tick(At(1200));
  REQUIRE(rig.watch.failure());
  CHECK(rig.watch.failure()->daemon == kAuth);
  CHECK(rig.watch.failure()->reason.find("no answer") != std::string::npos);
  CHECK(rig.watch.View(kAuth).state == WatchState::kFailed);
}

TEST_CASE("group watch: what cannot be delivered is asked again within one time-out",
          "[unit][supervisor]") {
  Rig rig;
  rig.Serve(kAuth, 0);
  rig.watch.Tick(At(1000));
  rig.watch.OnAnswer(kAuth, Answer::kUnreachable, At(1001));
  CHECK(rig.watch.Tick(At(1011)) == std::vector<DaemonId>{kAuth});
  rig.watch.OnAnswer(kAuth, Answer::kServing, At(1012));
  CHECK_FALSE(rig.watch.failure());
  CHECK(rig.watch.NextTick() == At(2000));

  rig.watch.Tick(At(2000));
  for (int ms = 2000; ms < 2200 && !rig.watch.failure(); ms += 11) {
    rig.watch.OnAnswer(kAuth, Answer::kUnreachable, At(ms));
    rig.watch.Tick(At(ms + 10));
  }
  rig.watch.Tick(At(2200));
  CHECK(rig.watch.failure());  // Counted from the first question, not from the last.
}

TEST_CASE("group watch: NOT_SERVING fails a serving daemon at once, a starting one is asked again",
          "[unit][supervisor]") {
  Rig rig;
  rig.watch.OnStarted(kAuth, At(0));
  rig.watch.OnReady(kAuth, At(0));
  rig.watch.Tick(At(0));
  rig.watch.OnAnswer(kAuth, Answer::kNotServing, At(1));
  CHECK_FALSE(rig.watch.failure());
  CHECK(rig.watch.Tick(At(11)) == std::vector<DaemonId>{kAuth});
  rig.watch.OnAnswer(kAuth, Answer::kServing, At(12));
  rig.watch.Tick(At(1011));
  rig.watch.OnAnswer(kAuth, Answer::kNotServing, At(1012));
  CHECK(rig.watch.failure());
}

TEST_CASE("group watch: an exit is a failure in every state but stopping", "[unit][supervisor]") {
  SECTION("starting") {
    Rig rig;
    rig.watch.OnStarted(kAuth, At(0));
    rig.watch.OnExited(kAuth, "exited with code 78", 78);
    REQUIRE(rig.watch.failure());
    CHECK(rig.watch.failure()->exit_code == 78);
  }
  SECTION("serving, even with exit code 0") {
    Rig rig;
    rig.Serve(kAuth, 0);
    rig.watch.OnExited(kAuth, "exited with code 0", 0);
    REQUIRE(rig.watch.failure());
    CHECK(rig.watch.failure()->exit_code == 1);
  }
  SECTION("stopping") {
    Rig rig;
    rig.Serve(kAuth, 0);
    rig.watch.OnStopping(kAuth);
    CHECK(rig.watch.NextTick() == absl::InfiniteFuture());
    rig.watch.OnExited(kAuth, "exited with code 0", 0);
    CHECK_FALSE(rig.watch.failure());
    CHECK(rig.watch.View(kAuth).state == WatchState::kStopped);
  }
}

TEST_CASE("group watch: a start that takes too long is a failure", "[unit][supervisor]") {
  Rig rig;
  rig.watch.OnStarted(kAuth, At(0));
  rig.RunUntil(60000);
  REQUIRE(rig.watch.failure());
  CHECK(rig.watch.failure()->reason.find("after its start") != std::string::npos);
}

TEST_CASE("group watch: the first reason is kept", "[unit][supervisor]") {
  Rig rig;
  rig.Serve(kAuth, 0);
  rig.watch.OnExited(kAuth, "killed by signal 9", 137);
  rig.watch.OnSupervisorTrouble("later");
  CHECK(rig.watch.failure()->reason == "killed by signal 9");
}

TEST_CASE("group watch: the supervisor's own pause is not taken for a daemon's, for a while",
          "[unit][supervisor]") {
  Rig rig;
  rig.Serve(kAuth, 0);
  rig.watch.Tick(At(1000));
  // Due at 1200, but the supervisor comes to it at 6000.
  rig.watch.Tick(At(6000));
  CHECK_FALSE(rig.watch.failure());
  rig.watch.OnAnswer(kAuth, Answer::kServing, At(6001));
  CHECK_FALSE(rig.watch.failure());

  rig.watch.Tick(At(7000));
  int now = 7000;
  for (int pause = 0; pause <= kForgivenPausesMax; ++pause) {
    now += 5000;
    rig.watch.Tick(At(now));
  }
  CHECK(rig.watch.failure());  // A daemon that never answers is not forgiven for ever.
}

TEST_CASE("group watch: late answers after stopping or failing change nothing",
          "[unit][supervisor]") {
  Rig rig;
  rig.Serve(kAuth, 0);
  rig.watch.Tick(At(1000));
  rig.watch.OnStopping(kAuth);
  rig.watch.OnAnswer(kAuth, Answer::kNotServing, At(1010));
  CHECK_FALSE(rig.watch.failure());
  CHECK(rig.watch.View(kAuth).state == WatchState::kStopping);
}

TEST_CASE("group watch: the group serves when all five do", "[unit][supervisor]") {
  Rig rig;
  for (size_t i = 0; i < kDaemonCount; ++i) {
    CHECK_FALSE(rig.watch.AllServing());
    CHECK(rig.watch.OthersServing(DaemonId::kFrontend) == (i == kDaemonCount - 1));
    rig.Serve(static_cast<DaemonId>(i), static_cast<int>(i));
  }
  CHECK(rig.watch.AllServing());
}

}  // namespace
}  // namespace continuo::supervisor
