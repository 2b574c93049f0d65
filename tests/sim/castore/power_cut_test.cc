// Goal: whatever moment the power goes at, no acknowledged record is lost, none is back after its
// delete was acknowledged, and no epoch is given out twice.
// Method: several owners one after the other change a store on a disk in memory that records every
// step (writes, syncs, names, and the store's own files with RocksDB's). Then the power is cut behind
// each step, four times: once with all that was not synced gone, thrice with random parts of it there.
// After each cut the next owner takes over from what is left. What it finds is compared with what had
// been acknowledged; what it does is cut in turn, behind each of its steps, for a sample of the cuts.
#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>
#include <random>

#include <absl/strings/numbers.h>
#include <absl/strings/str_format.h>
#include <absl/synchronization/mutex.h>
#include <absl/synchronization/notification.h>
#include <absl/time/clock.h>
#include <catch2/catch.hpp>

#include "common/base/check.h"
#include "services/ca-store-service/records/record_codec.h"
#include "services/ca-store-service/store/handle_store.h"
#include "services/ca-store-service/store/rocks_database.h"
#include "tests/sim/castore/sim_file_system.h"

namespace continuo::castore::sim {
namespace {

constexpr size_t kCutsMin = 10'000;
constexpr int kTearsPerStep = 3;
constexpr size_t kStepsMin = kCutsMin / (1 + kTearsPerStep);
constexpr uint64_t kIds = 12;
constexpr int kOwnersMin = 6;
constexpr int kChangesPerOwner = 170;
constexpr size_t kSecondCutEvery = 97;
const std::string kCaPath = "/ca";

uint64_t Seed() {
  uint64_t seed = 20'261'121;
  const char* const given = std::getenv("CONTINUO_SEED");
  if (given != nullptr) CONTINUO_CHECK(absl::SimpleAtoi(given, &seed));
  return seed;
}

// What a handle's record said, by its timeout_ms; nothing: there is none.
using Version = std::optional<uint32_t>;

// One change of one handle, with the disk's step count when it was asked for and acknowledged.
struct Event {
  size_t asked_at = 0;
  size_t acknowledged_at = SIZE_MAX;
  Version version;
};

class History {
 public:
  size_t Ask(uint64_t id, Version version, size_t step) {
    absl::MutexLock lock(&mutex_);
    events_[id].push_back({.asked_at = step, .version = version});
    return events_[id].size() - 1;
  }
  void Acknowledge(uint64_t id, size_t index, size_t step) {
    absl::MutexLock lock(&mutex_);
    events_[id][index].acknowledged_at = step;
  }
  // What may be found for `id` when the power went behind `step` steps: the last acknowledged
  // version, or any that was asked for after it.
  std::vector<Version> Allowed(uint64_t id, size_t step) const {
    absl::MutexLock lock(&mutex_);
    std::vector<Version> allowed = {std::nullopt};
    const auto found = events_.find(id);
    if (found == events_.end()) return allowed;
    for (const Event& event : found->second) {
      if (event.acknowledged_at <= step) allowed.clear();
      if (event.acknowledged_at <= step || event.asked_at <= step) allowed.push_back(event.version);
    }
    return allowed;
  }
  void Epoch(uint64_t epoch, size_t step) {
    absl::MutexLock lock(&mutex_);
    epochs_.emplace_back(step, epoch);
  }
  uint64_t LastEpoch(size_t step) const {
    absl::MutexLock lock(&mutex_);
    uint64_t last = 0;
    for (const auto& [at, epoch] : epochs_) {
      if (at <= step) last = epoch;
    }
    return last;
  }

 private:
  mutable absl::Mutex mutex_;
  std::map<uint64_t, std::vector<Event>> events_;
  std::vector<std::pair<size_t, uint64_t>> epochs_;
};

IncarnationOptions OptionsOn(SimDisk* disk, std::shared_ptr<rocksdb::Env> env, int boot) {
  IncarnationOptions options;
  options.ca_path = kCaPath;
  options.self = {.node = "n1", .machine_id = "m", .boot_id = absl::StrFormat("b%d", boot), .pid = 1};
  options.is_alive = [](const Identity&) { return false; };
  options.now = absl::FromUnixSeconds(1'790'000'000);
  options.files = MakeSimStableFiles(disk);
  options.databases = std::shared_ptr<DatabaseFactory>(MakeRocksFactory(env.get()).release(),
                                                       [env](DatabaseFactory* made) { delete made; });
  return options;
}

HandleRecord RecordOf(uint64_t id, uint32_t version) {
  HandleRecord record;
  record.persistent_id = id;
  record.timeout_ms = version;
  record.path = std::string(40 + version % 200, 'p');
  return record;
}

std::map<uint64_t, uint32_t> VersionsIn(const Content& content) {
  std::map<uint64_t, uint32_t> versions;
  for (const auto& [key, value] : content) {
    if (key[0] != kHandlePrefix) continue;
    const auto record = DecodeStoredHandle(
        {reinterpret_cast<const uint8_t*>(value.data()), value.size()});
    if (!record.ok()) FAIL("a stored record is damaged: " << record.status());
    versions[record->persistent_id] = record->timeout_ms;
  }
  return versions;
}

// One owner's life; it ends without a word, or in order.
void RunOwner(SimDisk* disk, History* history, std::mt19937_64& random, int boot,
              uint32_t* last_version) {
  const auto env = std::shared_ptr<rocksdb::Env>(MakeSimEnv(disk).release());
  HandleStore::Options options;
  options.incarnation = OptionsOn(disk, env, boot);
  auto store = HandleStore::Open(std::move(options));
  REQUIRE(store.ok());
  history->Epoch((*store)->owner().epoch, disk->step_count());
  for (int i = 0; i < kChangesPerOwner; ++i) {
    const uint64_t id = 1 + random() % kIds;
    const bool is_put = random() % 3 != 0;
    const Version version = is_put ? Version(++*last_version) : std::nullopt;
    absl::Notification landed;
    const size_t index = history->Ask(id, version, disk->step_count());
    // The store acknowledges before this counts: a few steps more can only make the check milder.
    const auto done = [=, &landed](absl::Status status) {
      CONTINUO_CHECK(status.ok());
      history->Acknowledge(id, index, disk->step_count());
      landed.Notify();
    };
    if (is_put) {
      (*store)->PutRecord(RecordOf(id, *version), Completes::kNothing, done);
    } else {
      (*store)->DeleteRecord(id, done);
    }
    landed.WaitForNotification();
  }
  REQUIRE((*store)->Stop(absl::Now() + absl::Seconds(60)).ok());
}

// Takes over what a cut left and compares. Returns what it found.
std::map<uint64_t, uint32_t> TakeOverAndCheck(SimDisk* left, const History& history, size_t step) {
  const auto env = std::shared_ptr<rocksdb::Env>(MakeSimEnv(left).release());
  auto opened = OpenIncarnation(OptionsOn(left, env, 1000));
  if (!opened.ok()) FAIL("cut behind step " << step << ": " << opened.status());
  if (!opened->inherited.losses.empty()) {
    FAIL("cut behind step " << step << ": a loss: " << opened->inherited.losses[0]);
  }
  if (opened->owner.epoch <= history.LastEpoch(step)) {
    FAIL("cut behind step " << step << ": epoch " << opened->owner.epoch << " a second time");
  }
  const std::map<uint64_t, uint32_t> found = VersionsIn(opened->inherited.entries);
  for (uint64_t id = 1; id <= kIds; ++id) {
    const auto at = found.find(id);
    const Version version = at == found.end() ? Version() : Version(at->second);
    const std::vector<Version> allowed = history.Allowed(id, step);
    if (std::ranges::find(allowed, version) != allowed.end()) continue;
    FAIL("cut behind step " << step << ": handle " << id << " is at version "
                            << (version ? static_cast<int>(*version) : -1) << "; acknowledged was "
                            << (allowed[0] ? static_cast<int>(*allowed[0]) : -1));
  }
  return found;
}

// Cuts the power behind each step of a takeover. Returns the number of cuts.
size_t CutTakeOver(const SimDisk& left, const History& history, size_t step,
                   std::mt19937_64& random) {
  SimDisk whole(left);
  const std::map<uint64_t, uint32_t> found = TakeOverAndCheck(&whole, history, step);
  SimDisk again(left);
  size_t cuts = 0;
  for (const Step& next : whole.log()) {
    again.Apply(next);
    const Tear tear = random() % 2 == 0 ? Tear::kAllLost : Tear::kPartlyThere;
    SimDisk twice = again.AfterPowerCut(tear, random);
    // What the first takeover found it may have handed out at its end, so it must stay.
    REQUIRE(TakeOverAndCheck(&twice, history, step) == found);
    ++cuts;
  }
  return cuts;
}

TEST_CASE("power cut: no acknowledged record is lost, none is back, at any step",
          "[sim][castore]") {
  const uint64_t seed = Seed();
  INFO("CONTINUO_SEED=" << seed);
  std::mt19937_64 random(seed);
  SimDisk disk;
  disk.MakeDirectory(kCaPath);
  disk.SyncDirectory("/");
  const size_t first_step = disk.step_count();
  History history;
  uint32_t last_version = 0;
  // How many steps an owner takes depends on how many changes share a sync, which time decides.
  for (int owner = 0; owner < kOwnersMin || disk.step_count() < first_step + kStepsMin; ++owner) {
    RunOwner(&disk, &history, random, owner, &last_version);
  }

  const std::vector<Step> log = disk.log();
  const absl::Time start = absl::Now();
  SimDisk again;
  size_t cuts = 0;
  size_t second_cuts = 0;
  for (size_t step = 0; step < log.size(); ++step) {
    again.Apply(log[step]);
    if (step + 1 < first_step) continue;
    for (int tear = 0; tear <= kTearsPerStep; ++tear) {
      SimDisk left =
          again.AfterPowerCut(tear == 0 ? Tear::kAllLost : Tear::kPartlyThere, random);
      if (cuts++ % kSecondCutEvery == 0) {
        second_cuts += CutTakeOver(left, history, step + 1, random);
      } else {
        TakeOverAndCheck(&left, history, step + 1);
      }
    }
  }
  std::cout << absl::StrFormat("%d cuts behind %d steps, %d more in takeovers, %.1f s, seed %d\n",
                               cuts, log.size(), second_cuts,
                               absl::ToDoubleSeconds(absl::Now() - start), seed);
  CHECK(cuts >= kCutsMin);
  CHECK(second_cuts > 0);
}

}  // namespace
}  // namespace continuo::castore::sim
