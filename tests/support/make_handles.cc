// Puts records of persistent handles into the store of a group that does not run, as if clients had
// opened files by the thousand: for tests of a start with many of them.
//
//   make_handles --ca-path DIR --share NAME --path DIR --handles N
//                [--expired N] [--corrupt N] [--foreign N] [--gone N]
//
// Each handle has an own file below PATH/many, a lease, and one in ten a lock. Of the first ones some are
// special: they waited too long, are no records at all, name another file system, or their file is gone.
// Exit codes: 0 done, 1 said why not.
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <CLI/CLI.hpp>
#include <absl/strings/str_format.h>
#include <absl/time/clock.h>

#include "common/bytes/byte_writer.h"
#include "common/security/sid.h"
#include "services/ca-store-service/records/record_codec.h"
#include "services/ca-store-service/store/database.h"
#include "services/ca-store-service/store/incarnation.h"
#include "services/smb-frontend/vfs/vfs.h"

namespace continuo {
namespace {

constexpr uint64_t kFirstId = uint64_t{1} << 52;  // Far from what a service gives out.
constexpr size_t kFilesPerDirectory = 1000;
constexpr size_t kBatchMax = 4096;
constexpr uint32_t kAccess = 0x0012019F;

struct Arguments {
  std::string ca_path;
  std::string share;
  std::string path;
  size_t handles = 0;
  size_t expired = 0;
  size_t corrupt = 0;
  size_t foreign = 0;
  size_t gone = 0;
};

std::string IdKey(char prefix, uint64_t id) {
  std::string key(1, prefix);
  for (int shift = 56; shift >= 0; shift -= 8) key.push_back(static_cast<char>((id >> shift) & 0xFF));
  return key;
}

fsa::Guid GuidOf(uint64_t number, uint8_t kind) {
  fsa::Guid guid{};
  guid[0] = kind;
  for (size_t i = 0; i < sizeof(number); ++i) guid[8 + i] = static_cast<uint8_t>(number >> (8 * i));
  return guid;
}

Bytes OwnerSid() {
  bytes::ByteWriter out;
  security::Sid::Parse("S-1-5-21-1-2-3-1000")->EncodeTo(out);
  return std::move(out).Take();
}

std::string NameOf(size_t index) {
  return absl::StrFormat("many/%d/file-%d.dat", index / kFilesPerDirectory, index);
}

absl::StatusOr<fsa::FileKey> MakeFile(const vfs::Vfs& vfs, const Arguments& arguments,
                                      size_t index) {
  const std::string name = NameOf(index);
  const std::filesystem::path path = std::filesystem::path(arguments.path) / name;
  if (index % kFilesPerDirectory == 0) std::filesystem::create_directories(path.parent_path());
  std::ofstream(path).close();
  const auto file = vfs.OpenPath(name, vfs::FileAccess::kMetadata);
  if (!file.ok()) return absl::InternalError("open " + path.string());
  return (*file)->key;
}

castore::HandleRecord MakeRecord(const Arguments& arguments, size_t index,
                                 const fsa::FileKey& file) {
  castore::HandleRecord record;
  record.persistent_id = kFirstId + index;
  record.create_guid = GuidOf(index, 1);
  record.client_guid = GuidOf(index / 20, 2);  // Twenty handles a client.
  record.file = file;
  record.path = NameOf(index);
  record.share_name = arguments.share;
  record.access = kAccess;
  record.share_access = 7;
  record.create_action = 1;
  record.oplock_level = fsa::OplockLevel::kLease;
  record.lease = castore::LeaseRecord{.key = GuidOf(index, 3), .state = fsa::kLeaseAll, .epoch = 1};
  if (index % 10 == 0) record.locks.push_back({.length_bytes = 100, .is_exclusive = true});
  record.owner_sid = OwnerSid();
  record.timeout_ms = 300'000;
  record.create_time = absl::FromUnixMicros(absl::ToUnixMicros(absl::Now()));
  return record;
}

std::string Stored(const castore::HandleRecord& record) {
  const Bytes bytes = castore::EncodeStored(record);
  return {bytes.begin(), bytes.end()};
}

absl::StatusOr<castore::Change> MakeChange(const vfs::Vfs& vfs, const Arguments& arguments,
                                           size_t index) {
  const std::string key = IdKey(castore::kHandlePrefix, kFirstId + index);
  CONTINUO_ASSIGN_OR_RETURN(const fsa::FileKey file, MakeFile(vfs, arguments, index));
  castore::HandleRecord record = MakeRecord(arguments, index, file);
  size_t first = 0;
  const auto is_one_of = [&](size_t count) {
    const bool is = index >= first && index < first + count;
    first += count;
    return is;
  };
  if (is_one_of(arguments.expired)) {
    record.disconnected_since = record.create_time - absl::Hours(100);
  } else if (is_one_of(arguments.corrupt)) {
    return castore::Change{key, "no record"};
  } else if (is_one_of(arguments.foreign)) {
    record.file.fs.fill(0xFE);
  } else if (is_one_of(arguments.gone)) {
    std::filesystem::remove(std::filesystem::path(arguments.path) / record.path);
  }
  return castore::Change{key, Stored(record)};
}

absl::Status Run(const Arguments& arguments) {
  const auto root = vfs::ShareRoot::Open({.path = arguments.path});
  if (!root.ok()) return absl::InternalError("open " + arguments.path);
  const vfs::Vfs vfs(*root);
  castore::IncarnationOptions options;
  options.ca_path = arguments.ca_path;
  CONTINUO_ASSIGN_OR_RETURN(options.self, castore::OwnIdentity());
  options.now = absl::Now();
  options.files = castore::MakePosixStableFiles();
  options.databases = castore::MakeRocksFactory();
  CONTINUO_ASSIGN_OR_RETURN(castore::Opened opened, castore::OpenIncarnation(options));
  std::vector<castore::Change> changes;
  for (size_t index = 0; index < arguments.handles; ++index) {
    CONTINUO_ASSIGN_OR_RETURN(castore::Change change, MakeChange(vfs, arguments, index));
    changes.push_back({IdKey(castore::kIndexPrefix, kFirstId + index),
                       arguments.share + "/" + NameOf(index)});
    changes.push_back(std::move(change));
    if (changes.size() < kBatchMax && index + 1 < arguments.handles) continue;
    CONTINUO_RETURN_IF_ERROR(opened.medium->Write(changes, opened.inherited.entries));
    changes.clear();
  }
  return opened.medium->Release();
}

}  // namespace
}  // namespace continuo

int main(int argc, char** argv) {
  continuo::Arguments arguments;
  CLI::App app("Puts records of persistent handles into a store");
  app.add_option("--ca-path", arguments.ca_path)->required();
  app.add_option("--share", arguments.share)->required();
  app.add_option("--path", arguments.path, "The share's directory")->required();
  app.add_option("--handles", arguments.handles)->required();
  app.add_option("--expired", arguments.expired, "Of these, first of all");
  app.add_option("--corrupt", arguments.corrupt);
  app.add_option("--foreign", arguments.foreign);
  app.add_option("--gone", arguments.gone);
  CLI11_PARSE(app, argc, argv);
  const absl::Status done = continuo::Run(arguments);
  if (!done.ok()) std::cerr << "make_handles: " << done << "\n";
  return done.ok() ? 0 : 1;
}
