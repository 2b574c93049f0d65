// Goal: byte-range locks grant, refuse, wait and end as the public lock tests expect.
#include "tests/unit/fsa/fsa_fixture.h"

namespace continuo::fsa {
namespace {

constexpr uint32_t kEx = kLockExclusive | kLockFailImmediately;
constexpr uint32_t kSh = kLockShared | kLockFailImmediately;

struct TwoOpens : World {
  TwoOpens() {
    const OpenRequest first = Request();
    const OpenRequest second = Request();
    MustOpen(first);
    MustOpen(second);
    a = first.open;
    b = second.open;
  }
  OpenId a;
  OpenId b;
};

TEST_CASE("lock: flags that are no lock are refused", "[unit][fsa][MS-SMB2:3.3.5.14]") {
  struct Case { const char* why; std::vector<uint32_t> flags; NtStatus::Code expected; };
  const auto c = GENERATE(values<Case>({
      {"no flags", {0}, NtStatus::kInvalidParameter},
      {"unknown flags", {~0u & ~0x17u}, NtStatus::kInvalidParameter},
      {"unlock and exclusive", {kLockUnlock | kLockExclusive}, NtStatus::kInvalidParameter},
      {"unlock and shared", {kLockUnlock | kLockShared}, NtStatus::kInvalidParameter},
      {"unlock at once", {kLockUnlock | kLockFailImmediately}, NtStatus::kInvalidParameter},
      {"shared and exclusive", {kLockShared | kLockExclusive}, NtStatus::kInvalidParameter},
      {"nothing, then unlock", {0, kLockUnlock}, NtStatus::kInvalidParameter},
      {"lock, then unlock", {kEx, kLockUnlock}, NtStatus::kInvalidParameter},
      {"two that would wait", {kLockExclusive, kLockExclusive}, NtStatus::kInvalidParameter},
      {"unlock of nothing, then no flags", {kLockUnlock, 0}, NtStatus::kRangeNotLocked},
      {"unlock of nothing", {kLockUnlock}, NtStatus::kRangeNotLocked},
  }));
  CAPTURE(c.why);
  TwoOpens world;
  std::vector<LockElement> elements;
  for (const uint32_t flags : c.flags) elements.push_back({9999 + elements.size(), 1, flags});
  CHECK(world.Lock(world.a, elements) == NtStatus(c.expected));
  CHECK(world.files.counters().locks == 0);
  CHECK(world.Lock(world.a, {}) == NtStatus(NtStatus::kInvalidParameter));
  CHECK(world.Lock(OpenId(77), elements) == NtStatus(NtStatus::kFileClosed));
}

TEST_CASE("lock: a range that wraps is refused", "[unit][fsa][MS-FSA:2.1.5.7]") {
  TwoOpens world;
  const uint64_t max = ~uint64_t{0};
  CHECK(world.Lock(world.a, {{max, max, kEx}}) == NtStatus(NtStatus::kInvalidLockRange));
  CHECK(world.Lock(world.a, {{max, 2, kEx}}) == NtStatus(NtStatus::kInvalidLockRange));
  CHECK(world.Lock(world.a, {{max, 1, kEx}})->ok());
  CHECK(world.Lock(world.a, {{max, 0, kEx}})->ok());
  CHECK(world.Lock(world.b, {{0, max, kEx}})->ok());
  CHECK(world.Lock(world.b, {{max - 1, 2, kEx}}) == NtStatus(NtStatus::kLockNotGranted));
}

TEST_CASE("lock: empty ranges conflict with what they lie inside of", "[unit][fsa]") {
  struct Case { LockElement first; LockElement second; bool is_granted; };
  const auto c = GENERATE(values<Case>({
      {{10, 0, kEx}, {10, 0, kEx}, true},  {{10, 0, kEx}, {9, 1, kEx}, true},
      {{10, 0, kEx}, {10, 1, kEx}, true},  {{10, 0, kEx}, {11, 1, kEx}, true},
      {{10, 0, kEx}, {9, 2, kEx}, false},  {{10, 0, kEx}, {10, 2, kEx}, true},
      {{10, 0, kEx}, {9, 3, kEx}, false},  {{9, 1, kEx}, {10, 0, kEx}, true},
      {{10, 1, kEx}, {10, 0, kEx}, true},  {{11, 1, kEx}, {10, 0, kEx}, true},
      {{9, 2, kEx}, {10, 0, kEx}, false},  {{10, 2, kEx}, {10, 0, kEx}, true},
      {{9, 3, kEx}, {10, 0, kEx}, false},  {{0, 0, kEx}, {0, 0, kEx}, true},
  }));
  const bool is_same_open = GENERATE(true, false);
  TwoOpens world;
  CHECK(world.Lock(world.a, {c.first})->ok());
  CHECK(world.Lock(is_same_open ? world.a : world.b, {c.second})->ok() == c.is_granted);
}

TEST_CASE("lock: what may be stacked", "[unit][fsa][MS-FSA:2.1.5.7]") {
  struct Case { const char* why; uint32_t first; uint32_t second; bool is_same; bool is_granted; };
  const auto c = GENERATE(values<Case>({
      {"shared on shared, same open", kSh, kSh, true, true},
      {"shared on shared, other open", kSh, kSh, false, true},
      {"shared on own exclusive", kEx, kSh, true, true},
      {"shared on another's exclusive", kEx, kSh, false, false},
      {"exclusive on own shared", kSh, kEx, true, false},
      {"exclusive on own exclusive", kEx, kEx, true, false},
      {"exclusive on another's shared", kSh, kEx, false, false},
  }));
  CAPTURE(c.why);
  TwoOpens world;
  CHECK(world.Lock(world.a, {{10, 10, c.first}})->ok());
  CHECK(world.Lock(c.is_same ? world.a : world.b, {{5, 10, c.second}}) ==
        NtStatus(c.is_granted ? NtStatus::kSuccess : NtStatus::kLockNotGranted));
}

TEST_CASE("unlock: exact ranges, exclusive before shared", "[unit][fsa][MS-FSA:2.1.5.8]") {
  TwoOpens world;
  const uint64_t length = GENERATE(uint64_t{0}, uint64_t{10});
  CHECK(world.Lock(world.a, {{10, length, kEx}})->ok());
  CHECK(world.Lock(world.a, {{10, length, kSh}})->ok());
  CHECK_FALSE(world.Lock(world.b, {{5, 10, kSh}})->ok());
  CHECK_FALSE(world.Lock(world.b, {{10, length, kLockUnlock}})->ok());
  CHECK_FALSE(world.Lock(world.a, {{10, length + 1, kLockUnlock}})->ok());
  CHECK(world.Lock(world.a, {{10, length, kLockUnlock}})->ok());
  CHECK(world.Lock(world.b, {{5, 10, kSh}})->ok());
  CHECK(world.Lock(world.a, {{10, length, kLockUnlock}})->ok());
}

TEST_CASE("lock arrays: all locks or none; unlocks up to the wrong one", "[unit][fsa]") {
  TwoOpens world;
  CHECK(world.Lock(world.b, {{20, 10, kEx}})->ok());
  CHECK(world.Lock(world.a, {{0, 10, kEx}, {25, 1, kEx}}) == NtStatus(NtStatus::kLockNotGranted));
  CHECK(world.files.counters().locks == 1);
  CHECK(world.Lock(world.a, {{0, 10, kEx}, {10, 5, kEx}})->ok());
  CHECK(world.Lock(world.a, {{0, 10, kLockUnlock}, {1, 1, kLockUnlock}, {10, 5, kLockUnlock}}) ==
        NtStatus(NtStatus::kRangeNotLocked));
  CHECK(world.Lock(world.b, {{0, 10, kEx}})->ok());
  CHECK_FALSE(world.Lock(world.b, {{10, 5, kEx}})->ok());
}

TEST_CASE("lock: waits for its turn, a close, or a cancel", "[unit][fsa]") {
  TwoOpens world;
  CHECK(world.Lock(world.a, {{0, 10, kEx}})->ok());
  CHECK_FALSE(world.Lock(world.b, {{5, 10, kLockExclusive}}).has_value());
  const OpId op = world.last_lock_op;
  SECTION("unlocked") {
    CHECK(world.Lock(world.a, {{0, 10, kLockUnlock}})->ok());
    REQUIRE(world.All<OpCompleted>().size() == 1);
    CHECK(world.All<OpCompleted>().front().op == op);
    CHECK(world.All<OpCompleted>().front().status.ok());
    CHECK_FALSE(world.Lock(world.a, {{14, 1, kSh}})->ok());
  }
  SECTION("holder closed") {
    world.Close(world.a);
    REQUIRE(world.All<OpCompleted>().size() == 1);
    CHECK(world.All<OpCompleted>().front().status.ok());
  }
  SECTION("waiter closed") {
    world.Close(world.b);
    CHECK(world.All<OpCompleted>().front().status == NtStatus::kRangeNotLocked);
    CHECK(world.files.counters().waiting_operations == 0);
  }
  SECTION("cancelled") {
    world.effects.clear();
    world.files.Cancel(op, &world.effects);
    CHECK(world.All<OpCompleted>().front().status == NtStatus::kCancelled);
    CHECK(world.Lock(world.a, {{0, 10, kLockUnlock}})->ok());
    CHECK(world.All<OpCompleted>().empty());
  }
}

TEST_CASE("lock sequence: a replay is answered without locking again",
          "[unit][fsa][MS-SMB2:3.3.5.14]") {
  TwoOpens world;
  LockRequest request;
  request.op = OpId(1000);
  request.open = world.a;
  request.locks = {{0, 10, kEx}};
  request.is_sequence_checked = true;
  request.lock_sequence = 1 << 4 | 3;
  CHECK(world.files.Lock(request, &world.effects)->ok());
  CHECK(world.files.Lock(request, &world.effects)->ok());
  CHECK(world.files.counters().locks == 1);
  request.lock_sequence = 1 << 4 | 4;  // A new number in the same bucket is a new request.
  CHECK(world.files.Lock(request, &world.effects) == NtStatus(NtStatus::kLockNotGranted));
  request.lock_sequence = 1 << 4 | 3;  // And makes the old one invalid.
  CHECK(world.files.Lock(request, &world.effects) == NtStatus(NtStatus::kLockNotGranted));
  for (const uint32_t outside : {0u, 65u}) {
    request.lock_sequence = outside << 4 | 3;
    request.locks = {{100 + outside, 1, kEx}};
    CHECK(world.files.Lock(request, &world.effects)->ok());
    CHECK_FALSE(world.files.Lock(request, &world.effects)->ok());
  }
}

TEST_CASE("I/O: exclusive keeps others out, shared keeps everybody from writing",
          "[unit][fsa][MS-FSA:2.1.4.10]") {
  TwoOpens world;
  const IoRange read{IoKind::kRead, 5, 10};
  const IoRange write{IoKind::kWrite, 5, 10};
  CHECK_FALSE(world.files.IsIoAffected(world.a));
  SECTION("exclusive") {
    CHECK(world.Lock(world.a, {{0, 10, kEx}})->ok());
    CHECK(world.files.CheckIo(world.a, read).ok());
    CHECK(world.files.CheckIo(world.a, write).ok());
    CHECK(world.files.CheckIo(world.b, read) == NtStatus::kFileLockConflict);
    CHECK(world.files.CheckIo(world.b, write) == NtStatus::kFileLockConflict);
    CHECK(world.files.CheckIo(world.b, {IoKind::kRead, 10, 10}).ok());
    CHECK(world.files.CheckIo(world.b, {IoKind::kRead, 5, 0}).ok());
  }
  SECTION("shared") {
    CHECK(world.Lock(world.a, {{0, 10, kSh}})->ok());
    CHECK(world.files.CheckIo(world.a, read).ok());
    CHECK(world.files.CheckIo(world.b, read).ok());
    CHECK(world.files.CheckIo(world.a, write) == NtStatus::kFileLockConflict);
    CHECK(world.files.CheckIo(world.b, write) == NtStatus::kFileLockConflict);
  }
}

TEST_CASE("lock: ends others' read caching, and a file with locks grants none", "[unit][fsa]") {
  World world;
  const OpenRequest first = world.LeaseRequestFor(1, "RH");
  const OpenRequest second = world.LeaseRequestFor(2, "RH");
  world.MustOpen(first);
  world.MustOpen(second);
  CHECK(world.Lock(first.open, {{0, 1, kEx}})->ok());
  CHECK(world.OnlyBreak().lease_key == LeaseKey{2});
  CHECK(world.OnlyBreak().new_state == kLeaseNone);
  CHECK(world.AckLease(2, "").ok());
  CHECK(world.MustOpen(world.LeaseRequestFor(3, "RHW")).lease_state == kLeaseNone);
  CHECK(world.MustOpen(world.LeaseRequestFor(1, "")).lease_state == State("RH"));
}

TEST_CASE("notify: entries go to those who watch the place and the kind",
          "[unit][fsa][MS-SMB2:3.3.5.19]") {
  World world;
  OpenRequest top = world.Request(1);
  top.path = "/share";
  top.is_directory = true;
  OpenRequest sub = world.Request(2);
  sub.path = "/share/d";
  sub.is_directory = true;
  world.MustOpen(top);
  world.MustOpen(sub);
  const auto watch = [&](OpId op, OpenId open, bool is_recursive, uint32_t size = 1000) {
    return world.files.Notify({.op = op, .open = open, .filter = kNotifyFileName,
                               .is_recursive = is_recursive, .max_size_bytes = size},
                              &world.effects);
  };
  const auto happens = [&](const char* path, NotifyAction action, uint32_t filter) {
    world.effects.clear();
    world.files.NameEvents({.events = {{.path = path, .action = action, .filter = filter}}},
                           &world.effects);
  };
  CHECK_FALSE(watch(OpId(500), top.open, true).has_value());
  CHECK_FALSE(watch(OpId(501), sub.open, false).has_value());
  happens("/share/d/f", NotifyAction::kAdded, kNotifyDirName);
  CHECK(world.effects.empty());
  happens("/share/d/f", NotifyAction::kAdded, kNotifyFileName);
  REQUIRE(world.All<NotifyCompleted>().size() == 2);
  for (const NotifyCompleted& completed : world.All<NotifyCompleted>()) {
    REQUIRE(completed.entries.size() == 1);
    CHECK(completed.entries[0].name == (completed.op == OpId(500) ? "d/f" : "f"));
  }
  happens("/share/x", NotifyAction::kRemoved, kNotifyFileName);  // Kept for the next request.
  happens("/share/y", NotifyAction::kRemoved, kNotifyFileName);
  const auto kept = watch(OpId(502), top.open, true);
  REQUIRE(kept.has_value());
  CHECK((*kept)->size() == 2);
  for (int i = 0; i < 100; ++i) {
    happens(("/share/n" + std::to_string(i)).c_str(), NotifyAction::kAdded, kNotifyFileName);
  }
  CHECK(watch(OpId(503), top.open, true)->status() == NtStatus::kNotifyEnumDir);
  CHECK_FALSE(watch(OpId(504), top.open, true, 8).has_value());
  happens("/share/z", NotifyAction::kAdded, kNotifyFileName);
  CHECK(world.All<NotifyCompleted>().front().status == NtStatus::kNotifyEnumDir);
}

TEST_CASE("notify: ends with its handle, its directory or a cancel", "[unit][fsa]") {
  World world;
  OpenRequest first = world.Request(1);
  first.is_directory = true;
  OpenRequest second = world.Request(1);
  second.is_directory = true;
  world.MustOpen(first);
  world.MustOpen(second);
  const NotifyRequest request{.op = OpId(500), .open = first.open, .filter = kNotifyFileName,
                              .is_recursive = false, .max_size_bytes = 100};
  CHECK_FALSE(world.files.Notify(request, &world.effects).has_value());
  SECTION("closed") {
    world.Close(first.open);
    CHECK(world.All<NotifyCompleted>().front().status == NtStatus::kNotifyCleanup);
    CHECK_FALSE(world.files.has_watches());
  }
  SECTION("cancelled") {
    world.effects.clear();
    world.files.Cancel(OpId(500), &world.effects);
    CHECK(world.All<NotifyCompleted>().front().status == NtStatus::kCancelled);
  }
  SECTION("the directory is going to be deleted") {
    CHECK(world.Dispose(second.open, true).ok());
    CHECK(world.All<NotifyCompleted>().front().status == NtStatus::kDeletePending);
    CHECK(world.files.Notify(request, &world.effects)->status() == NtStatus::kDeletePending);
  }
}

}  // namespace
}  // namespace continuo::fsa
