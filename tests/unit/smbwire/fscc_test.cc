// Goal: [MS-FSCC] structures as clients read them, and lists that keep to the output buffer.
#include <algorithm>

#include <catch2/catch.hpp>

#include "common/bytes/byte_reader.h"
#include "common/smbwire/change_notify.h"
#include "common/smbwire/client_messages.h"
#include "common/smbwire/fscc.h"
#include "common/smbwire/fscc_directory.h"
#include "common/smbwire/fscc_ea.h"
#include "common/smbwire/fscc_volume.h"
#include "tests/unit/smbwire/golden.h"

namespace continuo::smbwire {
namespace {

using bytes::ByteReader;
using bytes::ByteWriter;

TEST_CASE("FileAllInformation: smbd's bytes from the values in them",
          "[unit][smbwire][MS-FSCC:2.4.2]") {
  const Bytes message = Golden("query_info_all_response");
  const auto captured = DecodeOutputBufferResponse(message);
  REQUIRE(captured.ok());
  const Bytes name = Utf16("\\a.bin");
  FileAllInformation info;
  info.basic.creation_time = FileTime{0x01DD799B81021863};
  info.basic.last_access_time = FileTime{0x01DD799B81021863};
  info.basic.last_write_time = FileTime{0x01DD799B81026357};
  info.basic.change_time = FileTime{0x01DD799B81026357};
  info.basic.file_attributes = 0x20;
  info.standard.allocation_size_bytes = 4096;
  info.standard.end_of_file = 3000;
  info.standard.link_count = 1;
  info.file_id = ByteReader(captured->subspan(64)).U64();
  info.access = 0x00120089;
  info.mode = ByteReader(captured->subspan(88)).U32();
  info.name_utf16le = name;
  info.ea_size_bytes = 0;
  ByteWriter out;
  CHECK(EncodeFileAllInformation(info, 65536, out));
  CHECK(out.size() == captured->size());
  // All but AccessFlags, PositionInformation and Mode, which depend on the open.
  CHECK(std::ranges::equal(out.view().first(72), captured->first(72)));
  CHECK(std::ranges::equal(out.view().subspan(96), captured->subspan(96)));

  ByteWriter cut;
  CHECK_FALSE(EncodeFileAllInformation(info, kFileAllInformationFixedSizeBytes + 5, cut));
  CHECK(cut.size() == kFileAllInformationFixedSizeBytes + 4);  // Whole UTF-16 units.
}

TEST_CASE("directory list: smbd's entries have our offsets", "[unit][smbwire][MS-FSCC:2.4.17]") {
  const Bytes request_message = Golden("query_directory_request");
  const auto request = DecodeQueryDirectoryRequest(request_message);
  REQUIRE(request.ok());
  CHECK(request->info_class == kFileIdBothDirectoryInformation);
  const Bytes message = Golden("query_directory_response");
  const auto list = DecodeOutputBufferResponse(message);
  REQUIRE(list.ok());

  // Reads the captured entries at the places of the specification and builds them again.
  ByteWriter out;
  DirectoryListBuilder builder(kFileIdBothDirectoryInformation, 65536, out);
  std::span<const uint8_t> rest = *list;
  while (true) {
    ByteReader in(rest);
    const uint32_t next = in.U32();
    DirectoryEntry entry;
    entry.file_index = in.U32();
    entry.creation_time = FileTime{static_cast<int64_t>(in.U64())};
    entry.last_access_time = FileTime{static_cast<int64_t>(in.U64())};
    entry.last_write_time = FileTime{static_cast<int64_t>(in.U64())};
    entry.change_time = FileTime{static_cast<int64_t>(in.U64())};
    entry.end_of_file = in.U64();
    entry.allocation_size_bytes = in.U64();
    entry.file_attributes = in.U32();
    const uint32_t name_size_bytes = in.U32();
    entry.ea_size_bytes = in.U32();
    const uint8_t short_name_size_bytes = in.U8();
    in.Skip(1);
    entry.short_name_utf16le = in.Span(24).first(short_name_size_bytes);
    in.Skip(2);
    entry.file_id = in.U64();
    entry.name_utf16le = in.Span(name_size_bytes);
    REQUIRE(in.ok());
    REQUIRE(builder.Add(entry));
    if (next == 0) break;
    rest = rest.subspan(next);
  }
  CHECK(builder.count() >= 2);
  REQUIRE(list->size() >= out.size());
  CHECK(list->size() - out.size() < 8);  // smbd pads behind the last entry.
  CHECK(std::ranges::equal(out.view(), list->first(out.size())));
}

TEST_CASE("directory list: an entry that does not fit changes nothing", "[unit][smbwire]") {
  const Bytes name = Utf16("abc");
  DirectoryEntry entry;
  entry.name_utf16le = name;
  for (const uint8_t info_class :
       {kFileDirectoryInformation, kFileFullDirectoryInformation, kFileBothDirectoryInformation,
        kFileIdBothDirectoryInformation, kFileIdFullDirectoryInformation, kFileNamesInformation,
        kFileIdExtdDirectoryInformation, kFilePosixInformation}) {
    CAPTURE(info_class);
    const size_t one = *DirectoryEntryFixedSizeBytes(info_class) + name.size();
    const size_t padded = (one + 7) / 8 * 8;
    ByteWriter out;
    out.U32(0xDDDDDDDD);  // The list need not start at the buffer's start.
    DirectoryListBuilder builder(info_class, padded + one, out);
    CHECK(builder.Add(entry));
    CHECK(out.size() == 4 + one);
    CHECK(builder.Add(entry));
    CHECK(out.size() == 4 + padded + one);
    CHECK_FALSE(builder.Add(entry));
    CHECK(out.size() == 4 + padded + one);
    CHECK(ByteReader(out.view().subspan(4)).U32() == padded);
    CHECK(ByteReader(out.view().subspan(4 + padded)).U32() == 0);

    ByteWriter small;
    DirectoryListBuilder none(info_class, one - 1, small);
    CHECK_FALSE(none.Add(entry));
    CHECK(small.size() == 0);
  }
  CHECK_FALSE(DirectoryEntryFixedSizeBytes(kFileBasicInformation));
}

TEST_CASE("EA list: hostile lists are STATUS_EA_LIST_INCONSISTENT or INVALID_EA_NAME",
          "[unit][smbwire][MS-FSCC:2.4.15]") {
  const auto entry = [](uint32_t next, uint8_t name_size, uint16_t value_size, const char* text,
                        size_t text_size) {
    ByteWriter out;
    out.U32(next);
    out.U8(0);
    out.U8(name_size);
    out.U16(value_size);
    for (size_t i = 0; i < text_size; ++i) out.U8(static_cast<uint8_t>(text[i]));
    return std::move(out).Take();
  };
  REQUIRE(DecodeFullEaList(entry(0, 1, 1, "a\0v", 3)).ok());
  REQUIRE(DecodeFullEaList({}).ok());
  CHECK(DecodeFullEaList(entry(0, 1, 2, "a\0v", 3)).status() == NtStatus::kEaListInconsistent);
  CHECK(DecodeFullEaList(entry(4, 1, 1, "a\0v", 3)).status() == NtStatus::kEaListInconsistent);
  CHECK(DecodeFullEaList(entry(10, 1, 1, "a\0v", 3)).status() == NtStatus::kEaListInconsistent);
  CHECK(DecodeFullEaList(entry(12, 1, 1, "a\0v\0", 4)).status() == NtStatus::kEaListInconsistent);
  CHECK(DecodeFullEaList(entry(0xFFFFFFFC, 1, 1, "a\0v", 3)).status() ==
        NtStatus::kEaListInconsistent);
  CHECK(DecodeFullEaList(entry(0, 0, 0, "\0", 1)).status() == NtStatus::kInvalidEaName);
  CHECK(DecodeFullEaList(entry(0, 1, 0, "ab", 2)).status() == NtStatus::kInvalidEaName);
  CHECK(DecodeFullEaList(entry(0, 1, 0, "*\0", 2)).status() == NtStatus::kInvalidEaName);
  CHECK(DecodeFullEaList(entry(0, 1, 0, "\x01\0", 2)).status() == NtStatus::kInvalidEaName);

  const Bytes ea_message = Golden("query_info_ea_request");
  const auto request = DecodeQueryInfoRequest(ea_message);
  REQUIRE(request.ok());
  CHECK(request->info_class == kFileFullEaInformation);
}

TEST_CASE("EA list: what the builder writes is read back", "[unit][smbwire]") {
  const Bytes name = {'n', 'a', 'm', 'e'};
  const Bytes value = {1, 2, 3};
  ByteWriter out;
  EaListBuilder builder(63, out);
  CHECK(builder.Add({0, name, value}));
  CHECK(builder.Add({kEaFlagNeedEa, name, value}));
  CHECK(builder.Add({0, name, {}}));
  CHECK_FALSE(builder.Add({0, name, value}));
  const auto list = DecodeFullEaList(out.view());
  REQUIRE(list.ok());
  REQUIRE(list->size() == 3);
  CHECK((*list)[1].flags == kEaFlagNeedEa);
  CHECK(std::ranges::equal((*list)[1].value, value));
  CHECK((*list)[2].value.empty());
}

TEST_CASE("rename: captured, and names that lie", "[unit][smbwire][MS-FSCC:2.4.42.2]") {
  const Bytes message = Golden("set_info_rename_request");
  const auto request = DecodeSetInfoRequest(message);
  REQUIRE(request.ok());
  const auto rename = DecodeFileRenameInformation(request->buffer);
  REQUIRE(rename.ok());
  CHECK(Bytes(rename->name_utf16le.begin(), rename->name_utf16le.end()) == Utf16("b.bin"));
  CHECK(rename->root_directory == 0);

  Bytes buffer(request->buffer.begin(), request->buffer.end());
  CHECK(DecodeFileRenameInformation(std::span(buffer).first(19)).status() ==
        NtStatus::kInfoLengthMismatch);
  for (const uint32_t size : {0u, 3u, 0x1000u, 0xFFFFFFFEu}) {
    CAPTURE(size);
    bytes::StoreU32(buffer, 16, size);
    CHECK(DecodeFileRenameInformation(buffer).status() == NtStatus::kInvalidParameter);
  }
}

TEST_CASE("FileBasicInformation: special times pass, others below zero do not",
          "[unit][smbwire][MS-FSCC:2.4.7]") {
  FileBasicInformation info;
  info.creation_time = kFileTimeFreeze;
  info.last_write_time = kFileTimeThaw;
  info.file_attributes = 0x20;
  ByteWriter out;
  EncodeFileBasicInformation(info, out);
  Bytes buffer(out.view().begin(), out.view().end());
  const auto again = DecodeFileBasicInformation(buffer);
  REQUIRE(again.ok());
  CHECK(again->creation_time == kFileTimeFreeze);
  CHECK(again->last_write_time == kFileTimeThaw);
  CHECK(DecodeFileBasicInformation(std::span(buffer).first(39)).status() ==
        NtStatus::kInfoLengthMismatch);
  bytes::StoreU64(buffer, 0, static_cast<uint64_t>(-3));
  CHECK(DecodeFileBasicInformation(buffer).status() == NtStatus::kInvalidParameter);
}

TEST_CASE("FILETIME: known instants and the ends of its range", "[unit][smbwire][MS-DTYP:2.3.3]") {
  CHECK(ToFileTime(absl::FromUnixSeconds(0)).ticks == 116444736000000000);
  CHECK(FromFileTime(FileTime{116444736000000000}) == absl::FromUnixSeconds(0));
  const absl::Time odd = absl::FromUnixNanos(1700000000123456789);
  CHECK(FromFileTime(ToFileTime(odd)) == absl::FromUnixNanos(1700000000123456700));
  CHECK(ToFileTime(absl::InfinitePast()).ticks == 0);
  CHECK(ToFileTime(absl::InfiniteFuture()).ticks == INT64_MAX);
  CHECK(ToFileTime(absl::FromUnixNanos(-1)).ticks == 116444735999999999);
}

TEST_CASE("notify list: entries keep to the limit", "[unit][smbwire][MS-FSCC:2.7.1]") {
  const Bytes name = Utf16("abc");
  ByteWriter out;
  NotifyListBuilder builder(20 + 18, out);
  CHECK(builder.Add(kNotifyActionAdded, name));
  CHECK(builder.Add(kNotifyActionModified, name));
  CHECK_FALSE(builder.Add(kNotifyActionRemoved, name));
  CHECK(out.size() == 38);
  CHECK(ByteReader(out.view()).U32() == 20);
  CHECK(ByteReader(out.view().subspan(20)).U32() == 0);
}

TEST_CASE("file-system classes have their sizes", "[unit][smbwire][MS-FSCC:2.5]") {
  const auto size_of = [](auto encode) {
    ByteWriter out;
    encode(out);
    return out.size();
  };
  CHECK(size_of([](ByteWriter& o) { EncodeFsSizeInformation({}, o); }) == 24);
  CHECK(size_of([](ByteWriter& o) { EncodeFsFullSizeInformation({}, o); }) == 32);
  CHECK(size_of([](ByteWriter& o) { EncodeFsControlInformation({}, o); }) == 48);
  CHECK(size_of([](ByteWriter& o) { EncodeFsSectorSizeInformation({}, o); }) == 28);
  CHECK(size_of([](ByteWriter& o) { EncodeFsPosixInformation({}, o); }) == 56);
  CHECK(size_of([](ByteWriter& o) { EncodeFileNetworkOpenInformation({}, o); }) == 56);
  CHECK(size_of([](ByteWriter& o) { (void)EncodeFsVolumeInformation({}, 18, o); }) == 18);
  CHECK(size_of([](ByteWriter& o) { (void)EncodeFsAttributeInformation({}, 12, o); }) == 12);
}

}  // namespace
}  // namespace continuo::smbwire
