// Figures, not checks: run with  test_castore "[castore-bench]" -s
// TMPDIR says on which disk.
#include <algorithm>
#include <iostream>
#include <thread>

#include <absl/strings/str_format.h>
#include <catch2/catch.hpp>

#include "tests/unit/castore/castore_test_support.h"

namespace continuo::castore {
namespace {

using testing::CollectAll;
using testing::Delete;
using testing::MakeIdentity;
using testing::MakeRecord;
using testing::OptionsFor;
using testing::Put;
using testing::TempDirectory;

TEST_CASE("bench: changes per second and syncs per change", "[.][castore-bench]") {
  TempDirectory directory;
  auto store = *HandleStore::Open(OptionsFor(directory.path(), MakeIdentity("n1")));
  for (const uint64_t clients : {1u, 8u, 32u}) {
    const DurableMap::Stats before = store->Counts().map;
    const absl::Time start = absl::Now();
    const absl::Time end = start + absl::Seconds(3);
    std::vector<std::thread> threads;
    for (uint64_t client = 0; client < clients; ++client) {
      threads.emplace_back([&store, client, end] {
        for (uint64_t id = client * 1'000'000 + 1; absl::Now() < end; ++id) {
          if (!Put(*store, MakeRecord(id)).ok() || !Delete(*store, id).ok()) return;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    const DurableMap::Stats after = store->Counts().map;
    const double changes = static_cast<double>(after.changes - before.changes);
    const double syncs = static_cast<double>(after.writes - before.writes);
    std::cout << absl::StrFormat("%2d concurrent: %6.0f changes/s, %.3f syncs/change\n", clients,
                                 changes / absl::ToDoubleSeconds(absl::Now() - start),
                                 syncs / changes);
  }
  CHECK(store->Stop(absl::Now() + absl::Seconds(10)).ok());
}

TEST_CASE("bench: taking over 100,000 handles", "[.][castore-bench]") {
  TempDirectory directory;
  constexpr uint64_t kHandles = 100'000;
  auto store = *HandleStore::Open(OptionsFor(directory.path(), MakeIdentity("n1")));
  for (uint64_t id = 1; id < kHandles; ++id) {
    store->PutRecord(MakeRecord(id), Completes::kNothing, [](absl::Status) {});
  }
  REQUIRE(Put(*store, MakeRecord(kHandles)).ok());
  REQUIRE(store->Stop(absl::Now() + absl::Seconds(60)).ok());
  store.reset();
  const absl::Time start = absl::Now();
  store = *HandleStore::Open(OptionsFor(directory.path(), MakeIdentity("n1")));
  const absl::Time opened = absl::Now();
  CHECK(CollectAll(*store).records.size() == kHandles);
  std::cout << absl::StrFormat("%d handles: adopted in %.2f s, handed out in %.2f s\n", kHandles,
                               absl::ToDoubleSeconds(opened - start),
                               absl::ToDoubleSeconds(absl::Now() - opened));
  CHECK(store->Stop(absl::Now() + absl::Seconds(10)).ok());
}

}  // namespace
}  // namespace continuo::castore
