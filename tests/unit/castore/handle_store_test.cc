// Goal: what a node recorded is there for the next owner, whatever happened to the one before, and one
// bad record is one record's trouble. Method: real RocksDB and files, one owner after the other; the
// power-cut simulation is where owners die.
#include <fstream>
#include <thread>

#include <catch2/catch.hpp>

#include "services/ca-store-service/records/record_codec.h"
#include "services/ca-store-service/store/handle_store.h"
#include "tests/support/hex.h"
#include "tests/unit/castore/castore_test_support.h"

namespace continuo::castore {
namespace {

using testing::CollectAll;
using testing::Collected;
using testing::Delete;
using testing::MakeIdentity;
using testing::MakeIntent;
using testing::MakeRecord;
using testing::OptionsFor;
using testing::Put;
using testing::TempDirectory;
using testing::Wait;
namespace fs = std::filesystem;

struct StopFirst {
  void operator()(HandleStore* store) const {
    (void)store->Stop(absl::Now() + absl::Seconds(60));
    delete store;
  }
};
using StorePtr = std::unique_ptr<HandleStore, StopFirst>;

StorePtr OpenStore(const TempDirectory& directory,
                   const Identity& self = MakeIdentity("n1")) {
  auto store = HandleStore::Open(OptionsFor(directory.path(), self));
  if (!store.ok()) FAIL(store.status());
  return StorePtr(store->release());
}

std::vector<uint64_t> Ids(const Collected& collected) {
  std::vector<uint64_t> ids;
  for (const HandleRecord& record : collected.records) ids.push_back(record.persistent_id);
  return ids;
}

// Writes raw entries as a former owner, past all checks.
void WriteRaw(const TempDirectory& directory, const std::vector<Change>& changes) {
  auto opened = OpenIncarnation(OptionsFor(directory.path(), MakeIdentity("n1")).incarnation);
  REQUIRE(opened.ok());
  REQUIRE(opened->medium->Write(changes, opened->inherited.entries).ok());
}

std::string HandleKey(uint64_t id) {
  std::string key = "h";
  for (int shift = 56; shift >= 0; shift -= 8) key.push_back(static_cast<char>((id >> shift) & 0xFF));
  return key;
}

std::string Stored(const HandleRecord& record) {
  const Bytes stored = EncodeStored(record);
  return std::string(stored.begin(), stored.end());
}

TEST_CASE("handle store: records and intents are there for the next owner, deleted ones are not",
          "[unit][castore]") {
  TempDirectory directory;
  {
    auto store = OpenStore(directory);
    for (uint64_t id = 1; id <= 5; ++id) REQUIRE(Put(*store, MakeRecord(id)).ok());
    REQUIRE(Delete(*store, 3).ok());
    REQUIRE(Wait([&](auto done) { store->PutIntent(MakeIntent(9), done); }).ok());
    REQUIRE(Wait([&](auto done) { store->PutIntent(MakeIntent(8), done); }).ok());
    REQUIRE(Wait([&](auto done) { store->DeleteIntent(MakeIntent(8).key, done); }).ok());
    CHECK(store->Counts().handles == 4);
  }
  auto store = OpenStore(directory);
  const Collected all = CollectAll(*store);
  CHECK(Ids(all) == std::vector<uint64_t>{1, 2, 4, 5});
  HandleRecord expected = MakeRecord(1);
  expected.epoch = 1;  // Of the store that wrote it.
  CHECK(all.records[0] == expected);
  REQUIRE(all.intents.size() == 1);
  CHECK(all.intents[0] == MakeIntent(9));
  CHECK(store->Counts().restored == 4);
  CHECK(store->losses().empty());
}

TEST_CASE("handle store: a record that completes its CREATE takes the intent away in one step",
          "[unit][castore]") {
  TempDirectory directory;
  auto store = OpenStore(directory);
  HandleRecord record = MakeRecord(7);
  CreateIntent intent = MakeIntent(1);
  intent.key = {.create_guid = record.create_guid, .client_guid = record.client_guid};
  REQUIRE(Wait([&](auto done) { store->PutIntent(intent, done); }).ok());
  CHECK(store->Counts().intents == 1);
  REQUIRE(Wait([&](auto done) { store->PutRecord(record, Completes::kItsIntent, done); }).ok());
  CHECK(store->Counts().intents == 0);
  CHECK(store->Counts().handles == 1);
}

TEST_CASE("handle store: a record beyond the limits is refused and nothing changes",
          "[unit][castore]") {
  TempDirectory directory;
  auto store = OpenStore(directory);
  HandleRecord record = MakeRecord(1);
  record.path = std::string(kPathMaxBytes + 1, 'x');
  CHECK(absl::IsInvalidArgument(Put(*store, record)));
  CHECK(store->Counts().handles == 0);
}

TEST_CASE("handle store: what one owner adopted and deleted never comes back from the former one",
          "[unit][castore]") {
  TempDirectory directory;
  REQUIRE(Put(*OpenStore(directory), MakeRecord(1)).ok());
  REQUIRE(Delete(*OpenStore(directory), 1).ok());
  CHECK(CollectAll(*OpenStore(directory)).records.empty());
  // Nothing of former owners is left on disk either.
  CHECK(std::distance(fs::directory_iterator(directory.path() + "/nodes/n1"), {}) == 1);
}

TEST_CASE("handle store: expired, damaged, foreign and newer records are each handled alone",
          "[unit][castore]") {
  TempDirectory directory;
  HandleRecord expired = MakeRecord(2);
  expired.disconnected_since = absl::FromUnixSeconds(1'790'000'100) - kClockStepMax -
                               absl::Milliseconds(expired.timeout_ms) - absl::Seconds(1);
  HandleRecord nearly = MakeRecord(3);
  nearly.disconnected_since = *expired.disconnected_since + absl::Seconds(2);
  std::string damaged = Stored(MakeRecord(4));
  damaged[40] = static_cast<char>(damaged[40] ^ 4);
  std::ifstream in("tests/golden/castore/handle_v2_unknown.hex");
  const Bytes newer = test::FromHex(std::string(std::istreambuf_iterator<char>(in), {}));
  WriteRaw(directory, {{HandleKey(1), Stored(MakeRecord(1))},
                       {HandleKey(2), Stored(expired)},
                       {HandleKey(3), Stored(nearly)},
                       {HandleKey(4), damaged},
                       {HandleKey(5), std::string(newer.begin(), newer.end())},
                       {HandleKey(6), Stored(MakeRecord(99))}});
  for (int owner = 0; owner < 2; ++owner) {
    CAPTURE(owner);
    auto store = OpenStore(directory);
    CHECK(Ids(CollectAll(*store)) == std::vector<uint64_t>{1, 3});
    const StoreCounts counts = store->Counts();
    CHECK(counts.expired == (owner == 0 ? 1 : 0));
    REQUIRE(store->Stop(absl::Now() + absl::Seconds(10)).ok());
    CHECK(store->Counts().set_aside == 3);  // 4, 5 and 6.
    std::string next;
    const auto listed = store->List("", 100, &next);
    CHECK(next.empty());
    size_t aside = 0;
    for (const ListedHandle& one : listed) {
      if (one.state != HandleState::kSetAside) continue;
      ++aside;
      CHECK_FALSE(one.detail.empty());
      CHECK(one.record.persistent_id >= 4);
    }
    CHECK(aside == 3);
  }
}

TEST_CASE("handle store: the record that kills its readers is set aside at the third, it alone",
          "[unit][castore]") {
  TempDirectory directory;
  {
    auto store = OpenStore(directory);
    for (uint64_t id = 1; id <= 20; ++id) REQUIRE(Put(*store, MakeRecord(id)).ok());
  }
  constexpr uint64_t kDeadly = 13;
  // A reader dies as soon as it gets the deadly record. Returns what it had restored before.
  const auto read_and_die = [&directory](HandleStore& store) {
    struct Shared {
      absl::Mutex mutex;
      std::vector<uint64_t> restored;
      bool is_over = false;
    };
    auto shared = std::make_shared<Shared>();
    store.BeginHandouts([shared, &store](Handout handout) {
      bool is_dead = handout.is_last;
      for (const HandleRecord& record : handout.records) is_dead |= record.persistent_id == kDeadly;
      {
        absl::MutexLock lock(&shared->mutex);
        if (!is_dead) {
          for (const auto& record : handout.records) {
            shared->restored.push_back(record.persistent_id);
          }
        }
        shared->is_over = is_dead;
      }
      if (!is_dead) CONTINUO_CHECK(store.Restored(handout.number).ok());
    });
    absl::MutexLock lock(&shared->mutex);
    shared->mutex.Await(absl::Condition(&shared->is_over));
    return shared->restored;
  };
  CHECK(read_and_die(*OpenStore(directory)).empty());        // All 20 were in one handout.
  CHECK(read_and_die(*OpenStore(directory)).size() == 12);   // One by one, up to the deadly one.
  auto store = OpenStore(directory);
  const Collected third = CollectAll(*store);
  CHECK(third.records.size() == 19);
  for (const HandleRecord& record : third.records) CHECK(record.persistent_id != kDeadly);
  CHECK(store->Counts().set_aside == 1);
  store.reset();
  // The others are ordinary again, and the one stays aside.
  store = OpenStore(directory);
  CHECK(CollectAll(*store).sizes.front() == 19);
  CHECK(store->Counts().set_aside == 1);
}

TEST_CASE("handle store: an owner that was shut out acknowledges nothing and changes nothing",
          "[unit][castore]") {
  TempDirectory directory;
  std::atomic<bool> is_told = false;
  HandleStore::Options options = OptionsFor(directory.path(), MakeIdentity("n1"));
  options.on_fenced = [&is_told](absl::Status) { is_told = true; };
  auto frozen = HandleStore::Open(std::move(options));
  REQUIRE(frozen.ok());
  REQUIRE(Put(**frozen, MakeRecord(1)).ok());
  const auto files = MakePosixStableFiles();
  REQUIRE(ConfirmFenced(*files, directory.path(), "n1").ok());
  StorePtr adopter = OpenStore(directory, MakeIdentity("n2", "boot-2"));
  CHECK_FALSE(Put(**frozen, MakeRecord(2)).ok());
  CHECK_FALSE(Delete(**frozen, 1).ok());
  while (!is_told) std::this_thread::yield();  // Told after the answers.
  CHECK(Ids(CollectAll(*adopter)) == std::vector<uint64_t>{1});
  adopter.reset();
  CHECK(Ids(CollectAll(*OpenStore(directory, MakeIdentity("n2", "boot-2")))) ==
        std::vector<uint64_t>{1});
}

TEST_CASE("handle store: outcomes are counted once for each handle", "[unit][castore]") {
  TempDirectory directory;
  {
    auto store = OpenStore(directory);
    for (uint64_t id = 1; id <= 3; ++id) REQUIRE(Put(*store, MakeRecord(id)).ok());
  }
  HandleStore::Options options = OptionsFor(directory.path(), MakeIdentity("n1"));
  std::vector<uint64_t> told;  // What is outstanding after each.
  options.on_outcome = [&told](Outcome, const ReclaimProgress& progress) {
    CHECK(progress.restored == 3);
    told.push_back(progress.outstanding);
  };
  auto opened = HandleStore::Open(std::move(options));
  REQUIRE(opened.ok());
  HandleStore* const store = opened->get();
  CollectAll(*store);
  store->ReportOutcome(1, Outcome::kReclaimed);
  store->ReportOutcome(1, Outcome::kReclaimed);
  store->ReportOutcome(2, Outcome::kExpired);
  store->ReportOutcome(77, Outcome::kReclaimed);
  CHECK(store->Counts().reclaimed == 1);
  CHECK(store->Counts().expired == 1);
  CHECK(told == std::vector<uint64_t>{2, 1});
  std::string next;
  const auto listed = store->List("", 2, &next);
  REQUIRE(listed.size() == 2);
  CHECK(listed[0].state == HandleState::kReclaimed);
  const auto rest = store->List(next, 2, &next);
  REQUIRE(rest.size() == 1);
  CHECK(rest[0].state == HandleState::kOutstanding);
  CHECK(Delete(*store, 1).ok());  // Closed by its client: that is no outcome.
  CHECK(Delete(*store, 3).ok());  // Its file is gone: nobody will claim it.
  CHECK(told == std::vector<uint64_t>{2, 1, 0});
}

// ---- Damage ---------------------------------------------------------------------------------------

// The newest file of a kind in the only database there is.
fs::path DatabaseFile(const TempDirectory& directory, const std::string& extension) {
  fs::path found;
  for (const auto& entry : fs::recursive_directory_iterator(directory.path() + "/nodes")) {
    if (entry.path().extension() == extension && entry.file_size() > 0) found = entry.path();
  }
  REQUIRE_FALSE(found.empty());
  return found;
}

void FlipByte(const fs::path& path, uintmax_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  const char byte = static_cast<char>(file.get());
  file.seekp(static_cast<std::streamoff>(at));
  file.put(static_cast<char>(byte ^ 0x55));
  REQUIRE(file.good());
}

TEST_CASE("handle store: a damaged log loses what it held, says so and serves the rest",
          "[unit][castore]") {
  TempDirectory directory;
  {
    auto store = OpenStore(directory);
    for (uint64_t id = 1; id <= 40; ++id) REQUIRE(Put(*store, MakeRecord(id)).ok());
  }
  const fs::path log = DatabaseFile(directory, ".log");
  FlipByte(log, fs::file_size(log) / 2);
  auto store = OpenStore(directory);
  const Collected all = CollectAll(*store);
  // One batch is hit, and the one behind the damage is there.
  CHECK(all.records.size() == 39);
  CHECK(all.records.back().persistent_id == 40);
  REQUIRE(store->losses().size() >= 1);
  CHECK_THAT(store->losses()[0], Catch::Contains("batches"));
  CHECK(fs::exists(directory.path() + "/damaged/n1.1"));
}

TEST_CASE("handle store: a log that a power cut tore is no damage", "[unit][castore]") {
  TempDirectory directory;
  {
    auto store = OpenStore(directory);
    for (uint64_t id = 1; id <= 10; ++id) REQUIRE(Put(*store, MakeRecord(id)).ok());
  }
  const fs::path log = DatabaseFile(directory, ".log");
  fs::resize_file(log, fs::file_size(log) - 5);  // Of the last record, as if never acknowledged.
  auto store = OpenStore(directory);
  CHECK(CollectAll(*store).records.size() == 9);
  CHECK(store->losses().empty());
  CHECK_FALSE(fs::exists(directory.path() + "/damaged"));
}

TEST_CASE("handle store: a database without its manifest is repaired", "[unit][castore]") {
  TempDirectory directory;
  {
    auto store = OpenStore(directory);
    for (uint64_t id = 1; id <= 10; ++id) REQUIRE(Put(*store, MakeRecord(id)).ok());
  }
  for (const auto& entry : fs::recursive_directory_iterator(directory.path() + "/nodes")) {
    if (entry.path().filename().string().starts_with("MANIFEST")) fs::remove(entry.path());
  }
  auto store = OpenStore(directory);
  CHECK(CollectAll(*store).records.size() == 10);
  CHECK_FALSE(store->losses().empty());
}

TEST_CASE("handle store: handles in a damaged block of a table are named", "[unit][castore]") {
  TempDirectory directory;
  constexpr uint64_t kHandles = 40'000;  // More than a write buffer: some are in tables.
  {
    HandleStore::Options options = OptionsFor(directory.path(), MakeIdentity("n1"));
    auto opened = OpenIncarnation(options.incarnation);
    REQUIRE(opened.ok());
    std::vector<Change> changes;
    for (uint64_t id = 1; id <= kHandles; ++id) {
      HandleRecord record = MakeRecord(id);
      record.path = std::string(400, 'p');
      std::string index = HandleKey(id);
      index[0] = kIndexPrefix;
      changes.push_back({HandleKey(id), Stored(record)});
      changes.push_back({index, "Data/file" + std::to_string(id)});
      if (changes.size() < 2000) continue;
      REQUIRE(opened->medium->Write(changes, {}).ok());
      changes.clear();
    }
  }
  FlipByte(DatabaseFile(directory, ".sst"), 100'000);
  auto store = OpenStore(directory);
  const size_t left = CollectAll(*store).records.size();
  const uint64_t lost = store->Counts().lost;
  CHECK(lost > 0);
  CHECK(lost < 100);
  CHECK(left + lost == kHandles);
  CHECK_THAT(store->losses().back(), Catch::Contains("Data/file") && Catch::Contains("is lost"));
}

// ---- Size -----------------------------------------------------------------------------------------

TEST_CASE("handle store: 100,000 records are taken over and handed out completely",
          "[unit][castore]") {
  TempDirectory directory;
  constexpr uint64_t kHandles = 100'000;
  {
    auto store = OpenStore(directory);
    std::atomic<uint64_t> stored = 0;
    for (uint64_t id = 1; id < kHandles; ++id) {
      store->PutRecord(MakeRecord(id), Completes::kNothing,
                       [&stored](absl::Status status) { stored += status.ok() ? 1 : 0; });
    }
    REQUIRE(Put(*store, MakeRecord(kHandles)).ok());
    CHECK(stored == kHandles - 1);
    CHECK(store->Counts().map.writes < 1000);
  }
  auto store = OpenStore(directory);
  CHECK(CollectAll(*store).records.size() == kHandles);
}

}  // namespace
}  // namespace continuo::castore
