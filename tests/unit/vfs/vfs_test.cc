// The VFS on a real directory.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include "common/security/sddl.h"
#include "services/smb-frontend/vfs/directory_stream.h"
#include "services/smb-frontend/vfs/watch.h"
#include "tests/unit/vfs/temp_share.h"

namespace continuo::vfs {
namespace {

using test::TempShare;

std::set<std::string> List(const TempShare& share, const std::string& directory,
                           const std::string& pattern) {
  auto stream = DirectoryStream::Open(share.vfs(), share.Find(directory).file);
  REQUIRE(stream.ok());
  REQUIRE((*stream)->Restart(pattern, EntryDetail::kFull).ok());
  std::set<std::string> names;
  while (const DirectoryEntry* entry = (*stream)->Peek()) {
    names.insert(entry->name);
    (*stream)->Advance();
  }
  REQUIRE((*stream)->status().ok());
  return names;
}

uint64_t Calls(const VfsCounters& c) {
  return c.openat2 + c.statx + c.getxattr + c.name_to_handle + c.getdents;
}

}  // namespace

TEST_CASE("open: an existing file by its name costs at most six system calls", "[unit][vfs]") {
  const TempShare share;
  std::filesystem::create_directories(share.Path("a/b"));
  (void)share.Make("a\\b\\c.txt");
  const uint64_t before = Calls(share.root().counters());
  const Found found = share.Find("a\\b\\c.txt");
  REQUIRE(found.file != nullptr);
  CHECK(Calls(share.root().counters()) - before <= 6);
  CHECK(found.file->path == "a/b/c.txt");
  CHECK(found.file->security != nullptr);
}

TEST_CASE("lookup: case-insensitive and case-preserving, the exact name first", "[unit][vfs]") {
  const TempShare share;
  std::filesystem::create_directory(share.Path("Dir"));
  share.Put("Dir/File.TXT", "upper");
  CHECK(share.Find("dIR\\fILE.txt").file->path == "Dir/File.TXT");
  share.Put("Dir/file.txt", "lower");
  CHECK(share.Find("Dir\\file.txt").file->path == "Dir/file.txt");
  CHECK(share.FindStatus("none\\file.txt") == NtStatus::kObjectPathNotFound);
  CHECK(share.FindStatus("Dir\\File.TXT\\x") == NtStatus::kObjectPathNotFound);
  const Found missing = share.Find("dir\\New");
  CHECK(missing.file == nullptr);
  CHECK(missing.parent->path == "Dir");
  CHECK(missing.leaf == "New");
}

TEST_CASE("lookup: misses in a large directory do not scan it again, creations included",
          "[unit][vfs]") {
  const TempShare share;
  std::filesystem::create_directory(share.Path("big"));
  for (int i = 0; i < 20000; ++i) {
    const std::string path = share.Path("big/n" + std::to_string(i));
    ::close(::open(path.c_str(), O_CREAT | O_WRONLY, 0644));
  }
  CHECK(share.Find("big\\missing").file == nullptr);
  const VfsCounters& counters = share.root().counters();
  const uint64_t scans = counters.getdents;
  CHECK(counters.index_builds == 1);
  for (int i = 0; i < 200; ++i) {
    (void)share.Make("big\\New" + std::to_string(i));
    REQUIRE(share.Find("BIG\\NEW" + std::to_string(i)).file != nullptr);
  }
  CHECK(share.Find("big\\N77").file->path == "big/n77");
  // "BIG" made one scan of the share's root, of two calls.
  CHECK(counters.index_builds == 2);
  CHECK(counters.getdents == scans + 2);
  share.Put("big/Foreign");
  CHECK(share.Find("big\\FOREIGN").file->path == "big/Foreign");
}

TEST_CASE("resolution: links that leave the share are refused, others followed",
          "[unit][vfs][hostile-24]") {
  const TempShare share;
  share.Put("inside.txt");
  std::filesystem::create_directory(share.Path("d"));
  REQUIRE(::symlink("/etc/passwd", share.Path("absolute").c_str()) == 0);
  REQUIRE(::symlink("../../etc/passwd", share.Path("up").c_str()) == 0);
  REQUIRE(::symlink("/proc/self/root/etc", share.Path("magic").c_str()) == 0);
  REQUIRE(::symlink("../..", share.Path("d/updir").c_str()) == 0);
  REQUIRE(::symlink("../inside.txt", share.Path("d/ok").c_str()) == 0);
  CHECK(share.FindStatus("absolute") == NtStatus::kAccessDenied);
  CHECK(share.FindStatus("up") == NtStatus::kAccessDenied);
  CHECK(share.FindStatus("magic\\passwd") == NtStatus::kAccessDenied);
  CHECK(share.FindStatus("d\\updir\\etc") == NtStatus::kAccessDenied);
  CHECK(share.Find("d\\ok").file->stat.size_bytes == 1);
  CHECK(share.FindStatus(".continuo\\streams") == NtStatus::kAccessDenied);
  CHECK(List(share, "", "*") == std::set<std::string>{".", "..", "d", "inside.txt"});
}

TEST_CASE("create: exclusive, also against another case, with attributes and creation time",
          "[unit][vfs]") {
  const TempShare share;
  CreateSpec spec;
  spec.attributes = kAttributeArchive | kAttributeHidden;
  const auto file = share.Make("New.txt", spec);
  CHECK(file->Attributes() == (kAttributeArchive | kAttributeHidden));
  const Found root_of_new = share.Find("other");
  CHECK(share.vfs().CreateFile(*root_of_new.parent, "New.txt", spec).status() ==
        NtStatus::kObjectNameCollision);
  CHECK(share.vfs().CreateFile(*root_of_new.parent, "NEW.TXT", spec).status() ==
        NtStatus::kObjectNameCollision);
  const auto again = share.Find("new.TXT").file;
  CHECK(again->Attributes() == (kAttributeArchive | kAttributeHidden));
  CHECK(again->key == file->key);
  CHECK(share.vfs().SetTimes(*again, {.creation = 130000000000000000u, .access = {},
                                      .write = 131000000000000000u}).ok());
  const auto third = share.Find("new.txt").file;
  CHECK(third->CreationTime() == 130000000000000000u);
  CHECK(third->stat.write_time == 131000000000000000u);
}

TEST_CASE("remove and rename: only what the open refers to", "[unit][vfs]") {
  const TempShare share;
  const auto first = share.Make("a");
  std::filesystem::remove(share.Path("a"));
  share.Put("a", "another");
  CHECK(share.vfs().Remove(*first) == NtStatus::kObjectNameNotFound);
  CHECK(std::filesystem::exists(share.Path("a")));
  const auto file = share.Find("a").file;
  const auto root_directory = share.vfs().OpenParent("a");
  REQUIRE(root_directory.ok());
  CHECK(share.vfs().Rename(*file, **root_directory, "A", ReplaceMode::kRefuseExisting).ok());
  CHECK(file->path == "A");
  CHECK(List(share, "", "*") == std::set<std::string>{".", "..", "A"});
  share.Put("Taken", "t");
  CHECK(share.vfs().Rename(*file, **root_directory, "taken", ReplaceMode::kRefuseExisting) ==
        NtStatus::kObjectNameCollision);
  CHECK(share.vfs().Rename(*file, **root_directory, "taken", ReplaceMode::kReplaceExisting).ok());
  CHECK(List(share, "", "*") == std::set<std::string>{".", "..", "taken"});
  CHECK(share.Find("TAKEN").file->stat.size_bytes == 7);
  CHECK(share.vfs().Remove(*share.Find("taken").file).ok());
  CHECK(List(share, "", "*") == std::set<std::string>{".", ".."});
}

TEST_CASE("security: stored descriptors come back; a foreign chmod overrules them", "[unit][vfs]") {
  const TempShare share;
  const auto file = share.Make("f");
  CHECK_FALSE(file->has_stored_security);
  const auto sd = security::ParseSddl("O:BAG:SYD:(A;;FR;;;WD)", {});
  REQUIRE(sd.ok());
  REQUIRE(share.vfs().SetSecurity(*file, std::make_shared<security::SecurityDescriptor>(*sd)).ok());
  auto again = share.Find("f").file;
  CHECK(again->has_stored_security);
  CHECK(*again->security == *sd);
  REQUIRE(::chmod(share.Path("f").c_str(), 0600) == 0);
  again = share.Find("f").file;
  CHECK_FALSE(again->has_stored_security);
}

TEST_CASE("security: a descriptor that does not fit is refused and leaves the old one",
          "[unit][vfs]") {
  const TempShare share;
  const auto file = share.Make("f");
  const size_t target_size = GENERATE(as<size_t>{}, 2048, 4096, 65536, 1 << 20);
  security::SecurityDescriptor sd;
  sd.owner = security::kBuiltinAdministratorsSid;
  sd.SetDacl(security::Acl());
  const auto small = std::make_shared<security::SecurityDescriptor>(sd);
  REQUIRE(share.vfs().SetSecurity(*file, small).ok());
  const size_t count = std::min<size_t>(target_size / 20, 65000 / 20);
  for (uint32_t i = 0; i < count; ++i) {
    sd.dacl->aces.push_back({.type = security::AceType::kAccessAllowed, .flags = 0, .mask = i + 1,
                             .sid = security::kEveryoneSid, .object = {}, .opaque = {}});
  }
  const auto large = std::make_shared<security::SecurityDescriptor>(sd);
  const NtStatus status = share.vfs().SetSecurity(*file, large);
  const auto now = share.Find("f").file;
  CAPTURE(target_size, status.name());
  CHECK(*now->security == (status.ok() ? *large : *small));
  if (target_size == 2048) CHECK(status.ok());
}

TEST_CASE("EAs: case-insensitive, private names hidden, removed by an empty value", "[unit][vfs]") {
  const TempShare share;
  const auto file = share.Make("f");
  const Bytes value = {1, 2, 3};
  REQUIRE(share.vfs().SetEa(*file, "Color", value).ok());
  REQUIRE(share.vfs().SetEa(*file, "COLOR", value).ok());
  auto eas = share.vfs().ListEas(*file);
  REQUIRE(eas.ok());
  REQUIRE(eas->size() == 1);
  CHECK(eas->at(0).name == "Color");
  CHECK(*share.vfs().EaSizeBytes(*file) == 4 + 5 + 5 + 3);
  CHECK(share.vfs().SetEa(*file, "DOSATTRIB", value) == NtStatus::kAccessDenied);
  CHECK(share.vfs().SetEa(*file, "a:b", value) == NtStatus::kInvalidEaName);
  REQUIRE(share.vfs().SetEa(*file, "color", {}).ok());
  CHECK(share.vfs().ListEas(*file)->empty());
}

TEST_CASE("data: zeroing, allocated ranges, copies and sizes", "[unit][vfs]") {
  const TempShare share;
  const auto file = share.Make("f");
  const Bytes data(1 << 20, 0xAB);
  REQUIRE(share.vfs().Write(*file, 0, data).ok());
  REQUIRE(share.vfs().SetSparse(*file, true).ok());
  REQUIRE(share.vfs().ZeroRange(*file, {.offset = 65536, .length = 65536}).ok());
  const auto ranges = share.vfs().AllocatedRanges(*file, {.offset = 0, .length = 1 << 20}, 16);
  REQUIRE(ranges.ok());
  REQUIRE(ranges->size() == 2);
  CHECK(ranges->at(0).length == 65536);
  CHECK(ranges->at(1).offset == 131072);
  const auto copy = share.Make("g");
  CHECK(*share.vfs().CopyRange(*file, 0, *copy, 0, 1 << 20) == 1 << 20);
  Bytes back(16);
  CHECK(*share.vfs().Read(*copy, 65536, back) == 16);
  CHECK(back == Bytes(16));
  CHECK(share.vfs().Write(*file, UINT64_MAX - 4, data).status() == NtStatus::kInvalidParameter);
  CHECK(share.vfs().SetSize(*file, uint64_t{1} << 63) == NtStatus::kInvalidParameter);
}

TEST_CASE("short names: an alias finds its file", "[unit][vfs]") {
  const TempShare share;
  share.Put("A rather long name.document");
  const std::string alias = ShortName("A rather long name.document");
  CHECK(share.Find(alias).file->path == "A rather long name.document");
}

TEST_CASE("watch: what others do in a directory arrives", "[unit][vfs]") {
  const TempShare share;
  auto hub = WatchHub::Create();
  REQUIRE(hub.ok());
  std::vector<std::string> seen;
  const auto id = (*hub)->Add(*share.Find("").file, [&](const ForeignChange& change) {
    if (change.kind == ForeignChangeKind::kAdded) seen.push_back(change.name);
  });
  REQUIRE(id.ok());
  share.Put("fresh");
  (*hub)->Dispatch();
  CHECK(seen == std::vector<std::string>{"fresh"});
  (*hub)->Remove(*id);
  share.Put("later");
  (*hub)->Dispatch();
  CHECK(seen.size() == 1);
}

}  // namespace continuo::vfs
