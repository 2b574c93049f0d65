// Goal: what a marked CREATE makes is complete before it has a name, and says who made it.
#include "services/smb-frontend/vfs/create_mark.h"

#include <catch2/catch.hpp>

#include <sys/xattr.h>

#include "tests/unit/vfs/temp_share.h"

namespace continuo::vfs {
namespace {

using test::TempShare;

CreateMark MakeMark() {
  CreateMark mark;
  mark.create_guid.fill(0xC1);
  mark.client_guid.fill(0xC2);
  return mark;
}

TEST_CASE("create mark: a new file has mark, attributes and EAs from its first moment",
          "[unit][vfs]") {
  const TempShare share;
  const std::vector<ExtendedAttribute> eas = {{.name = "colour", .value = {'r', 'e', 'd'}}};
  CreateSpec spec;
  spec.attributes = kAttributeHidden;
  spec.mark = MakeMark();
  spec.eas = eas;
  const auto made = share.Make("new.txt", spec);
  const auto mark = ReadCreateMark(*made);
  REQUIRE(mark);
  CHECK(mark->create_guid == spec.mark->create_guid);
  CHECK(mark->client_guid == spec.mark->client_guid);
  CHECK(mark->stage == MarkStage::kMade);
  CHECK(made->stat.link_count == 1);
  const Found found = share.Find("NEW.TXT");
  REQUIRE(found.file != nullptr);
  CHECK(found.file->key == made->key);
  CHECK((found.file->Attributes() & kAttributeHidden) != 0);
  const auto listed = share.vfs().ListEas(*found.file);
  REQUIRE(listed.ok());
  REQUIRE(listed->size() == 1);
  CHECK(listed->front().name == "colour");
}

TEST_CASE("create mark: a name that is taken stays what it was", "[unit][vfs]") {
  const TempShare share;
  const Found found = share.Find("taken.txt");
  share.Put("taken.txt", "old");
  CreateSpec spec;
  spec.mark = MakeMark();
  const auto made = share.vfs().CreateFile(*found.parent, "taken.txt", spec);
  CHECK(made.status() == NtStatus::kObjectNameCollision);
  const Found old = share.Find("taken.txt");
  CHECK(old.file->stat.size_bytes == 3);
  CHECK_FALSE(ReadCreateMark(*old.file));
}

TEST_CASE("create mark: stages are read back, what is no mark is none, and it can go",
          "[unit][vfs]") {
  const TempShare share;
  const auto file = share.Make("f");
  CHECK_FALSE(ReadCreateMark(*file));
  CreateMark mark = MakeMark();
  for (const MarkStage stage : {MarkStage::kMade, MarkStage::kMakingStream, MarkStage::kOverwriting,
                                MarkStage::kOverwritten}) {
    mark.stage = stage;
    REQUIRE(WriteCreateMark(*file, mark).ok());
    const auto read = ReadCreateMark(*file);
    REQUIRE(read);
    CHECK(read->stage == stage);
  }
  RemoveCreateMark(*file);
  CHECK_FALSE(ReadCreateMark(*file));
  struct Case {
    const char* why;
    std::string value;
  };
  const std::string guids(32, 'g');
  for (const Case& c : {Case{"of another version", "\x02\x01" + guids},
                        Case{"of no stage", std::string("\x01\x00", 2) + guids},
                        Case{"of a stage to come", "\x01\x05" + guids},
                        Case{"too short", "\x01\x01" + guids.substr(1)},
                        Case{"too long", "\x01\x01" + guids + "g"}, Case{"empty", ""}}) {
    CAPTURE(c.why);
    REQUIRE(::setxattr(share.Path("f").c_str(), "user.continuo.create", c.value.data(),
                       c.value.size(), 0) == 0);
    CHECK_FALSE(ReadCreateMark(*file));
  }
}

}  // namespace
}  // namespace continuo::vfs
