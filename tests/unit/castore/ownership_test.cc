// Goal: exactly the claimants that ownership.h lets in are let in, and an owner notices its end.
#include <catch2/catch.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "services/ca-store-service/store/ownership.h"
#include "tests/unit/castore/castore_test_support.h"

namespace continuo::castore {
namespace {

using testing::MakeIdentity;
using testing::TempDirectory;

struct Fixture {
  absl::StatusOr<std::unique_ptr<Ownership>> Take(const Identity& self, bool is_alive = false) {
    return Ownership::Take({.files = files.get(),
                            .ca_path = directory.path(),
                            .self = self,
                            .is_alive = [is_alive](const Identity&) { return is_alive; },
                            .now = absl::FromUnixSeconds(1'790'000'000)});
  }
  // An owner that died: its lock is free, its word is in the file.
  void TakeAndDie(const Identity& self) { REQUIRE(Take(self).ok()); }

  TempDirectory directory;
  std::unique_ptr<StableFiles> files = MakePosixStableFiles();
};

TEST_CASE("ownership: the first owner has epoch 1, and each later one the next",
          "[unit][castore]") {
  Fixture f;
  for (uint64_t epoch = 1; epoch <= 3; ++epoch) {
    const auto owner = f.Take(MakeIdentity("n1"));
    REQUIRE(owner.ok());
    CHECK((*owner)->epoch() == epoch);
    CHECK((*owner)->Confirm().ok());
  }
}

TEST_CASE("ownership: a claimant needs to know that the former owner is gone", "[unit][castore]") {
  struct Case {
    const char* why;
    Identity claimant;
    bool is_alive;
    absl::StatusCode expected;
  };
  const auto c = GENERATE(values<Case>({
      {"same boot, process gone", MakeIdentity("n1"), false, absl::StatusCode::kOk},
      {"same boot, process there", MakeIdentity("n1"), true, absl::StatusCode::kAlreadyExists},
      {"the node has rebooted", MakeIdentity("n1", "boot-2"), false, absl::StatusCode::kOk},
      {"another machine of that name",
       {.node = "n1", .machine_id = "m-x", .boot_id = "boot-2", .pid = 1, .pid_start_ticks = 1},
       false,
       absl::StatusCode::kFailedPrecondition},
      {"a machine without an id",
       {.node = "n1", .machine_id = "", .boot_id = "boot-2", .pid = 1, .pid_start_ticks = 1},
       false,
       absl::StatusCode::kFailedPrecondition},
      {"another node", MakeIdentity("n2", "boot-9"), false, absl::StatusCode::kFailedPrecondition},
      {"another node of the same kernel", MakeIdentity("n2"), false,
       absl::StatusCode::kFailedPrecondition},
  }));
  CAPTURE(c.why);
  Fixture f;
  f.TakeAndDie(MakeIdentity("n1"));
  const auto taken = f.Take(c.claimant, c.is_alive);
  CHECK(taken.status().code() == c.expected);
  if (!taken.ok()) {
    CHECK_THAT(std::string(taken.status().message()), Catch::Contains("node n1, process 7"));
    // A refusal changes nothing.
    CHECK(*DecodeEpoch(*f.files->ReadUncached(f.directory.path() + "/epoch")) == 1);
  }
}

TEST_CASE("ownership: a live owner's lock keeps others out even of another boot",
          "[unit][castore]") {
  Fixture f;
  const auto owner = f.Take(MakeIdentity("n1"));
  REQUIRE(owner.ok());
  CHECK(absl::IsAlreadyExists(f.Take(MakeIdentity("n1", "boot-2")).status()));
  CHECK(absl::IsAlreadyExists(f.Take(MakeIdentity("n1")).status()));
  CHECK(absl::IsAlreadyExists(f.Take(MakeIdentity("n2")).status()));
}

TEST_CASE("ownership: an owner that stopped in order needs no proof", "[unit][castore]") {
  Fixture f;
  {
    const auto owner = f.Take(MakeIdentity("n1"));
    REQUIRE(owner.ok());
    REQUIRE((*owner)->Release().ok());
  }
  const auto next = f.Take(MakeIdentity("n2", "boot-9"));
  REQUIRE(next.ok());
  CHECK((*next)->epoch() == 2);
}

TEST_CASE("ownership: the word that a node is dead lets the next one in, once, for that owner",
          "[unit][castore]") {
  Fixture f;
  f.TakeAndDie(MakeIdentity("n1"));
  CHECK(absl::IsFailedPrecondition(ConfirmFenced(*f.files, f.directory.path(), "n3")));
  REQUIRE(ConfirmFenced(*f.files, f.directory.path(), "n1").ok());
  REQUIRE(f.Take(MakeIdentity("n2", "boot-9")).ok());
  // n2 died; what was said of n1 is not said of n2.
  CHECK(absl::IsFailedPrecondition(f.Take(MakeIdentity("n1")).status()));
}

TEST_CASE("ownership: who was declared dead and lives learns it at the next question",
          "[unit][castore]") {
  Fixture f;
  const auto frozen = f.Take(MakeIdentity("n1"));
  REQUIRE(frozen.ok());
  REQUIRE(ConfirmFenced(*f.files, f.directory.path(), "n1").ok());
  // The node's own second start is refused all the same: its first one is seen to live.
  CHECK(absl::IsAlreadyExists(f.Take(MakeIdentity("n1")).status()));
  const auto adopter = f.Take(MakeIdentity("n2", "boot-9"));
  REQUIRE(adopter.ok());
  CHECK(absl::IsFailedPrecondition((*frozen)->Confirm()));
  CHECK(absl::IsFailedPrecondition((*frozen)->Release()));
  CHECK((*adopter)->Confirm().ok());
  CHECK(ReadOwner(*f.files, f.directory.path())->who.node == "n2");
}

TEST_CASE("ownership: an epoch that cannot be read is not confirmed, and never falls",
          "[unit][castore]") {
  Fixture f;
  auto owner = f.Take(MakeIdentity("n1"));
  REQUIRE(owner.ok());
  const std::string path = f.directory.path() + "/epoch";
  REQUIRE(f.files->Replace(path, "rubbish").ok());
  CHECK(absl::IsUnavailable((*owner)->Confirm()));
  std::filesystem::remove(path);
  CHECK(absl::IsUnavailable((*owner)->Confirm()));
  owner->reset();
  const auto next = f.Take(MakeIdentity("n1"));
  REQUIRE(next.ok());
  CHECK((*next)->epoch() == 2);
}

TEST_CASE("ownership: a damaged owner file asks for the operator's word", "[unit][castore]") {
  Fixture f;
  f.TakeAndDie(MakeIdentity("n1"));
  REQUIRE(f.files->Replace(f.directory.path() + "/owner", "rubbish").ok());
  CHECK(absl::IsFailedPrecondition(f.Take(MakeIdentity("n1")).status()));
  REQUIRE(ConfirmFenced(*f.files, f.directory.path(), "unknown").ok());
  const auto next = f.Take(MakeIdentity("n1"));
  REQUIRE(next.ok());
  CHECK((*next)->epoch() == 2);
}

TEST_CASE("ownership: a ca_path that is not there is not made", "[unit][castore]") {
  Fixture f;
  const std::string missing = f.directory.path() + "/not-mounted";
  const auto taken = Ownership::Take(
      {.files = f.files.get(), .ca_path = missing, .self = MakeIdentity("n1")});
  CHECK(absl::IsNotFound(taken.status()));
  CHECK_FALSE(std::filesystem::exists(missing));
}

TEST_CASE("ownership: the owner's file says what was written, and notices every change",
          "[unit][castore]") {
  OwnerRecord owner{.who = MakeIdentity("n1"), .epoch = 12,
                    .since = absl::FromUnixMicros(1790000000123456), .is_released = true};
  const std::string content = EncodeOwner(owner);
  CHECK(*DecodeOwner(content) == owner);
  for (size_t at = 0; at < content.size(); ++at) {
    std::string damaged = content;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    CAPTURE(at);
    CHECK(absl::IsDataLoss(DecodeOwner(damaged).status()));
    CHECK_FALSE(DecodeOwner(content.substr(0, at)).ok());
  }
}

TEST_CASE("persistent ids: no two frontends of any epochs share one", "[unit][castore]") {
  CHECK(PersistentIdsOf(1, 0).first == 0x0000010000000001);
  CHECK(PersistentIdsOf(1, 0).last < PersistentIdsOf(1, 1).first);
  CHECK(PersistentIdsOf(1, kFrontendsMax - 1).last < PersistentIdsOf(2, 0).first);
  // All ones means "no id" in some requests of the protocol.
  CHECK(PersistentIdsOf(kEpochMax, kFrontendsMax - 1).last != UINT64_MAX);
}

TEST_CASE("identity: this process is alive, and an earlier one of its id is not",
          "[unit][castore]") {
  const auto self = OwnIdentity();
  REQUIRE(self.ok());
  CHECK(IsProcessAlive(*self));
  Identity earlier = *self;
  --earlier.pid_start_ticks;
  CHECK_FALSE(IsProcessAlive(earlier));
}

TEST_CASE("identity: a process that has ended and was not waited for is not alive",
          "[unit][castore]") {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  siginfo_t ended{};
  REQUIRE(waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT) == 0);
  // Field 22 of its stat, which is still there.
  std::ifstream in("/proc/" + std::to_string(child) + "/stat");
  std::string field;
  Identity zombie;
  zombie.pid = child;
  for (int i = 1; i <= 22; ++i) in >> field;
  zombie.pid_start_ticks = std::stoull(field);
  CHECK_FALSE(IsProcessAlive(zombie));
  REQUIRE(waitpid(child, nullptr, 0) == child);
}

}  // namespace
}  // namespace continuo::castore
