#include "services/ca-store-service/store/ownership.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include <absl/strings/numbers.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>

#include "common/base/check.h"
#include "common/bytes/crc32c.h"

namespace continuo::castore {
namespace {

constexpr absl::string_view kChecksumKey = "crc32c ";

std::string Seal(std::string body) {
  const std::span<const uint8_t> raw(reinterpret_cast<const uint8_t*>(body.data()), body.size());
  return absl::StrFormat("%s%s%08x\n", body, kChecksumKey, bytes::Crc32c(raw));
}

// The lines "key value" above the checksum.
absl::StatusOr<std::map<std::string, std::string>> Unseal(const std::string& content,
                                                          const char* what) {
  const size_t at = content.rfind(std::string(kChecksumKey));
  if (at == std::string::npos || content != Seal(content.substr(0, at))) {
    return absl::DataLossError(absl::StrFormat("the %s file is damaged", what));
  }
  std::map<std::string, std::string> values;
  for (absl::string_view line :
       absl::StrSplit(absl::string_view(content).substr(0, at), '\n', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> pair = absl::StrSplit(line, absl::MaxSplits(' ', 1));
    values.insert(pair);
  }
  return values;
}

template <typename Number>
Number NumberOf(const std::map<std::string, std::string>& values, const char* key) {
  Number number = 0;
  const auto found = values.find(key);
  if (found == values.end() || !absl::SimpleAtoi(found->second, &number)) return 0;
  return number;
}

std::string TextOf(const std::map<std::string, std::string>& values, const char* key) {
  const auto found = values.find(key);
  return found == values.end() ? std::string() : found->second;
}

std::string ReadSmallFile(const std::string& path) {
  std::ifstream in(path);
  std::string text(std::istreambuf_iterator<char>(in), {});
  absl::StripAsciiWhitespace(&text);
  return text;
}

// Field 22 of /proc/PID/stat; 0 when there is no such process, or when it has ended and only waits for
// its parent to ask: an init that is slow to do so must not keep its node from starting again. What is
// left of its threads still holds the lock. The name in field 2 may hold blanks.
uint64_t StartTicksOf(int64_t pid) {
  const std::string stat = ReadSmallFile(absl::StrFormat("/proc/%d/stat", pid));
  const size_t after_name = stat.rfind(')');
  if (after_name == std::string::npos) return 0;
  const std::vector<std::string> fields =
      absl::StrSplit(absl::string_view(stat).substr(after_name + 1), ' ', absl::SkipEmpty());
  if (!fields.empty() && (fields[0] == "Z" || fields[0] == "X")) return 0;
  uint64_t ticks = 0;
  constexpr size_t kStartTimeAfterName = 19;
  if (fields.size() <= kStartTimeAfterName ||
      !absl::SimpleAtoi(fields[kStartTimeAfterName], &ticks)) {
    return 0;
  }
  return ticks;
}

bool IsFileName(const std::string& name) {
  return !name.empty() && name[0] != '.' && name.find_first_of("/ \n") == std::string::npos;
}

std::string Describe(const OwnerRecord& owner) {
  return absl::StrFormat("node %s, process %d, boot %s, epoch %d, since %s", owner.who.node,
                         owner.who.pid, owner.who.boot_id, owner.epoch,
                         absl::FormatTime(owner.since, absl::UTCTimeZone()));
}

std::string IncarnationPathOf(const std::string& ca_path, const std::string& node,
                              uint64_t epoch) {
  return absl::StrFormat("%s/nodes/%s/%d", ca_path, node, epoch);
}

std::string FencedContent(const std::string& node, uint64_t epoch) {
  return Seal(absl::StrFormat("node %s\nepoch %d\n", node, epoch));
}

bool IsConfirmedDead(const Ownership::Options& options, const OwnerRecord& owner) {
  const absl::StatusOr<std::string> word = options.files->ReadUncached(options.ca_path + "/fenced");
  return word.ok() && *word == FencedContent(owner.who.node, owner.epoch);
}

// Whether the process that owned it still holds its lock. Where the directory is gone nobody does.
absl::StatusOr<bool> IsLocked(const Ownership::Options& options, const OwnerRecord& owner) {
  const std::string path =
      IncarnationPathOf(options.ca_path, owner.who.node, owner.epoch) + "/lock";
  const auto lock = options.files->Lock(path);
  if (lock.ok() || absl::IsNotFound(lock.status())) return false;
  if (absl::IsAborted(lock.status())) return true;
  return lock.status();
}

absl::Status CheckFormerOwner(const Ownership::Options& options, const OwnerRecord& owner) {
  if (owner.is_released) return absl::OkStatus();
  CONTINUO_ASSIGN_OR_RETURN(const bool is_locked, IsLocked(options, owner));
  const Identity& self = options.self;
  const bool is_same_boot = owner.who.boot_id == self.boot_id;
  const bool is_same_node = owner.who.node == self.node;
  const bool is_seen_alive = is_locked || (is_same_boot && options.is_alive(owner.who));
  const std::string in_use =
      absl::StrFormat("ca_path %s is in use by %s", options.ca_path, Describe(owner));
  if (is_same_node && is_same_boot && is_seen_alive) return absl::AlreadyExistsError(in_use);
  if (IsConfirmedDead(options, owner)) return absl::OkStatus();
  if (is_seen_alive) return absl::AlreadyExistsError(in_use);
  if (is_same_node && is_same_boot) return absl::OkStatus();
  if (is_same_node && !self.machine_id.empty() && owner.who.machine_id == self.machine_id) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrFormat(
      "%s, and nothing proves that it is dead: only after it was fenced, "
      "'continuoctl handles adopt --confirm-fenced %s'",
      in_use, owner.who.node));
}

// The highest epoch that any file tells of: a damaged or lost epoch file must not make it fall.
absl::StatusOr<uint64_t> HighestEpoch(const Ownership::Options& options) {
  uint64_t highest = 0;
  const absl::StatusOr<std::string> content =
      options.files->ReadUncached(options.ca_path + "/epoch");
  if (content.ok()) {
    const absl::StatusOr<uint64_t> epoch = DecodeEpoch(*content);
    if (epoch.ok()) highest = *epoch;
  } else if (!absl::IsNotFound(content.status())) {
    return content.status();
  }
  const absl::StatusOr<OwnerRecord> owner = ReadOwner(*options.files, options.ca_path);
  if (owner.ok()) highest = std::max(highest, owner->epoch);
  const auto nodes = options.files->List(options.ca_path + "/nodes");
  if (!nodes.ok()) return nodes.status();
  for (const std::string& node : *nodes) {
    CONTINUO_ASSIGN_OR_RETURN(const auto incarnations,
                              options.files->List(options.ca_path + "/nodes/" + node));
    for (const std::string& name : incarnations) {
      uint64_t epoch = 0;
      if (absl::SimpleAtoi(name, &epoch) && epoch <= kEpochMax) {
        highest = std::max(highest, epoch);
      }
    }
  }
  return highest;
}

absl::Status CheckMayTake(const Ownership::Options& options) {
  const absl::StatusOr<OwnerRecord> owner = ReadOwner(*options.files, options.ca_path);
  if (owner.ok()) return CheckFormerOwner(options, *owner);
  if (absl::IsNotFound(owner.status())) return absl::OkStatus();
  if (!absl::IsDataLoss(owner.status())) return owner.status();
  if (IsConfirmedDead(options, OwnerRecord{.who = {.node = "unknown"}})) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrFormat(
      "ca_path %s: %s; only when no other node runs, 'continuoctl handles adopt --confirm-fenced "
      "unknown'",
      options.ca_path, std::string(owner.status().message())));
}

}  // namespace

absl::StatusOr<Identity> OwnIdentity() {
  struct utsname names {};
  if (uname(&names) != 0) return absl::ErrnoToStatus(errno, "uname");
  Identity self;
  self.node = names.nodename;
  if (!IsFileName(self.node)) {
    return absl::InvalidArgumentError("the host name cannot name a directory: " + self.node);
  }
  self.machine_id = ReadSmallFile("/etc/machine-id");
  self.boot_id = ReadSmallFile("/proc/sys/kernel/random/boot_id");
  if (self.boot_id.empty()) return absl::UnavailableError("the system does not tell its boot id");
  self.pid = getpid();
  self.pid_start_ticks = StartTicksOf(self.pid);
  return self;
}

bool IsProcessAlive(const Identity& identity) {
  const uint64_t ticks = StartTicksOf(identity.pid);
  return ticks != 0 && ticks == identity.pid_start_ticks;
}

std::string EncodeOwner(const OwnerRecord& owner) {
  return Seal(absl::StrFormat(
      "version 1\nnode %s\nmachine %s\nboot %s\npid %d\npid_start %d\nepoch %d\nsince_us %d\n"
      "released %d\n",
      owner.who.node, owner.who.machine_id, owner.who.boot_id, owner.who.pid,
      owner.who.pid_start_ticks, owner.epoch, absl::ToUnixMicros(owner.since),
      owner.is_released ? 1 : 0));
}

absl::StatusOr<OwnerRecord> DecodeOwner(const std::string& content) {
  CONTINUO_ASSIGN_OR_RETURN(const auto values, Unseal(content, "owner"));
  if (NumberOf<int>(values, "version") != 1) {
    return absl::DataLossError("the owner file is of a version that this release does not know");
  }
  OwnerRecord owner;
  owner.who.node = TextOf(values, "node");
  owner.who.machine_id = TextOf(values, "machine");
  owner.who.boot_id = TextOf(values, "boot");
  owner.who.pid = NumberOf<int64_t>(values, "pid");
  owner.who.pid_start_ticks = NumberOf<uint64_t>(values, "pid_start");
  owner.epoch = NumberOf<uint64_t>(values, "epoch");
  owner.since = absl::FromUnixMicros(NumberOf<int64_t>(values, "since_us"));
  owner.is_released = NumberOf<int>(values, "released") == 1;
  return owner;
}

std::string EncodeEpoch(uint64_t epoch) { return Seal(absl::StrFormat("epoch %d\n", epoch)); }

absl::StatusOr<uint64_t> DecodeEpoch(const std::string& content) {
  CONTINUO_ASSIGN_OR_RETURN(const auto values, Unseal(content, "epoch"));
  return NumberOf<uint64_t>(values, "epoch");
}

absl::StatusOr<OwnerRecord> ReadOwner(StableFiles& files, const std::string& ca_path) {
  CONTINUO_ASSIGN_OR_RETURN(const std::string content, files.ReadUncached(ca_path + "/owner"));
  return DecodeOwner(content);
}

absl::Status ConfirmFenced(StableFiles& files, const std::string& ca_path,
                           const std::string& node) {
  absl::StatusOr<OwnerRecord> owner = ReadOwner(files, ca_path);
  if (absl::IsDataLoss(owner.status())) owner = OwnerRecord{.who = {.node = "unknown"}};
  if (!owner.ok()) return owner.status();
  if (owner->is_released) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "ca_path %s: node %s has stopped in order; there is nothing to confirm", ca_path,
        owner->who.node));
  }
  if (owner->who.node != node) {
    return absl::FailedPreconditionError(
        absl::StrFormat("ca_path %s belongs to %s, not to %s", ca_path, Describe(*owner), node));
  }
  return files.Replace(ca_path + "/fenced", FencedContent(node, owner->epoch));
}

absl::StatusOr<std::unique_ptr<Ownership>> Ownership::Take(Options options) {
  StableFiles& files = *options.files;
  const auto there = files.List(options.ca_path);
  if (absl::IsNotFound(there.status())) {
    return absl::NotFoundError(absl::StrFormat(
        "ca_path %s is not there: mount the shared storage, or make the directory once",
        options.ca_path));
  }
  CONTINUO_RETURN_IF_ERROR(there.status());
  const auto starting = files.Lock(options.ca_path + "/starting");
  if (absl::IsAborted(starting.status())) {
    return absl::AlreadyExistsError(
        absl::StrFormat("ca_path %s is being taken over by another start", options.ca_path));
  }
  CONTINUO_RETURN_IF_ERROR(starting.status());
  CONTINUO_RETURN_IF_ERROR(CheckMayTake(options));
  CONTINUO_RETURN_IF_ERROR(files.MakeDirectories(options.ca_path + "/nodes"));
  CONTINUO_ASSIGN_OR_RETURN(const uint64_t highest, HighestEpoch(options));
  if (highest >= kEpochMax) {
    return absl::OutOfRangeError("the epoch has reached its limit: begin with a new ca_path");
  }
  OwnerRecord owner{.who = options.self, .epoch = highest + 1, .since = options.now};
  // The epoch first: from here on nothing of the former owner is acknowledged any more.
  CONTINUO_RETURN_IF_ERROR(files.Replace(options.ca_path + "/epoch", EncodeEpoch(owner.epoch)));
  const std::string own = IncarnationPathOf(options.ca_path, options.self.node, owner.epoch);
  CONTINUO_RETURN_IF_ERROR(files.MakeDirectories(own));
  CONTINUO_ASSIGN_OR_RETURN(std::unique_ptr<FileLock> lock, files.Lock(own + "/lock"));
  CONTINUO_RETURN_IF_ERROR(files.Replace(options.ca_path + "/owner", EncodeOwner(owner)));
  CONTINUO_RETURN_IF_ERROR(files.Remove(options.ca_path + "/fenced"));
  return std::unique_ptr<Ownership>(
      new Ownership(std::move(options), std::move(owner), std::move(lock)));
}

Ownership::Ownership(Options options, OwnerRecord owner, std::unique_ptr<FileLock> lock)
    : options_(std::move(options)), owner_(std::move(owner)), lock_(std::move(lock)) {}

absl::Status Ownership::Confirm() const {
  const absl::StatusOr<std::string> content =
      options_.files->ReadUncached(options_.ca_path + "/epoch");
  const absl::StatusOr<uint64_t> now =
      content.ok() ? DecodeEpoch(*content) : absl::StatusOr<uint64_t>(content.status());
  if (!now.ok()) {
    return absl::UnavailableError(absl::StrFormat("the epoch of ca_path %s: %s", options_.ca_path,
                                                  std::string(now.status().message())));
  }
  if (*now == owner_.epoch) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrFormat("ca_path %s was taken over: its epoch is %d, ours was %d", options_.ca_path,
                      *now, owner_.epoch));
}

absl::Status Ownership::Release() {
  CONTINUO_RETURN_IF_ERROR(Confirm());
  owner_.is_released = true;
  return options_.files->Replace(options_.ca_path + "/owner", EncodeOwner(owner_));
}

std::string Ownership::IncarnationPath() const {
  return IncarnationPathOf(options_.ca_path, owner_.who.node, owner_.epoch);
}

IdRange PersistentIdsOf(uint64_t epoch, uint64_t frontend) {
  CONTINUO_CHECK(epoch >= 1 && epoch <= kEpochMax);
  CONTINUO_CHECK(frontend < kFrontendsMax);
  const uint64_t base = (epoch << kPersistentIdBits) | (frontend << kIdsOfFrontendBits);
  return {.first = base + 1, .last = base + (uint64_t{1} << kIdsOfFrontendBits) - 1};
}

}  // namespace continuo::castore
