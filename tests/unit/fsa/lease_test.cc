// Goal: what caching an open is granted, and what is broken for whom. The tables are the behaviour
// that Windows and Samba show to the public protocol tests.
#include "tests/unit/fsa/fsa_fixture.h"

namespace continuo::fsa {
namespace {

TEST_CASE("lease: only states that exist are granted", "[unit][fsa][MS-SMB2:3.3.5.9.8]") {
  struct Case { const char* requested; const char* granted; };
  const auto c = GENERATE(values<Case>({{"", ""}, {"R", "R"}, {"H", ""}, {"W", ""}, {"RH", "RH"},
                                        {"RW", "RW"}, {"HW", ""}, {"RHW", "RHW"}}));
  CAPTURE(c.requested);
  World world;
  CHECK(world.MustOpen(world.LeaseRequestFor(1, c.requested)).lease_state == State(c.granted));
}

TEST_CASE("lease: a directory gets read and handle caching from version 2 on", "[unit][fsa]") {
  World world;
  OpenRequest v1 = world.LeaseRequestFor(1, "RHW", 1, 1);
  v1.is_directory = true;
  CHECK(world.MustOpen(v1).lease_state == kLeaseNone);
  OpenRequest v2 = world.LeaseRequestFor(2, "RHW", 1, 2);
  v2.is_directory = true;
  CHECK(world.MustOpen(v2).lease_state == State("RH"));
}

TEST_CASE("lease: an uncontended one is upgraded to what contains it",
          "[unit][fsa][MS-SMB2:3.3.5.9.8]") {
  const auto initial = GENERATE(as<std::string>{}, "", "R", "RH", "RW", "RHW");
  const auto upgrade = GENERATE(as<std::string>{}, "", "R", "RH", "RW", "RHW");
  CAPTURE(initial, upgrade);
  World world;
  world.MustOpen(world.LeaseRequestFor(1, initial));
  const uint32_t have = State(initial);
  const uint32_t want = State(upgrade);
  const uint32_t expected = (want & have) == have ? want : have;
  CHECK(world.MustOpen(world.LeaseRequestFor(1, upgrade)).lease_state == expected);
}

TEST_CASE("lease: a contended one is upgraded as a whole or not at all", "[unit][fsa]") {
  struct Case { const char* held1; const char* held2; const char* to; const char* upgraded; };
  const auto c = GENERATE(values<Case>({
      {"R", "R", "", "R"},     {"R", "R", "R", "R"},    {"R", "R", "RW", "R"},
      {"R", "R", "RH", "RH"},  {"R", "R", "RHW", "R"},  {"R", "RH", "", "R"},
      {"R", "RH", "R", "R"},   {"R", "RH", "RW", "R"},  {"R", "RH", "RH", "RH"},
      {"R", "RH", "RHW", "R"}, {"RH", "R", "", "RH"},   {"RH", "R", "R", "RH"},
      {"RH", "R", "RW", "RH"}, {"RH", "R", "RH", "RH"}, {"RH", "R", "RHW", "RH"},
      {"RH", "RH", "RW", "RH"}, {"RH", "RH", "RHW", "RH"},
  }));
  CAPTURE(c.held1, c.held2, c.to);
  World world;
  world.MustOpen(world.LeaseRequestFor(1, c.held1));
  CHECK(world.MustOpen(world.LeaseRequestFor(2, c.held2)).lease_state == State(c.held2));
  CHECK(world.MustOpen(world.LeaseRequestFor(1, c.to)).lease_state == State(c.upgraded));
  CHECK(world.All<BreakToSend>().empty());
}

TEST_CASE("lease: another lease's open breaks write caching and shares the rest",
          "[unit][fsa][MS-FSA:2.1.4.12]") {
  struct Case { const char* held; const char* wanted; const char* broken_to; const char* granted; };
  const auto c = GENERATE(values<Case>({
      {"R", "R", "R", "R"},      {"R", "RH", "R", "RH"},     {"R", "RW", "R", "R"},
      {"R", "RHW", "R", "RH"},   {"RH", "R", "RH", "R"},     {"RH", "RH", "RH", "RH"},
      {"RH", "RW", "RH", "R"},   {"RH", "RHW", "RH", "RH"},  {"RW", "R", "R", "R"},
      {"RW", "RH", "R", "RH"},   {"RW", "RW", "R", "R"},     {"RW", "RHW", "R", "RH"},
      {"RHW", "R", "RH", "R"},   {"RHW", "RH", "RH", "RH"},  {"RHW", "RW", "RH", "R"},
      {"RHW", "RHW", "RH", "RH"},
  }));
  CAPTURE(c.held, c.wanted);
  World world;
  world.MustOpen(world.LeaseRequestFor(1, c.held));
  const OpenRequest wanted = world.LeaseRequestFor(2, c.wanted);
  auto answer = world.Open(wanted);
  const bool breaks = State(c.held) != State(c.broken_to);
  REQUIRE(answer.has_value() == !breaks);
  if (breaks) {
    const BreakToSend event = world.OnlyBreak();
    CHECK(event.current_state == State(c.held));
    CHECK(event.new_state == State(c.broken_to));
    CHECK(event.is_ack_required);
    CHECK(world.AckLease(1, c.broken_to).ok());
    REQUIRE(world.Completed(wanted.open).has_value());
    answer = world.Completed(wanted.open)->result;
  }
  CHECK((*answer)->lease_state == State(c.granted));
  CHECK(world.MustOpen(world.LeaseRequestFor(1, "RHW")).lease_state == State(c.broken_to));
}

TEST_CASE("lease and oplock: what each leaves the other", "[unit][fsa]") {
  struct Case { const char* held; OplockLevel wanted; const char* broken_to; OplockLevel granted; };
  constexpr auto kII = OplockLevel::kLevelII;
  constexpr auto kEx = OplockLevel::kExclusive;
  constexpr auto kBatch = OplockLevel::kBatch;
  constexpr auto kNone = OplockLevel::kNone;
  const auto c = GENERATE_COPY(values<Case>({
      {"R", kII, "R", kII},     {"R", kEx, "R", kII},     {"R", kBatch, "R", kII},
      {"RH", kII, "RH", kNone}, {"RH", kEx, "RH", kNone}, {"RH", kBatch, "RH", kNone},
      {"RW", kII, "R", kII},    {"RW", kEx, "R", kII},    {"RW", kBatch, "R", kII},
      {"RHW", kII, "RH", kNone}, {"RHW", kBatch, "RH", kNone},
  }));
  CAPTURE(c.held, c.wanted);
  World world;
  world.MustOpen(world.LeaseRequestFor(1, c.held));
  const OpenRequest wanted = world.OplockRequest(c.wanted);
  auto answer = world.Open(wanted);
  if (!answer) {
    CHECK(world.AckLease(1, c.broken_to).ok());
    answer = world.Completed(wanted.open)->result;
  }
  CHECK((*answer)->oplock == c.granted);
}

TEST_CASE("oplock and lease: a held oplock goes to level II, the lease gets no handles",
          "[unit][fsa]") {
  const auto held = GENERATE(OplockLevel::kLevelII, OplockLevel::kExclusive, OplockLevel::kBatch);
  const auto wanted = GENERATE(as<std::string>{}, "R", "RH", "RW", "RHW");
  World world;
  const OpenRequest holder = world.OplockRequest(held);
  CHECK(world.MustOpen(holder).oplock == held);
  const OpenRequest opener = world.LeaseRequestFor(1, wanted);
  auto answer = world.Open(opener);
  REQUIRE(answer.has_value() == (held == OplockLevel::kLevelII));
  if (!answer) {
    CHECK(world.OnlyBreak().new_level == OplockLevel::kLevelII);
    CHECK(world.AckOplock(holder.open, OplockLevel::kLevelII).ok());
    answer = world.Completed(opener.open)->result;
  }
  CHECK((*answer)->lease_state == State("R"));
}

TEST_CASE("lease: while it breaks, its own opens work and say so", "[unit][fsa][MS-SMB2:3.3.5.9.8]") {
  World world;
  world.MustOpen(world.LeaseRequestFor(1, "RHW"));
  const OpenRequest second = world.Request();
  CHECK_FALSE(world.Open(second).has_value());
  const OpenGrant own = world.MustOpen(world.LeaseRequestFor(1, "RHW"));
  CHECK(own.lease_state == State("RHW"));
  CHECK(own.is_lease_break_in_progress);
  CHECK(world.AckLease(1, "RH").ok());
  CHECK(world.Completed(second.open).has_value());
  CHECK_FALSE(world.MustOpen(world.LeaseRequestFor(1, "RHW")).is_lease_break_in_progress);
}

TEST_CASE("lease: an overwrite breaks to none at once, and only within that may be acknowledged",
          "[unit][fsa][MS-SMB2:3.3.5.22.2]") {
  World world;
  world.MustOpen(world.LeaseRequestFor(1, "RHW"));
  OpenRequest second = world.Request();
  second.action = OpenAction::kOverwrite;
  CHECK_FALSE(world.Open(second).has_value());
  CHECK(world.OnlyBreak().new_state == kLeaseNone);
  for (const char* state : {"RHW", "RW", "HW", "RH", "W", "H", "R"}) {
    CHECK(world.AckLease(1, state) == NtStatus::kRequestNotAccepted);
  }
  CHECK(world.AckLease(1, "").ok());
  CHECK(world.Completed(second.open).has_value());
  CHECK(world.AckLease(1, "") == NtStatus::kUnsuccessful);
  CHECK(world.AckLease(9, "") == NtStatus::kObjectNameNotFound);
}

TEST_CASE("lease: a deeper break is sent in steps, and all who wait go on at the end",
          "[unit][fsa]") {
  World world;
  world.MustOpen(world.LeaseRequestFor(1, "RHW", 1, 2, 0x11));
  const OpenRequest second = world.Request();
  CHECK_FALSE(world.Open(second).has_value());
  CHECK(world.OnlyBreak().new_state == State("RH"));
  CHECK(world.OnlyBreak().new_epoch == 0x13);
  OpenRequest third = world.Request();
  third.action = OpenAction::kOverwrite;
  CHECK_FALSE(world.Open(third).has_value());
  CHECK(world.All<BreakToSend>().empty());

  CHECK(world.AckLease(1, "RH").ok());
  CHECK(world.OnlyBreak().current_state == State("RH"));
  CHECK(world.OnlyBreak().new_state == State("R"));
  CHECK(world.OnlyBreak().is_ack_required);
  CHECK_FALSE(world.Completed(second.open).has_value());
  CHECK_FALSE(world.Completed(third.open).has_value());
  const OpenGrant own = world.MustOpen(world.LeaseRequestFor(1, "RHW", 1, 2));
  CHECK(own.lease_state == State("RH"));
  CHECK(own.is_lease_break_in_progress);

  CHECK(world.AckLease(1, "R").ok());
  CHECK(world.OnlyBreak().new_state == kLeaseNone);
  CHECK_FALSE(world.OnlyBreak().is_ack_required);
  CHECK(world.Completed(second.open).has_value());
  CHECK(world.Completed(third.open).has_value());
}

TEST_CASE("lease: nobody waits for read or handle caching to end by an overwrite", "[unit][fsa]") {
  World world;
  world.MustOpen(world.LeaseRequestFor(1, "RH"));
  for (int i = 0; i < 2; ++i) {
    OpenRequest overwriter = world.Request();
    overwriter.action = OpenAction::kOverwrite;
    world.MustOpen(overwriter);
    CHECK(world.All<BreakToSend>().size() == (i == 0 ? 1 : 0));
    world.Close(overwriter.open);
  }
  const OpenGrant own = world.MustOpen(world.LeaseRequestFor(1, ""));
  CHECK(own.lease_state == State("RH"));
  CHECK(own.is_lease_break_in_progress);
  CHECK(world.AckLease(1, "").ok());
}

TEST_CASE("lease: read caching alone ends without an acknowledgement", "[unit][fsa]") {
  World world;
  world.MustOpen(world.LeaseRequestFor(1, "R"));
  OpenRequest overwriter = world.Request();
  overwriter.action = OpenAction::kOverwrite;
  world.MustOpen(overwriter);
  CHECK_FALSE(world.OnlyBreak().is_ack_required);
  CHECK(world.AckLease(1, "") == NtStatus::kUnsuccessful);
}

TEST_CASE("lease: less than was asked may be kept", "[unit][fsa]") {
  World world;
  world.MustOpen(world.LeaseRequestFor(1, "RHW"));
  const OpenRequest second = world.Request();
  CHECK_FALSE(world.Open(second).has_value());
  CHECK(world.AckLease(1, "").ok());
  CHECK(world.Completed(second.open).has_value());
}

TEST_CASE("lease: without an acknowledgement in time it is lost", "[unit][fsa][MS-SMB2:3.3.6.5]") {
  World world;
  world.MustOpen(world.LeaseRequestFor(1, "RHW"));
  const OpenRequest second = world.LeaseRequestFor(2, "RHW");
  CHECK_FALSE(world.Open(second).has_value());
  const BreakId id = world.OnlyBreak().break_id;
  world.files.TimeOut(id, &world.effects);
  REQUIRE(world.Completed(second.open).has_value());
  CHECK(world.Completed(second.open)->result->lease_state == State("RH"));
  CHECK(world.AckLease(1, "RH") == NtStatus::kUnsuccessful);
  CHECK(world.MustOpen(world.LeaseRequestFor(1, "")).lease_state == kLeaseNone);
  world.files.TimeOut(id, &world.effects);  // Late again: nothing.
  CHECK(world.files.counters().breaks_in_progress == 0);
}

TEST_CASE("lease: the holder's close ends the break", "[unit][fsa]") {
  World world;
  const OpenRequest first = world.LeaseRequestFor(1, "RHW");
  world.MustOpen(first);
  const OpenRequest second = world.LeaseRequestFor(2, "RHW");
  CHECK_FALSE(world.Open(second).has_value());
  world.Close(first.open);
  CHECK(world.All<BreakEnded>().size() == 1);
  CHECK(world.Completed(second.open)->result->lease_state == State("RHW"));
}

TEST_CASE("lease: a sharing violation breaks handle caching first and is then looked at again",
          "[unit][fsa][MS-FSA:2.1.5.1.2]") {
  World world;
  OpenRequest first = world.LeaseRequestFor(1, "RH");
  first.share_access = 0;
  world.MustOpen(first);
  const OpenRequest second = world.Request();
  CHECK_FALSE(world.Open(second).has_value());
  CHECK(world.OnlyBreak().new_state == State("R"));
  SECTION("the handle was only cached") {
    world.Close(first.open);
    CHECK(world.Completed(second.open)->result.ok());
  }
  SECTION("the handle is in use") {
    CHECK(world.AckLease(1, "R").ok());
    CHECK(world.Completed(second.open)->result.status() == NtStatus::kSharingViolation);
  }
}

TEST_CASE("oplock: batch gives way to a sharing violation, exclusive does not", "[unit][fsa]") {
  World world;
  const auto level = GENERATE(OplockLevel::kExclusive, OplockLevel::kBatch);
  OpenRequest first = world.OplockRequest(level);
  first.share_access = 0;
  world.MustOpen(first);
  const OpenRequest second = world.Request();
  const auto answer = world.Open(second);
  if (level == OplockLevel::kExclusive) {
    REQUIRE(answer.has_value());
    CHECK(answer->status() == NtStatus::kSharingViolation);
    CHECK(world.All<BreakToSend>().empty());
  } else {
    CHECK_FALSE(answer.has_value());
    CHECK(world.OnlyBreak().new_level == OplockLevel::kLevelII);
    CHECK(world.AckOplock(first.open, OplockLevel::kLevelII).ok());
    CHECK(world.Completed(second.open)->result.status() == NtStatus::kSharingViolation);
  }
}

TEST_CASE("oplock: a pending delete answers before any break", "[unit][fsa]") {
  World world;
  const OpenRequest first = world.OplockRequest(OplockLevel::kBatch);
  world.MustOpen(first);
  CHECK(world.Dispose(first.open, true).ok());
  CHECK(world.Refusal(world.Request()) == NtStatus::kDeletePending);
  CHECK(world.All<BreakToSend>().empty());
}

TEST_CASE("oplock: an overwrite during a break to level II sends it on to none", "[unit][fsa]") {
  World world;
  const OpenRequest first = world.OplockRequest(OplockLevel::kExclusive);
  world.MustOpen(first);
  const OpenRequest second = world.Request();
  CHECK_FALSE(world.Open(second).has_value());
  OpenRequest third = world.Request();
  third.action = OpenAction::kOverwrite;
  CHECK_FALSE(world.Open(third).has_value());
  CHECK(world.AckOplock(first.open, OplockLevel::kLevelII).ok());
  CHECK(world.OnlyBreak().new_level == OplockLevel::kNone);
  CHECK_FALSE(world.OnlyBreak().is_ack_required);
  CHECK(world.Completed(second.open).has_value());
  CHECK(world.Completed(third.open).has_value());
}

TEST_CASE("oplock: acknowledgements that were not asked for or claim too much",
          "[unit][fsa][MS-SMB2:3.3.5.22.1]") {
  World world;
  const OpenRequest first = world.OplockRequest(OplockLevel::kBatch);
  world.MustOpen(first);
  CHECK(world.AckOplock(first.open, OplockLevel::kNone) == NtStatus::kInvalidOplockProtocol);
  CHECK(world.AckOplock(OpenId(99), OplockLevel::kNone) == NtStatus::kFileClosed);
  const OpenRequest second = world.Request();
  CHECK_FALSE(world.Open(second).has_value());
  CHECK(world.AckOplock(first.open, OplockLevel::kBatch) == NtStatus::kInvalidOplockProtocol);
  CHECK(world.Completed(second.open).has_value());  // The break has ended all the same.
}

TEST_CASE("attributes-only opens break nothing and get nothing beside write caching",
          "[unit][fsa]") {
  World world;
  world.MustOpen(world.LeaseRequestFor(1, "RHW"));
  OpenRequest stat = world.LeaseRequestFor(2, "RH");
  stat.access = kFileReadAttributes | kSynchronize;
  CHECK(world.MustOpen(stat).lease_state == kLeaseNone);
  OpenRequest security = world.Request();
  security.access = kReadControl | kFileReadAttributes;
  world.MustOpen(security);
  CHECK(world.All<BreakToSend>().empty());
}

TEST_CASE("attributes-only opens do not stop a write lease", "[unit][fsa]") {
  World world;
  OpenRequest stat = world.Request();
  stat.access = kFileReadAttributes;
  world.MustOpen(stat);
  CHECK(world.MustOpen(world.LeaseRequestFor(1, "RHW")).lease_state == State("RHW"));
}

TEST_CASE("write: breaks everybody else's read caching, and nobody waits", "[unit][fsa]") {
  World world;
  const OpenRequest first = world.LeaseRequestFor(1, "R", 1, 2, 0x10);
  const OpenRequest second = world.LeaseRequestFor(2, "RH");
  world.MustOpen(first);
  world.MustOpen(second);
  CHECK(world.files.IsIoAffected(first.open));
  CHECK(world.Break(first.open, BreakReason::kWrite)->ok());
  CHECK(world.OnlyBreak().lease_key == LeaseKey{2});
  CHECK(world.OnlyBreak().new_state == kLeaseNone);
  CHECK(world.OnlyBreak().is_ack_required);
  CHECK(world.AckLease(2, "").ok());
  CHECK(world.Break(second.open, BreakReason::kWrite)->ok());
  CHECK(world.OnlyBreak().lease_key == LeaseKey{1});
  CHECK(world.OnlyBreak().new_epoch == 0x12);
  CHECK_FALSE(world.OnlyBreak().is_ack_required);
  CHECK_FALSE(world.files.IsIoAffected(first.open));
}

TEST_CASE("write: breaks one's own level II oplock but not one's own batch oplock",
          "[unit][fsa]") {
  World world;
  const OpenRequest first = world.OplockRequest(OplockLevel::kBatch);
  world.MustOpen(first);
  CHECK(world.Break(first.open, BreakReason::kWrite)->ok());
  CHECK(world.All<BreakToSend>().empty());
  const OpenRequest second = world.OplockRequest(OplockLevel::kLevelII);
  CHECK_FALSE(world.Open(second).has_value());
  CHECK(world.AckOplock(first.open, OplockLevel::kLevelII).ok());
  CHECK(world.Break(first.open, BreakReason::kWrite)->ok());
  CHECK(world.All<BreakToSend>().size() == 2);
}

TEST_CASE("rename: waits for others' handle leases and spares one's own", "[unit][fsa]") {
  World world;
  const OpenRequest first = world.LeaseRequestFor(1, "RH");
  world.MustOpen(first);
  world.MustOpen(world.LeaseRequestFor(1, "RH"));
  CHECK(world.Break(first.open, BreakReason::kRename)->ok());
  world.MustOpen(world.LeaseRequestFor(2, "RH"));
  CHECK_FALSE(world.Break(first.open, BreakReason::kRename).has_value());
  CHECK(world.OnlyBreak().new_state == State("R"));
  const OpId op = world.last_break_op;
  CHECK(world.AckLease(2, "R").ok());
  REQUIRE(world.All<OpCompleted>().size() == 1);
  CHECK(world.All<OpCompleted>().front().op == op);
}

TEST_CASE("lease: one key names one file", "[unit][fsa][MS-SMB2:3.3.5.9.8]") {
  World world;
  const OpenRequest first = world.LeaseRequestFor(1, "RH", 1);
  world.MustOpen(first);
  CHECK(world.files.IsLeaseKeyKnown(Guid{1}, LeaseKey{1}));
  CHECK(world.Refusal(world.LeaseRequestFor(1, "RH", 2)) == NtStatus::kInvalidParameter);
  OpenRequest stream = world.LeaseRequestFor(1, "RH", 1);
  stream.stream = "s";
  CHECK(world.Refusal(stream) == NtStatus::kInvalidParameter);
  OpenRequest other_client = world.LeaseRequestFor(1, "RH", 2);
  other_client.client_guid = Guid{2};
  world.MustOpen(other_client);
  world.Close(first.open);
  CHECK_FALSE(world.files.IsLeaseKeyKnown(Guid{1}, LeaseKey{1}));
  world.MustOpen(world.LeaseRequestFor(1, "RH", 3));
}

TEST_CASE("lease: epochs rise with each change", "[unit][fsa][MS-SMB2:3.3.5.9.11]") {
  World world;
  CHECK(world.MustOpen(world.LeaseRequestFor(1, "R", 1, 2, 0x4711)).lease_epoch == 0x4712);
  CHECK(world.MustOpen(world.LeaseRequestFor(1, "RHW", 1, 2, 0)).lease_epoch == 0x4713);
  CHECK(world.MustOpen(world.LeaseRequestFor(1, "RHW", 1, 2, 0)).lease_epoch == 0x4713);
  CHECK_FALSE(world.Open(world.LeaseRequestFor(2, "R", 1, 1)).has_value());
  CHECK(world.OnlyBreak().new_epoch == 0x4714);
  CHECK(world.AckLease(1, "RH").ok());
  CHECK(world.MustOpen(world.LeaseRequestFor(2, "R", 1, 2)).lease_epoch == 0);  // A v1 lease.
}

TEST_CASE("directory lease: ends when the contents change, but for who named it as parent",
          "[unit][fsa][MS-SMB2:3.3.4.20]") {
  World world;
  OpenRequest directory = world.LeaseRequestFor(1, "RH", 1, 2);
  directory.is_directory = true;
  world.MustOpen(directory);
  OpenRequest child = world.LeaseRequestFor(2, "RH", 2, 2);
  child.lease->parent_key = LeaseKey{1};
  world.MustOpen(child);
  const OpenRequest stranger = world.Request(3);
  world.MustOpen(stranger);
  world.effects.clear();
  world.files.DirectoryChanged({.directory = Key(1), .by = child.open}, &world.effects);
  CHECK(world.effects.empty());
  world.files.DirectoryChanged({.directory = Key(1), .by = stranger.open}, &world.effects);
  CHECK(world.OnlyBreak().new_state == kLeaseNone);
}

TEST_CASE("cancel: a waiting open is given up", "[unit][fsa]") {
  World world;
  world.MustOpen(world.LeaseRequestFor(1, "RHW"));
  const OpenRequest second = world.Request();
  CHECK_FALSE(world.Open(second).has_value());
  world.files.Cancel(second.op, &world.effects);
  CHECK(world.Completed(second.open)->result.status() == NtStatus::kCancelled);
  CHECK(world.AckLease(1, "RH").ok());
  CHECK(world.All<OpenCompleted>().empty());
  CHECK(world.files.counters().opens == 1);
}

TEST_CASE("durable: kept while nothing needs it gone", "[unit][fsa][MS-SMB2:3.3.4.7]") {
  World world;
  OpenRequest first = world.LeaseRequestFor(1, "RHW");
  first.durability = Durability::kDurable;
  CHECK(world.MustOpen(first).is_durable);
  CHECK(world.files.Disconnect(first.open, &world.effects) == DisconnectResult::kKept);
  SECTION("reconnected") {
    const auto grant =
        world.files.Reconnect({.op = OpId(), .open = first.open, .session_id = 7}, &world.effects);
    REQUIRE(grant.ok());
    CHECK(grant->lease_state == State("RHW"));
    CHECK_FALSE(world.files.Reconnect({.op = OpId(), .open = first.open, .session_id = 7},
                                      &world.effects).ok());
  }
  SECTION("an open that would break its write caching purges it") {
    CHECK(world.MustOpen(world.LeaseRequestFor(2, "RHW")).lease_state == State("RHW"));
    REQUIRE(world.All<OpenPurged>().size() == 1);
    CHECK(world.files.Reconnect({.op = OpId(), .open = first.open, .session_id = 7},
                                &world.effects).status() == NtStatus::kObjectNameNotFound);
  }
  SECTION("an open for attributes leaves it") {
    OpenRequest stat = world.Request();
    stat.access = kFileReadAttributes;
    world.MustOpen(stat);
    CHECK(world.All<OpenPurged>().empty());
  }
}

TEST_CASE("durable: what cannot be kept is closed at the disconnect", "[unit][fsa]") {
  World world;
  OpenRequest plain = world.Request();
  plain.durability = Durability::kDurable;
  CHECK_FALSE(world.MustOpen(plain).is_durable);  // Neither batch nor handle caching.
  CHECK(world.files.Disconnect(plain.open, &world.effects) == DisconnectResult::kMustBeClosed);
  OpenRequest deleted = world.OplockRequest(OplockLevel::kBatch, 2);
  deleted.durability = Durability::kDurable;
  deleted.is_delete_on_close = true;
  world.MustOpen(deleted);
  CHECK(world.files.Disconnect(deleted.open, &world.effects) == DisconnectResult::kMustBeClosed);
}

TEST_CASE("persistent: while disconnected the file is not available", "[unit][fsa]") {
  World world;
  OpenRequest first = world.Request();
  first.durability = Durability::kPersistent;
  world.MustOpen(first);
  CHECK(world.files.Disconnect(first.open, &world.effects) == DisconnectResult::kKept);
  CHECK(world.Refusal(world.Request()) == NtStatus::kFileNotAvailable);
}

}  // namespace
}  // namespace continuo::fsa
