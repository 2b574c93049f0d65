// Goal: what is told of a persistent open is enough to bring it back, it comes before the answers that
// depend on it, and others are kept out until its client is back.
// Method: records are taken from the effects as a host would, and restored into an empty state.
#include "tests/unit/fsa/fsa_fixture.h"

#include <map>

#include "common/fsa/apply.h"

namespace continuo::fsa {
namespace {

OpenRequest Persistent(OpenRequest request) {
  request.durability = Durability::kPersistent;
  return request;
}

template <typename T>
std::vector<T> Of(const Effects& effects) {
  std::vector<T> found;
  for (const Effect& effect : effects) {
    if (const T* one = std::get_if<T>(&effect)) found.push_back(*one);
  }
  return found;
}

// Every request through Apply, as a host does it.
struct Host {
  Effects Do(const Request& request) {
    Effects effects;
    Apply(&files, request, &effects);
    for (const auto& changed : Of<PersistentChanged>(effects)) {
      records[changed.now.open] = changed.now;
    }
    for (const auto& ended : Of<PersistentEnded>(effects)) records.erase(ended.open);
    return effects;
  }
  std::optional<NtStatus> StatusOf(const Request& request) {
    const Effects effects = Do(request);
    for (const auto& done : Of<OpCompleted>(effects)) {
      if (done.op == OpOf(request)) return done.status;
    }
    for (const auto& done : Of<OpenCompleted>(effects)) {
      if (done.op == OpOf(request)) return done.result.status();
    }
    return std::nullopt;
  }
  void Disconnect(OpenId open) { Do(DisconnectRequest{OpId(9000), open}); }
  // The same records in a new process.
  void RestartInto(Host& next) const {
    for (const auto& [open, record] : records) {
      REQUIRE(next.StatusOf(RestoreRequest{.op = OpId(9001), .open = record}) == NtStatus());
    }
    for (const auto& [open, record] : records) next.records.try_emplace(open, record);
  }

  Files files;
  std::map<OpenId, PersistentOpen> records;
  World make;  // Only for its requests.
};

LockRequest Exclusive(OpenId open, uint64_t offset, uint32_t sequence = 0) {
  LockRequest lock;
  lock.op = OpId(5000 + offset);
  lock.open = open;
  lock.locks = {{offset, 10, kLockExclusive | kLockFailImmediately}};
  lock.is_sequence_checked = sequence != 0;
  lock.lock_sequence = sequence;
  return lock;
}

TEST_CASE("persistent open: what changes is told before the answer", "[unit][fsa]") {
  Host host;
  OpenRequest open = Persistent(host.make.LeaseRequestFor(1, "RWH", 1, 2, 7));
  Effects effects = host.Do(open);
  REQUIRE(effects.size() == 2);
  CHECK(std::holds_alternative<PersistentChanged>(effects[0]));
  CHECK(std::holds_alternative<OpenCompleted>(effects[1]));
  effects = host.Do(Exclusive(open.open, 0, 1 << 4 | 3));
  REQUIRE(effects.size() == 2);
  CHECK(std::get<PersistentChanged>(effects[0]).now.locks.size() == 1);
  CHECK(std::get<PersistentChanged>(effects[0]).now.lock_sequences[0] == 3);
  // What changes nothing is not told.
  effects = host.Do(Exclusive(open.open, 0, 1 << 4 | 3));
  CHECK(effects.size() == 1);
  effects = host.Do(CloseRequest{OpId(1), open.open});
  REQUIRE(effects.size() == 2);
  CHECK(std::get<PersistentEnded>(effects[0]).open == open.open);
}

TEST_CASE("persistent open: comes back with locks, sequences, lease and pending delete",
          "[unit][fsa]") {
  Host first;
  OpenRequest open = Persistent(first.make.LeaseRequestFor(1, "RWH", 1, 2, 7));
  open.share_access = Share("R");
  open.is_delete_on_close = true;
  REQUIRE(first.StatusOf(open) == NtStatus());
  REQUIRE(first.StatusOf(Exclusive(open.open, 0, 1 << 4 | 3)) == NtStatus());
  REQUIRE(first.StatusOf(SetDeletePendingRequest{
              .op = OpId(3), .open = open.open, .is_delete = true, .is_posix = false}) ==
          NtStatus());
  Host second;
  first.RestartInto(second);
  const Effects back = second.Do(ReconnectRequest{.op = OpId(4), .open = open.open, .session_id = 2});
  const OpenGrant grant = *Of<OpenCompleted>(back).at(0).result;
  CHECK(grant.oplock == OplockLevel::kLease);
  CHECK(grant.lease_state == State("RWH"));
  CHECK(grant.lease_epoch == 8);
  CHECK(grant.is_durable);
  CHECK(second.files.IsDeletePending(open.open));
  CHECK(second.files.counters().locks == 1);
  // A LOCK that was answered before the restart is answered again, and done once.
  CHECK(second.StatusOf(Exclusive(open.open, 0, 1 << 4 | 3)) == NtStatus());
  CHECK(second.files.counters().locks == 1);
  const Effects closed = second.Do(CloseRequest{OpId(5), open.open});
  REQUIRE(Of<CloseCompleted>(closed).at(0).result->delete_now.has_value());
  CHECK(Of<PersistentEnded>(closed).at(0).is_deleting);
}

TEST_CASE("persistent open: others wait for its client, or are refused", "[unit][fsa][MS-SMB2:3.3.5.9]") {
  Host host;
  const OpenRequest open = Persistent(host.make.Request());
  REQUIRE(host.StatusOf(open) == NtStatus());
  host.Disconnect(open.open);
  OpenRequest other = host.make.Request();
  CHECK(host.StatusOf(other) == NtStatus(NtStatus::kFileNotAvailable));
  other.waits_for_reclaim = true;
  SECTION("the hold ends") {
    CHECK(host.StatusOf(other) == std::nullopt);
    const Effects ended = host.Do(EndHoldRequest{other.op});
    CHECK(Of<OpenCompleted>(ended).at(0).result.status() == NtStatus::kFileNotAvailable);
    CHECK(host.files.counters().waiting_operations == 0);
  }
  SECTION("the client comes back") {
    CHECK(host.StatusOf(other) == std::nullopt);
    const Effects back = host.Do(ReconnectRequest{.op = OpId(9), .open = open.open, .session_id = 2});
    CHECK(Of<OpenCompleted>(back).size() == 2);
    CHECK(host.Do(EndHoldRequest{other.op}).empty());
  }
  SECTION("the open ends") {
    CHECK(host.StatusOf(other) == std::nullopt);
    const Effects closed = host.Do(CloseRequest{OpId(9), open.open});
    CHECK(Of<OpenCompleted>(closed).at(0).result.ok());
  }
  SECTION("attributes can be asked for") {
    other.access = kFileReadAttributes;
    CHECK(host.StatusOf(other) == NtStatus());
  }
}

TEST_CASE("persistent open: a break that was due is sent again after a restart",
          "[unit][fsa][MS-SMB2:3.3.4.7]") {
  Host first;
  const OpenRequest open = Persistent(first.make.LeaseRequestFor(1, "RWH", 1, 2));
  REQUIRE(first.StatusOf(open) == NtStatus());
  OpenRequest other = first.make.Request();
  other.client_guid = Guid{2};
  const Effects broken = first.Do(other);
  REQUIRE(Of<BreakToSend>(broken).size() == 1);
  CHECK(first.records.at(open.open).lease->is_breaking);
  Host second;
  const Effects restored =
      second.Do(RestoreRequest{.op = OpId(1), .open = first.records.at(open.open)});
  REQUIRE(Of<BreakToSend>(restored).size() == 1);
  CHECK(Of<BreakToSend>(restored)[0].open == open.open);
  CHECK(Of<BreakToSend>(restored)[0].new_state == State("RH"));
  CHECK(Of<BreakToSend>(restored)[0].new_epoch == Of<BreakToSend>(broken)[0].new_epoch);
}

TEST_CASE("persistent open: of two records of one lease the newer one is right", "[unit][fsa]") {
  Host host;
  const OpenRequest one = Persistent(host.make.LeaseRequestFor(1, "RH", 1, 2));
  const OpenRequest two = Persistent(host.make.LeaseRequestFor(1, "RWH", 1, 2));
  REQUIRE(host.StatusOf(one) == NtStatus());
  const PersistentOpen old = host.records.at(one.open);
  REQUIRE(host.StatusOf(two) == NtStatus());
  REQUIRE(host.records.at(one.open).lease->state == State("RWH"));
  host.records[one.open] = old;
  Host next;
  host.RestartInto(next);
  CHECK(next.files.counters().leases == 1);
  CHECK(next.records.at(one.open).lease->state == State("RWH"));
}

TEST_CASE("persistent open: a record that contradicts others changes nothing", "[unit][fsa]") {
  Host host;
  OpenRequest open = Persistent(host.make.LeaseRequestFor(1, "RWH", 1, 2));
  open.share_access = 0;
  REQUIRE(host.StatusOf(open) == NtStatus());
  PersistentOpen twin = host.records.at(open.open);
  const auto refused = [&](const PersistentOpen& record) {
    const Counters before = host.files.counters();
    const bool is_refused = host.StatusOf(RestoreRequest{.op = OpId(8), .open = record}) ==
                            NtStatus(NtStatus::kInvalidParameter);
    return is_refused && host.files.counters().opens == before.opens &&
           host.files.counters().leases == before.leases;
  };
  CHECK(refused(twin));  // The same id.
  twin.open = OpenId(77);
  CHECK(refused(twin));  // It shares nothing.
  twin.file = Key(2);
  CHECK(refused(twin));  // The lease is of another file.
  twin.lease->key = LeaseKey{9};
  twin.lock_sequences = {1, 2, 3};
  CHECK(refused(twin));
  twin.lock_sequences.clear();
  twin.lease->state = 0xFF;
  CHECK(refused(twin));
  twin.lease.reset();
  CHECK(refused(twin));  // kLease without one.
}

TEST_CASE("persistent open: can be demoted when its record cannot be kept", "[unit][fsa]") {
  Host host;
  const OpenRequest plain = Persistent(host.make.Request(1));
  const OpenRequest leased = Persistent(host.make.LeaseRequestFor(1, "RWH", 2, 2));
  REQUIRE(host.StatusOf(plain) == NtStatus());
  REQUIRE(host.StatusOf(leased) == NtStatus());
  const auto demote = [&](OpenId open) {
    const Effects effects = host.Do(SetDurabilityRequest{
        .op = OpId(6), .open = open, .durability = Durability::kDurable});
    return Of<OpenCompleted>(effects).at(0).result->is_durable;
  };
  CHECK_FALSE(demote(plain.open));
  CHECK(demote(leased.open));
  CHECK(host.files.Disconnect(plain.open, &host.make.effects) == DisconnectResult::kMustBeClosed);
  CHECK(Of<PersistentEnded>(host.Do(CloseRequest{OpId(7), plain.open})).empty());
}

}  // namespace
}  // namespace continuo::fsa
