// Goal: who may open a file beside whom, and what deletion does to that.
#include "tests/unit/fsa/fsa_fixture.h"

namespace continuo::fsa {
namespace {

TEST_CASE("open: each must share what the other does", "[unit][fsa][MS-FSA:2.1.5.1.2.2]") {
  struct Case {
    const char* why;
    uint32_t held_access;
    const char* held_share;
    uint32_t wanted_access;
    const char* wanted_share;
    bool conflicts;
  };
  const auto c = GENERATE(values<Case>({
      {"both read, both share read", kFileReadData, "R", kFileReadData, "R", false},
      {"the first does not share reading", kFileReadData, "WD", kFileReadData, "RWD", true},
      {"the second does not share reading", kFileReadData, "RWD", kFileReadData, "WD", true},
      {"execute counts as reading", kFileExecute, "W", kFileExecute, "RW", true},
      {"append counts as writing", kFileReadData, "R", kFileAppendData, "R", true},
      {"write shared both ways", kFileWriteData, "RW", kFileWriteData, "RW", false},
      {"delete needs FILE_SHARE_DELETE", kFileReadData, "RW", kDeleteAccess, "RWD", true},
      {"delete that is shared", kFileReadData, "RWD", kDeleteAccess, "RWD", false},
      {"attributes alone share everything", kFileReadAttributes, "", kAllAccess, "", false},
      {"attributes alone beside an exclusive open", kAllAccess, "",
       kFileReadAttributes | kFileWriteAttributes | kSynchronize, "", false},
      {"READ_CONTROL alone takes no part", kAllAccess, "", kReadControl, "", false},
  }));
  CAPTURE(c.why);
  World world;
  OpenRequest held = world.Request();
  held.access = c.held_access;
  held.share_access = Share(c.held_share);
  world.MustOpen(held);
  OpenRequest wanted = world.Request();
  wanted.access = c.wanted_access;
  wanted.share_access = Share(c.wanted_share);
  if (c.conflicts) {
    CHECK(world.Refusal(wanted) == NtStatus::kSharingViolation);
    CHECK(world.files.counters().opens == 1);
    world.Close(held.open);
    world.MustOpen(world.Request());
  } else {
    world.MustOpen(wanted);
  }
}

TEST_CASE("open: who overwrites writes, whatever access he asked for",
          "[unit][fsa][MS-FSA:2.1.5.1.2]") {
  World world;
  OpenRequest held = world.Request();
  held.share_access = Share("RD");
  world.MustOpen(held);
  OpenRequest wanted = world.Request();
  wanted.access = kFileReadAttributes;
  wanted.action = OpenAction::kOverwrite;
  CHECK(world.Refusal(wanted) == NtStatus::kSharingViolation);
}

TEST_CASE("streams: share modes are each stream's own, but for deletion of the file",
          "[unit][fsa][MS-FSA:2.1.5.1.2.2]") {
  World world;
  OpenRequest stream = world.Request();
  stream.stream = "s";
  stream.share_access = 0;
  world.MustOpen(stream);
  OpenRequest main = world.Request();
  main.access = kFileReadData;
  main.share_access = 0;
  world.MustOpen(main);
  world.Close(main.open);
  OpenRequest deleter = world.Request();
  deleter.access = kDeleteAccess;
  CHECK(world.Refusal(deleter) == NtStatus::kSharingViolation);
  world.Close(stream.open);
  world.MustOpen(deleter);
}

TEST_CASE("delete: a pending delete refuses opens and runs at the last close",
          "[unit][fsa][MS-FSA:2.1.5.4]") {
  World world;
  const OpenRequest a = world.Request();
  const OpenRequest b = world.Request();
  world.MustOpen(a);
  world.MustOpen(b);
  CHECK(world.Dispose(a.open, true).ok());
  CHECK(world.files.IsDeletePending(b.open));
  CHECK(world.Refusal(world.Request()) == NtStatus::kDeletePending);
  CHECK_FALSE(world.Close(a.open).delete_now.has_value());
  CHECK(world.Refusal(world.Request()) == NtStatus::kDeletePending);
  const CloseResult closed = world.Close(b.open);
  REQUIRE(closed.delete_now.has_value());
  CHECK(closed.delete_now->path == "/share/file1");
  CHECK(closed.delete_now->set_by == a.open);
}

TEST_CASE("delete: cleared by a second disposition", "[unit][fsa][MS-FSA:2.1.5.14.3]") {
  World world;
  const OpenRequest a = world.Request();
  world.MustOpen(a);
  CHECK(world.Dispose(a.open, true).ok());
  CHECK(world.Dispose(a.open, false).ok());
  world.MustOpen(world.Request());
  CHECK_FALSE(world.Close(a.open).delete_now.has_value());
}

TEST_CASE("delete on close: takes effect when the handle that asked for it closes",
          "[unit][fsa][MS-FSA:2.1.5.4]") {
  World world;
  OpenRequest a = world.Request();
  a.is_delete_on_close = true;
  const OpenRequest b = world.Request();
  world.MustOpen(a);
  world.MustOpen(b);  // Not pending yet.
  CHECK_FALSE(world.Close(a.open).delete_now.has_value());
  CHECK(world.Refusal(world.Request()) == NtStatus::kDeletePending);
  CHECK(world.Close(b.open).delete_now.has_value());
}

TEST_CASE("delete: with POSIX semantics the name goes with the open that asked",
          "[unit][fsa][MS-FSCC:2.4.11.2]") {
  World world;
  const OpenRequest a = world.Request();
  const OpenRequest b = world.Request();
  world.MustOpen(a);
  world.MustOpen(b);
  CHECK(world.Dispose(a.open, true, true).ok());
  const CloseResult closed = world.Close(a.open);
  REQUIRE(closed.delete_now.has_value());
  CHECK(closed.delete_now->is_posix);
  world.files.DeleteDone({.file = Key(1), .stream = "", .is_deleted = true}, &world.effects);
  CHECK_FALSE(world.Close(b.open).delete_now.has_value());
}

TEST_CASE("delete: an open stream keeps the file, and opens of its streams are refused too",
          "[unit][fsa][MS-FSA:2.1.5.4]") {
  World world;
  OpenRequest stream = world.Request();
  stream.stream = "s";
  const OpenRequest main = world.Request();
  world.MustOpen(stream);
  world.MustOpen(main);
  CHECK(world.Dispose(main.open, true).ok());
  CHECK_FALSE(world.Close(main.open).delete_now.has_value());
  OpenRequest other = world.Request();
  other.stream = "t";
  CHECK(world.Refusal(other) == NtStatus::kDeletePending);
  const CloseResult closed = world.Close(stream.open);
  REQUIRE(closed.delete_now.has_value());
  CHECK(closed.delete_now->stream.empty());
}

TEST_CASE("delete: a stream goes alone", "[unit][fsa]") {
  World world;
  OpenRequest stream = world.Request();
  stream.stream = "s";
  const OpenRequest main = world.Request();
  world.MustOpen(stream);
  world.MustOpen(main);
  CHECK(world.Dispose(stream.open, true).ok());
  world.MustOpen(world.Request());
  const CloseResult closed = world.Close(stream.open);
  REQUIRE(closed.delete_now.has_value());
  CHECK(closed.delete_now->stream == "s");
}

TEST_CASE("delete: a stream that waited for its own delete goes with the file", "[unit][fsa]") {
  World world;
  OpenRequest stream = world.Request();
  stream.stream = "s";
  const OpenRequest main = world.Request();
  world.MustOpen(stream);
  world.MustOpen(main);
  CHECK(world.Dispose(stream.open, true).ok());
  CHECK(world.Dispose(main.open, true).ok());
  CHECK_FALSE(world.Close(main.open).delete_now.has_value());
  CHECK(world.Close(stream.open).delete_now->stream.empty());
  world.files.DeleteDone({.file = Key(1), .stream = "", .is_deleted = true}, &world.effects);
  CHECK(world.files.counters().files == 0);
}

TEST_CASE("delete: an open that outlived its name deletes nobody else's file", "[unit][fsa]") {
  World world;
  const OpenRequest a = world.Request();
  const OpenRequest b = world.Request();
  world.MustOpen(a);
  world.MustOpen(b);
  CHECK(world.Dispose(a.open, true, true).ok());
  REQUIRE(world.Close(a.open).delete_now.has_value());
  world.files.DeleteDone({.file = Key(1), .stream = "", .is_deleted = true}, &world.effects);
  CHECK(world.Dispose(b.open, true).ok());
  CHECK_FALSE(world.Close(b.open).delete_now.has_value());
}

TEST_CASE("delete: opens wait while the file is removed, and then look the name up again",
          "[unit][fsa]") {
  World world;
  const OpenRequest a = world.Request();
  world.MustOpen(a);
  CHECK(world.Dispose(a.open, true).ok());
  REQUIRE(world.Close(a.open).delete_now.has_value());
  const OpenRequest b = world.Request();
  CHECK_FALSE(world.Open(b).has_value());
  const bool is_deleted = GENERATE(true, false);
  world.files.DeleteDone({.file = Key(1), .stream = "", .is_deleted = is_deleted},
                         &world.effects);
  const auto completed = world.Completed(b.open);
  REQUIRE(completed.has_value());
  CHECK(completed->result.status() ==
        (is_deleted ? NtStatus::kFileDeleted : NtStatus::kSuccess));
  CHECK(world.files.counters().files == (is_deleted ? 0 : 1));
}

TEST_CASE("delete: another name of the same file stays open to all", "[unit][fsa]") {
  World world;
  const OpenRequest a = world.Request();
  world.MustOpen(a);
  CHECK(world.Dispose(a.open, true).ok());
  OpenRequest link = world.Request();
  link.path = "/share/link";
  world.MustOpen(link);
  CHECK(world.Close(a.open).delete_now.has_value());
}

TEST_CASE("rename: needs everybody to share deletion, and no open below a directory",
          "[unit][fsa][MS-FSA:2.1.5.14.11]") {
  World world;
  OpenRequest directory = world.Request(1);
  directory.is_directory = true;
  directory.path = "/share/d";
  world.MustOpen(directory);
  OpenRequest file = world.Request(2);
  file.path = "/share/d/f";
  world.MustOpen(file);
  CHECK(world.files.CheckRename(directory.open) == NtStatus::kAccessDenied);
  CHECK(world.files.CheckRename(file.open).ok());
  OpenRequest denier = world.Request(2);
  denier.access = kFileReadData;
  denier.share_access = Share("RW");
  CHECK(world.Refusal(denier) == NtStatus::kSharingViolation);
  world.Close(file.open);
  world.MustOpen(denier);
  OpenRequest mover = world.Request(2);
  mover.access = kFileReadAttributes;
  world.MustOpen(mover);
  CHECK(world.files.CheckRename(mover.open) == NtStatus::kSharingViolation);
  CHECK(world.files.CheckReplace(Key(2)) == NtStatus::kAccessDenied);
  world.Close(denier.open);
  world.Close(mover.open);
  CHECK(world.files.CheckRename(directory.open).ok());
  CHECK(world.files.CheckReplace(Key(2)).ok());
}

TEST_CASE("rename: open paths below a directory follow it", "[unit][fsa]") {
  World world;
  OpenRequest file = world.Request(2);
  file.path = "/share/d/f";
  world.MustOpen(file);
  world.files.Renamed({.file = Key(1), .old_path = "/share/d", .new_path = "/share/e",
                       .is_directory = true});
  CHECK(world.Dispose(file.open, true).ok());
  CHECK(world.Close(file.open).delete_now->path == "/share/e/f");
}

}  // namespace
}  // namespace continuo::fsa
