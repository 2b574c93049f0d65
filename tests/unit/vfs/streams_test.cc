#include <sys/xattr.h>

#include "services/smb-frontend/vfs/streams.h"
#include "tests/unit/vfs/temp_share.h"

namespace continuo::vfs {
namespace {

using test::TempShare;

Bytes Pattern(size_t size) {
  Bytes out(size);
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<uint8_t>(i * 7 + i / 251);
  return out;
}

size_t OverflowFiles(const TempShare& share) {
  const std::string path = share.Path(".continuo/streams");
  if (!std::filesystem::exists(path)) return 0;
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path), {}));
}

}  // namespace

TEST_CASE("streams: contents of every size survive rename of the file and go with it",
          "[unit][vfs]") {
  const TempShare share;
  const size_t size = GENERATE(as<size_t>{}, 0, 5, 2048, 4096, 65536, 1 << 20);
  CAPTURE(size);
  const Bytes data = Pattern(size);
  const auto file = share.Make("f");
  auto stream = OpenStream(share.vfs(), file, "Notes", StreamOpen::kCreateExclusive);
  REQUIRE(stream.ok());
  const auto written = (*stream)->Write(0, data);
  REQUIRE(written.ok());
  const auto root_directory = share.vfs().OpenParent("f");
  REQUIRE(share.vfs().Rename(*file, **root_directory, "g", ReplaceMode::kRefuseExisting).ok());
  stream->reset();
  const auto again = share.Find("g").file;
  auto reopened = OpenStream(share.vfs(), again, "NOTES", StreamOpen::kExisting);
  REQUIRE(reopened.ok());
  CHECK((*reopened)->name() == "Notes");
  Bytes back(size + 10);
  CHECK(*(*reopened)->Read(0, back) == size);
  back.resize(size);
  CHECK(back == data);
  const auto list = ListStreams(share.vfs(), *again);
  REQUIRE(list.ok());
  REQUIRE(list->size() == 2);
  CHECK(list->at(1).size_bytes == size);
  REQUIRE(share.vfs().Remove(*again).ok());
  CHECK(OverflowFiles(share) == 0);
}

TEST_CASE("streams: the xattr is the one that Samba reads", "[unit][vfs]") {
  const TempShare share;
  const auto file = share.Make("f");
  auto stream = OpenStream(share.vfs(), file, "notes", StreamOpen::kOpenOrCreate);
  REQUIRE(stream.ok());
  const Bytes data = {'h', 'i'};
  REQUIRE((*stream)->Write(0, data).ok());
  char value[16];
  REQUIRE(::getxattr(share.Path("f").c_str(), "user.DosStream.notes:$DATA", value, 16) == 3);
  CHECK(std::string(value, 3) == std::string("hi\0", 3));
  CHECK((*stream)->SetSize(1).ok());
  CHECK(*(*stream)->SizeBytes() == 1);
  CHECK((*stream)->Rename("other", ReplaceMode::kRefuseExisting).ok());
  CHECK(OpenStream(share.vfs(), file, "notes", StreamOpen::kExisting).status() ==
        NtStatus::kObjectNameNotFound);
  CHECK((*stream)->Remove().ok());
  CHECK(ListStreams(share.vfs(), *file)->size() == 1);
}

TEST_CASE("streams: overwriting the file removes them all", "[unit][vfs]") {
  const TempShare share;
  const auto file = share.Make("f");
  for (const size_t size : {size_t{10}, size_t{1} << 20}) {
    auto stream = OpenStream(share.vfs(), file, "s" + std::to_string(size),
                             StreamOpen::kCreateExclusive);
    REQUIRE(stream.ok());
    REQUIRE((*stream)->Write(0, Pattern(size)).ok());
  }
  REQUIRE(OverflowFiles(share) == 1);
  REQUIRE(share.vfs().ResetForOverwrite(*file, {}).ok());
  CHECK(ListStreams(share.vfs(), *file)->size() == 1);
  CHECK(OverflowFiles(share) == 0);
}

}  // namespace continuo::vfs
