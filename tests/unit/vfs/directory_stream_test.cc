// What a listing shows of each entry, and what it costs. Entries are not opened: their xattrs are
// read by name, which has to give the same as reading them from a descriptor.
#include <sys/xattr.h>

#include <filesystem>
#include <map>
#include <memory>
#include <set>

#include "common/bytes/utf16.h"
#include "services/smb-frontend/vfs/directory_stream.h"
#include "services/smb-frontend/vfs/vfs_internal.h"
#include "tests/unit/vfs/temp_share.h"

namespace continuo::vfs {
namespace {

using test::TempShare;

std::map<std::string, DirectoryEntry> Listed(const TempShare& share, bool reports_ea_size) {
  auto stream = DirectoryStream::Open(share.vfs(), share.Find("").file);
  REQUIRE(stream.ok());
  (*stream)->SetReportsEaSize(reports_ea_size);
  REQUIRE((*stream)->Restart("*", EntryDetail::kFull).ok());
  std::map<std::string, DirectoryEntry> entries;
  while (const DirectoryEntry* entry = (*stream)->Peek()) {
    entries[entry->name] = *entry;
    (*stream)->Advance();
  }
  REQUIRE((*stream)->status().ok());
  return entries;
}

}  // namespace

TEST_CASE("listing: attributes, creation time and EA size as the open file has them",
          "[unit][vfs]") {
  const TempShare share;
  CreateSpec hidden;
  hidden.attributes = kAttributeHidden | kAttributeArchive;
  const auto with_ea = share.Make("with-ea.dat", hidden);
  const Bytes value(3000, 7);
  const bool is_large_stored = share.vfs().SetEa(*with_ea, "Large", value).ok();
  REQUIRE(share.vfs().SetEa(*with_ea, "Small", Bytes{1, 2, 3}).ok());
  share.Put("foreign.dat");
  std::filesystem::create_symlink("with-ea.dat", share.Path("link"));
  std::filesystem::create_symlink("../../etc/passwd", share.Path("outward"));

  const bool reports_ea_size = GENERATE(false, true);
  CAPTURE(reports_ea_size);
  const auto entries = Listed(share, reports_ea_size);
  CHECK(entries.count("outward") == 0);
  const uint32_t ea_size = *share.vfs().EaSizeBytes(*with_ea);
  CHECK(ea_size == 4 + 5 + 5 + 3 + (is_large_stored ? 5 + 5 + 3000 : 0));
  for (const char* name : {"with-ea.dat", "link"}) {  // A link shows what it leads to.
    CAPTURE(name);
    REQUIRE(entries.count(name) == 1);
    const DirectoryEntry& entry = entries.at(name);
    CHECK(entry.attributes == (kAttributeHidden | kAttributeArchive));
    CHECK(entry.creation_time == with_ea->CreationTime());
    CHECK(entry.file_id == with_ea->stat.inode);
    CHECK(entry.ea_size_bytes == (reports_ea_size ? ea_size : 0));
  }
  REQUIRE(entries.count("foreign.dat") == 1);
  CHECK(entries.at("foreign.dat").attributes == kAttributeNormal);
  CHECK(entries.at("foreign.dat").ea_size_bytes == 0);
}

TEST_CASE("listing: an entry without xattrs costs no open and no read of one", "[unit][vfs]") {
  const TempShare share;
  for (int i = 0; i < 100; ++i) share.Put("f" + std::to_string(i));
  const VfsCounters& counters = share.root().counters();
  const uint64_t opened = counters.openat2;
  const uint64_t read = counters.getxattr;
  CHECK(Listed(share, true).size() == 102);
  // What opening the directory itself costs.
  CHECK(counters.openat2 - opened <= 4);
  CHECK(counters.getxattr - read <= 4);
}

TEST_CASE("listing: a pattern without wildcards finds its name, however long and in any script",
          "[unit][vfs][MS-FSA:2.1.4.4]") {
  // 15 and 18 bytes: a std::string holds the one in itself, the other in memory that a caller
  // may have freed since.
  const std::string name = GENERATE(as<std::string>(), "a", "Größe-京.txt", "Größe-東京.txt",
                                    std::string(200, 'n'), "東京 大阪 名古屋 札幌 福岡.txt");
  CAPTURE(name);
  const TempShare share;
  share.Put(name);
  share.Put(name + "2");
  auto stream = DirectoryStream::Open(share.vfs(), share.Find("").file);
  REQUIRE(stream.ok());
  auto pattern = std::make_unique<std::string>(bytes::FoldName(name));
  REQUIRE((*stream)->Restart(*pattern, EntryDetail::kFull).ok());
  pattern->assign(pattern->size(), '#');
  pattern.reset();
  for (int round = 0; round < 2; ++round) {  // A restart without a pattern keeps the one in force.
    const DirectoryEntry* entry = (*stream)->Peek();
    REQUIRE(entry != nullptr);
    CHECK(entry->name == name);
    (*stream)->Advance();
    CHECK((*stream)->Peek() == nullptr);
    REQUIRE((*stream)->Restart().ok());
  }
}

TEST_CASE("listing: an empty pattern is every name", "[unit][vfs]") {
  const TempShare share;
  share.Put("one");
  auto stream = DirectoryStream::Open(share.vfs(), share.Find("").file);
  REQUIRE(stream.ok());
  REQUIRE((*stream)->Restart("", EntryDetail::kNamesOnly).ok());
  std::set<std::string> names;
  while (const DirectoryEntry* entry = (*stream)->Peek()) {
    names.insert(entry->name);
    (*stream)->Advance();
  }
  CHECK(names == std::set<std::string>{".", "..", "one"});
}

TEST_CASE("xattrs by name: as by descriptor, long lists too, and of a link itself",
          "[unit][vfs]") {
  const TempShare share;
  share.Put("f");
  std::set<std::string> expected;
  for (int i = 0; i < 12; ++i) {  // More than fits into the first try.
    const std::string name = "user." + std::string(120, 'n') + std::to_string(i);
    REQUIRE(::setxattr(share.Path("f").c_str(), name.c_str(), "v", 1, 0) == 0);
    expected.insert(name);
  }
  std::filesystem::create_symlink("f", share.Path("link"));
  const auto directory = share.Find("").file;
  const XattrTarget file{.fd = directory->fd.get(), .leaf = "f"};
  std::vector<std::string> names;
  REQUIRE(ListXattrs(file, names) == 0);
  CHECK(std::set<std::string>(names.begin(), names.end()) == expected);
  Bytes value;
  REQUIRE(ReadXattr(file, expected.begin()->c_str(), value) == 0);
  CHECK(value == Bytes{'v'});
  CHECK(XattrSize(file, expected.begin()->c_str()) == 1);
  REQUIRE(ListXattrs({.fd = directory->fd.get(), .leaf = "link"}, names) == 0);
  CHECK(names.empty());
  CHECK(ListXattrs({.fd = directory->fd.get(), .leaf = "none"}, names) == ENOENT);
}

}  // namespace continuo::vfs
