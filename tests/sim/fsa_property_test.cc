// Goal: whatever clients do in whatever order, the state keeps its promises.
// Method: random events on a few files against fsa::Files alone. After each event the opens, locks
// and leases that were granted are checked against one another by brute force, from the answers
// that the test saw, not from the library's own opinion. Now and then a file's state is moved to
// a second state and compared; and now and then everything but the records of persistent opens is
// lost, in the middle of writing them, and restored. At the end everything is closed and nothing may
// be left.
//
// CONTINUO_SEED=n replays a run; CONTINUO_EVENTS=n sets its length.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "common/fsa/apply.h"
#include "common/fsa/files.h"

namespace continuo::fsa {
namespace {

constexpr uint64_t kDefaultEvents = 100'000;  // Under two seconds without optimisation.
constexpr uint32_t kFiles = 4;
constexpr uint32_t kClients = 3;
constexpr uint32_t kKeys = 3;
constexpr size_t kOpensMax = 24;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

struct Held {
  OpenRequest request;
  bool is_connected = true;
};

// What is on stable storage of a persistent open, and what was before the last step.
struct Record {
  std::optional<PersistentOpen> now;
  std::optional<PersistentOpen> before;
};

struct Break {
  BreakToSend event;
  uint64_t begun = 0;
};

class Model {
 public:
  explicit Model(uint64_t seed) : random_(seed), files_(std::make_unique<Files>()) {}

  void Run(uint64_t events) {
    for (uint64_t i = 0; i < events; ++i) {
      now_ = i;
      Step();
      CheckAll();
      if (i % 211 == 0 || (i % 61 == 0 && !breaks_.empty())) Crash();
      if (i % 97 == 0) MoveOneFile();
      if (i % 1009 == 0) MoveEverything();
    }
    Finish();
  }

  uint64_t granted = 0, refused = 0, waited = 0, breaks_sent = 0, locks_granted = 0;
  uint64_t purged = 0, deleted = 0, timed_out = 0;
  uint64_t restored = 0, restored_locks = 0, restored_breaks = 0, holds_ended = 0;

 private:
  uint32_t Pick(uint32_t count) { return static_cast<uint32_t>(random_() % count); }
  bool Chance(uint32_t percent) { return Pick(100) < percent; }
  template <typename Map>
  auto PickFrom(Map& map) { return std::next(map.begin(), Pick(static_cast<uint32_t>(map.size()))); }

  void Step() {
    const uint32_t dice = Pick(100);
    if (dice < 30 && held_.size() + waiting_opens_.size() < kOpensMax) return Apply(RandomOpen());
    if (dice >= 90 && !deletes_.empty()) return FinishDelete(Pick(static_cast<uint32_t>(deletes_.size())));
    if (held_.empty()) return;
    const auto it = PickFrom(held_);
    const OpenId open = it->first;
    if (dice < 48) return Close(open);
    if (dice < 64) return Apply(RandomLock(open));
    if (dice < 68) return Apply(SetDeletePendingRequest{.op = NextOp(), .open = open,
                                                        .is_delete = Chance(60),
                                                        .is_posix = Chance(20)});
    if (dice < 74) {
      BreakRequest request;
      request.op = NextOp();
      request.open = open;
      request.reason = static_cast<BreakReason>(Pick(6));
      waiting_ops_.insert(request.op);
      return Apply(request);
    }
    if (dice < 88) return AcknowledgeOne();
    if (dice < 90 && !breaks_.empty()) {
      ++timed_out;
      return Apply(TimeOutRequest{PickFrom(breaks_)->first});
    }
    if (dice < 92) return CancelOne();
    if (dice < 93 && !waiting_opens_.empty()) return EndHoldOfOne();
    DisconnectOrReconnect(it);
  }

  OpId NextOp() { return OpId(++last_op_); }

  OpenRequest RandomOpen() {
    OpenRequest request;
    request.op = NextOp();
    request.open = OpenId(++last_open_);
    const uint8_t id[] = {static_cast<uint8_t>(Pick(kFiles))};
    REQUIRE(FileKey::Make(Guid{}, id, &request.file));
    request.path = "/s/" + std::to_string(id[0]);
    if (Chance(15)) request.stream = "x";
    request.client_guid = Guid{static_cast<uint8_t>(Pick(kClients))};
    static constexpr uint32_t kAccess[] = {kFileReadData, kFileWriteData, kDeleteAccess,
                                           kFileReadAttributes, kFileReadData | kFileWriteData,
                                           kReadControl, 0x1F01FF};
    request.access = kAccess[Pick(std::size(kAccess))];
    request.share_access = Chance(75) ? 7 : Pick(8);
    if (Chance(15)) request.action = OpenAction::kOverwrite;
    request.is_delete_on_close = Chance(5);
    static constexpr OplockLevel kLevels[] = {OplockLevel::kNone, OplockLevel::kLevelII,
                                              OplockLevel::kExclusive, OplockLevel::kBatch,
                                              OplockLevel::kLease, OplockLevel::kLease};
    request.oplock = kLevels[Pick(std::size(kLevels))];
    if (request.oplock == OplockLevel::kLease) {
      const uint32_t key = id[0] * kKeys + Pick(kKeys) + (Chance(3) ? 1 : 0);
      request.lease = LeaseRequest{.key = LeaseKey{static_cast<uint8_t>(key)},
                                   .state = Pick(8),
                                   .version = static_cast<uint8_t>(1 + Pick(2)),
                                   .epoch = 0,
                                   .parent_key = std::nullopt};
    }
    request.waits_for_reclaim = Chance(50);
    request.durability = Chance(30)   ? Durability::kPersistent
                         : Chance(50) ? Durability::kDurable
                                      : Durability::kNone;
    waiting_opens_[request.op] = request;
    return request;
  }

  LockRequest RandomLock(OpenId open) {
    LockRequest request;
    request.op = NextOp();
    request.open = open;
    const bool is_unlock = Chance(35);
    const uint32_t count = 1 + (Chance(20) ? Pick(3) : 0);
    for (uint32_t i = 0; i < count; ++i) {
      LockElement element{Pick(8), Pick(5), kLockUnlock};
      if (!is_unlock) {
        element.flags = Chance(50) ? kLockExclusive : kLockShared;
        if (count > 1 || Chance(60)) element.flags |= kLockFailImmediately;
      }
      if (Chance(2)) element.offset = ~uint64_t{0};
      request.locks.push_back(element);
    }
    request.is_sequence_checked = Chance(30);
    request.lock_sequence = Pick(66) << 4 | Pick(16);
    waiting_locks_[request.op] = request;
    return request;
  }

  void Apply(const Request& request) {
    Effects effects;
    fsa::Apply(files_.get(), request, &effects);
    Take(request, &effects);
    // A replay of a lock request under the same sequence number changes nothing.
    const auto* lock = std::get_if<LockRequest>(&request);
    if (lock != nullptr && lock->is_sequence_checked && last_lock_ok_ && lock->lock_sequence >> 4 > 0 &&
        lock->lock_sequence >> 4 <= kLockSequenceCount) {
      const auto before = files_->counters().locks;
      LockRequest again = *lock;
      again.op = NextOp();
      Effects none;
      const auto status = files_->Lock(again, &none);
      REQUIRE(status.has_value());
      REQUIRE(status->ok());
      REQUIRE(none.empty());
      REQUIRE(files_->counters().locks == before);
    }
  }

  void Take(const Request& request, Effects* effects) {
    last_lock_ok_ = false;
    TakeRecords(*effects);
    for (Effect& effect : *effects) {
      if (auto* opened = std::get_if<OpenCompleted>(&effect)) {
        TakeOpen(*opened);
      } else if (auto* done = std::get_if<OpCompleted>(&effect)) {
        TakeOp(*done);
      } else if (auto* sent = std::get_if<BreakToSend>(&effect)) {
        ++breaks_sent;
        REQUIRE(held_.contains(sent->open));
        if (sent->is_ack_required) {
          REQUIRE(breaks_.emplace(sent->break_id, Break{*sent, now_}).second);
        }
      } else if (auto* ended = std::get_if<BreakEnded>(&effect)) {
        REQUIRE(breaks_.erase(ended->break_id) == 1);
      } else if (auto* gone = std::get_if<OpenPurged>(&effect)) {
        ++purged;
        REQUIRE_FALSE(held_.at(gone->open).is_connected);
        Forget(gone->open);
        if (gone->delete_now) deletes_.push_back(*gone->delete_now);
      }
    }
    if (const auto* time_out = std::get_if<TimeOutRequest>(&request)) {
      breaks_.erase(time_out->break_id);
    }
    const bool is_lock = std::holds_alternative<LockRequest>(request);
    const OpId op = OpOf(request);
    if (is_lock && waiting_locks_.contains(op)) ++waited;
    if (std::holds_alternative<OpenRequest>(request) && waiting_opens_.contains(op)) ++waited;
  }

  // Records come before all that they allow.
  void TakeRecords(const Effects& effects) {
    for (const OpenId open : last_changed_) {
      Record& record = records_.at(open);
      record.before = record.now;
      if (!record.now) records_.erase(open);
    }
    last_changed_.clear();
    bool has_others = false;
    for (const Effect& effect : effects) {
      OpenId open;
      std::optional<PersistentOpen> now;
      if (const auto* changed = std::get_if<PersistentChanged>(&effect)) {
        open = changed->now.open;
        now = changed->now;
      } else if (const auto* ended = std::get_if<PersistentEnded>(&effect)) {
        open = ended->open;
      } else {
        has_others = true;
        continue;
      }
      REQUIRE_FALSE(has_others);
      records_[open].now = std::move(now);
      if (std::find(last_changed_.begin(), last_changed_.end(), open) == last_changed_.end()) {
        last_changed_.push_back(open);
      }
    }
  }

  // The process ends in the middle of writing what the last step changed. Who had a record before is
  // there again, with at least what it was told of.
  void Crash() {
    const size_t written = Pick(static_cast<uint32_t>(last_changed_.size()) + 1);
    std::vector<PersistentOpen> found;
    for (const auto& [open, record] : records_) {
      const auto at = std::find(last_changed_.begin(), last_changed_.end(), open);
      const bool is_old = static_cast<size_t>(at - last_changed_.begin()) >= written &&
                          at != last_changed_.end();
      const std::optional<PersistentOpen>& kept = is_old ? record.before : record.now;
      if (kept) found.push_back(*kept);
    }
    std::shuffle(found.begin(), found.end(), random_);
    std::map<OpenId, Held> before;
    before.swap(held_);
    files_ = std::make_unique<Files>();
    waiting_opens_.clear();
    waiting_locks_.clear();
    waiting_ops_.clear();
    breaks_.clear();
    deletes_.clear();
    records_.clear();
    last_changed_.clear();
    for (const PersistentOpen& open : found) {
      records_[open.open] = {open, open};
      OpenRequest request;
      const auto known = before.find(open.open);
      if (known != before.end()) request = known->second.request;
      request.file = open.file;
      request.stream = open.stream;
      request.access = open.access;
      request.share_access = open.share_access;
      held_[open.open] = Held{request, false};
      Effects effects;
      fsa::Apply(files_.get(), RestoreRequest{.op = NextOp(), .open = open}, &effects);
      const auto* answer = std::get_if<OpCompleted>(&effects.back());
      REQUIRE(answer != nullptr);
      REQUIRE(answer->status.ok());
      restored_breaks += static_cast<uint64_t>(std::count_if(
          effects.begin(), effects.end(),
          [](const Effect& effect) { return std::holds_alternative<BreakToSend>(effect); }));
      Take(CancelRequest(), &effects);
      ++restored;
    }
    CheckRestored(found, written);
    CheckAll();
  }

  void CheckRestored(const std::vector<PersistentOpen>& found, size_t written) {
    std::map<OpenId, OpenSnapshot> opens;
    std::map<OpenId, size_t> locks;
    files_->ForEachFile([&](const FileSnapshot& file) {
      for (const OpenSnapshot& open : file.opens) opens[open.open] = open;
      for (const StreamSnapshot& stream : file.streams) {
        for (const HeldLock& lock : stream.locks) ++locks[lock.open];
      }
    });
    for (const PersistentOpen& open : found) {
      const OpenSnapshot& now = opens.at(open.open);
      REQUIRE_FALSE(now.is_connected);
      REQUIRE(now.durability == Durability::kPersistent);
      REQUIRE(now.oplock == open.oplock);
      REQUIRE(now.lock_sequences == open.lock_sequences);
      REQUIRE(now.path == open.path);
      if (written == 0) REQUIRE(locks[open.open] == open.locks.size());
      restored_locks += locks[open.open];
    }
  }

  void EndHoldOfOne() {
    const OpId op = PickFrom(waiting_opens_)->first;
    Apply(EndHoldRequest{op});
    if (!waiting_opens_.contains(op)) ++holds_ended;
  }

  void TakeOpen(const OpenCompleted& completed) {
    const auto it = waiting_opens_.find(completed.op);
    if (it == waiting_opens_.end()) return;  // A reconnect.
    if (completed.result.ok()) {
      ++granted;
      held_[completed.open] = Held{it->second, true};
    } else {
      ++refused;
    }
    waiting_opens_.erase(it);
  }

  void TakeOp(const OpCompleted& done) {
    waiting_ops_.erase(done.op);
    const auto it = waiting_locks_.find(done.op);
    if (it == waiting_locks_.end()) return;
    const LockRequest request = it->second;
    waiting_locks_.erase(it);
    if (!held_.contains(request.open)) return;
    const bool is_unlock = (request.locks.front().flags & kLockUnlock) != 0;
    last_lock_ok_ = done.status.ok();
    if (!done.status.ok() || is_unlock) {
      // Which unlocks of a failed array were done is the library's to say; the overlap check
      // below reads the locks from it, the count of grants from here.
      return;
    }
    ++locks_granted;
  }

  void Forget(OpenId open) { held_.erase(open); }

  void Close(OpenId open) {
    Effects effects;
    auto result = files_->Close(open, &effects);
    REQUIRE(result.ok());
    Forget(open);
    // One that had to be closed is not answered again.
    Effects again;
    REQUIRE(files_->Close(open, &again).status() == NtStatus::kFileClosed);
    REQUIRE(again.empty());
    if (result->delete_now) deletes_.push_back(*result->delete_now);
    files_->TakePersistentChanges(0, &effects);
    Take(CloseRequest{OpId(), open}, &effects);
  }

  void AcknowledgeOne() {
    if (breaks_.empty()) return;
    const BreakToSend event = PickFrom(breaks_)->second.event;
    if (event.is_lease) {
      const uint32_t state = Chance(70) ? event.new_state : Pick(8);
      Apply(AckLeaseBreakRequest{.op = NextOp(), .client_guid = event.client_guid,
                                 .key = event.lease_key, .state = state});
    } else {
      Apply(AckOplockBreakRequest{
          .op = NextOp(), .open = event.open,
          .level = Chance(80) ? event.new_level : OplockLevel::kLevelII});
    }
  }

  void CancelOne() {
    OpId op;
    if (!waiting_opens_.empty() && Chance(50)) {
      op = PickFrom(waiting_opens_)->first;
    } else if (!waiting_locks_.empty()) {
      op = PickFrom(waiting_locks_)->first;
    } else {
      return;
    }
    Apply(CancelRequest{op});
    REQUIRE_FALSE(waiting_opens_.contains(op));
    REQUIRE_FALSE(waiting_locks_.contains(op));
  }

  void DisconnectOrReconnect(std::map<OpenId, Held>::iterator it) {
    const OpenId open = it->first;
    Effects effects;
    if (it->second.is_connected) {
      if (files_->Disconnect(open, &effects) == DisconnectResult::kMustBeClosed) {
        REQUIRE(effects.empty());
        return Close(open);
      }
      it->second.is_connected = false;
      files_->TakePersistentChanges(0, &effects);
      Take(DisconnectRequest{OpId(), open}, &effects);
    } else {
      REQUIRE(files_->Reconnect({.op = NextOp(), .open = open, .session_id = 1}, &effects).ok());
      it->second.is_connected = true;
      files_->TakePersistentChanges(0, &effects);
      Take(ReconnectRequest{.op = OpId(), .open = open, .session_id = 1}, &effects);
    }
  }

  void FinishDelete(size_t index) {
    const DeleteNow now = deletes_[index];
    deletes_.erase(deletes_.begin() + static_cast<ptrdiff_t>(index));
    ++deleted;
    Apply(DeleteDoneRequest{.file = now.file, .stream = now.stream, .is_deleted = Chance(90)});
  }

  // --- The oracle. ---

  static bool Denies(uint32_t access, uint32_t share) {
    if ((access & (kFileReadData | kFileExecute)) != 0 && (share & kShareRead) == 0) return true;
    if ((access & (kFileWriteData | kFileAppendData)) != 0 && (share & kShareWrite) == 0) return true;
    return (access & kDeleteAccess) != 0 && (share & kShareDelete) == 0;
  }

  void CheckAll() {
    const Counters counters = files_->counters();
    REQUIRE(counters.opens == held_.size());
    REQUIRE(counters.breaks_in_progress == breaks_.size());
    REQUIRE(counters.waiting_operations ==
            waiting_opens_.size() + waiting_locks_.size() + waiting_ops_.size());
    CheckShareModes();
    files_->ForEachFile([this](const FileSnapshot& file) { CheckFile(file); });
  }

  void CheckShareModes() {
    constexpr uint32_t kSharing = kFileReadData | kFileWriteData | kFileAppendData | kFileExecute |
                                  kDeleteAccess;
    for (auto a = held_.begin(); a != held_.end(); ++a) {
      for (auto b = std::next(a); b != held_.end(); ++b) {
        const OpenRequest& one = a->second.request;
        const OpenRequest& two = b->second.request;
        if (one.file != two.file || one.stream != two.stream) continue;
        if ((one.access & kSharing) == 0 || (two.access & kSharing) == 0) continue;
        REQUIRE_FALSE(Denies(one.access, two.share_access));
        REQUIRE_FALSE(Denies(two.access, one.share_access));
      }
    }
  }

  static bool Overlap(const HeldLock& a, const HeldLock& b) {
    // Offsets are small here but for the one at the very end, which only touches itself.
    for (const auto& [inner, outer] : {std::pair(a, b), std::pair(b, a)}) {
      if (inner.length_bytes == 0) {
        if (outer.length_bytes == 0) return false;
        return outer.offset < inner.offset && inner.offset <= outer.offset + (outer.length_bytes - 1);
      }
    }
    return a.offset <= b.offset + (b.length_bytes - 1) && b.offset <= a.offset + (a.length_bytes - 1);
  }

  void CheckFile(const FileSnapshot& file) {
    for (const StreamSnapshot& stream : file.streams) {
      for (size_t i = 0; i < stream.locks.size(); ++i) {
        REQUIRE(held_.contains(stream.locks[i].open));
        for (size_t j = i + 1; j < stream.locks.size(); ++j) {
          const HeldLock& first = stream.locks[i];
          const HeldLock& second = stream.locks[j];
          if (!first.is_exclusive && !second.is_exclusive) continue;
          if (first.open == second.open && first.is_exclusive != second.is_exclusive) continue;
          REQUIRE_FALSE(Overlap(first, second));
        }
      }
      CheckCaching(file, stream.stream);
    }
    CheckWaiting(file);
  }

  // Write caching is held alone: no other lease or oplock caches anything, and nobody else has the
  // data open. What is being broken may still be there.
  void CheckCaching(const FileSnapshot& file, const std::string& stream) {
    struct Cache { std::pair<Guid, LeaseKey> lease; OpenId open; uint32_t state; };
    std::vector<Cache> caches;
    for (const LeaseSnapshot& lease : file.leases) {
      if (lease.stream == stream) caches.push_back({{lease.client_guid, lease.key}, OpenId(), lease.state});
    }
    for (const OpenSnapshot& open : file.opens) {
      if (open.stream != stream || open.oplock == OplockLevel::kLease) continue;
      const uint32_t state = open.oplock == OplockLevel::kNone      ? kLeaseNone
                             : open.oplock == OplockLevel::kLevelII ? kLeaseRead
                                                                    : kLeaseRead | kLeaseWrite;
      if (state != kLeaseNone) caches.push_back({{}, open.open, state});
    }
    for (const Cache& writer : caches) {
      if ((writer.state & kLeaseWrite) == 0) continue;
      for (const Cache& other : caches) {
        if (&other != &writer) REQUIRE(other.state == kLeaseNone);
      }
      for (const OpenSnapshot& open : file.opens) {
        if (open.stream != stream || open.open == writer.open) continue;
        const bool is_own = open.oplock == OplockLevel::kLease && writer.open == OpenId() &&
                            std::pair(open.client_guid, open.lease_key) == writer.lease;
        if (!is_own) {
          REQUIRE((open.access & (kFileReadData | kFileWriteData | kFileAppendData |
                                  kFileExecute | kDeleteAccess)) == 0);
        }
      }
    }
  }

  // Nobody waits for nothing.
  void CheckWaiting(const FileSnapshot& file) {
    const bool has_break =
        std::any_of(file.opens.begin(), file.opens.end(),
                    [](const OpenSnapshot& open) { return open.break_id != BreakId(); }) ||
        std::any_of(file.leases.begin(), file.leases.end(),
                    [](const LeaseSnapshot& lease) { return lease.break_id != BreakId(); });
    const bool has_delete =
        std::any_of(file.streams.begin(), file.streams.end(),
                    [](const StreamSnapshot& stream) { return stream.is_being_deleted; });
    const bool has_absent =
        std::any_of(file.opens.begin(), file.opens.end(), [](const OpenSnapshot& open) {
          return !open.is_connected && open.durability == Durability::kPersistent;
        });
    for (const OpenRequest& open : file.waiting_opens) {
      REQUIRE((has_break || has_delete || (has_absent && open.waits_for_reclaim)));
    }
    if (!file.waiting_breaks.empty()) REQUIRE(has_break);
    for (const StreamSnapshot& stream : file.streams) {
      if (!stream.waiting_locks.empty()) REQUIRE_FALSE(stream.locks.empty());
    }
  }

  void MoveOneFile() {
    const std::vector<FileKey> keys = files_->Keys();
    if (keys.empty()) return;
    const FileKey key = keys[Pick(static_cast<uint32_t>(keys.size()))];
    const FileSnapshot before = files_->Snapshot(key);
    Files elsewhere;
    REQUIRE(elsewhere.Load(before));
    REQUIRE(elsewhere.Snapshot(key) == before);
    REQUIRE_FALSE(elsewhere.Load(before));
    elsewhere.Remove(key);
    REQUIRE(elsewhere.counters().opens == 0);
    REQUIRE(elsewhere.counters().locks == 0);
    REQUIRE(elsewhere.counters().leases == 0);
    REQUIRE(elsewhere.counters().waiting_operations == 0);
    REQUIRE(elsewhere.counters().breaks_in_progress == 0);
  }

  // As a recall does: from here on the other state decides.
  void MoveEverything() {
    auto elsewhere = std::make_unique<Files>();
    for (const FileKey& key : files_->Keys()) REQUIRE(elsewhere->Load(files_->Snapshot(key)));
    files_ = std::move(elsewhere);
  }

  void Finish() {
    for (int round = 0; round < 1000; ++round) {
      while (!deletes_.empty()) FinishDelete(0);
      while (!breaks_.empty()) Apply(TimeOutRequest{breaks_.begin()->first});
      if (held_.empty()) break;
      Close(held_.begin()->first);
    }
    while (!deletes_.empty()) FinishDelete(0);
    REQUIRE(held_.empty());
    REQUIRE(waiting_opens_.empty());
    REQUIRE(waiting_locks_.empty());
    REQUIRE(waiting_ops_.empty());
    const Counters counters = files_->counters();
    REQUIRE(counters.files == 0);
    REQUIRE(counters.locks == 0);
    REQUIRE(counters.leases == 0);
    REQUIRE(counters.breaks_in_progress == 0);
    REQUIRE(counters.waiting_operations == 0);
  }

  std::mt19937_64 random_;
  std::unique_ptr<Files> files_;
  uint64_t now_ = 0;
  uint64_t last_op_ = 0;
  uint64_t last_open_ = 0;
  bool last_lock_ok_ = false;
  std::map<OpenId, Held> held_;
  std::map<OpId, OpenRequest> waiting_opens_;
  std::map<OpId, LockRequest> waiting_locks_;
  std::set<OpId> waiting_ops_;
  std::map<BreakId, Break> breaks_;
  std::vector<DeleteNow> deletes_;
  std::map<OpenId, Record> records_;
  std::vector<OpenId> last_changed_;  // By the last step, in the order of writing.
};

TEST_CASE("fsa: random events keep every promise", "[sim][fsa]") {
  const uint64_t seed = FromEnvironment("CONTINUO_SEED", std::random_device()());
  const uint64_t events = FromEnvironment("CONTINUO_EVENTS", kDefaultEvents);
  std::printf("CONTINUO_SEED=%llu CONTINUO_EVENTS=%llu\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(events));
  std::fflush(stdout);
  Model model(seed);
  model.Run(events);
  std::printf("granted=%llu refused=%llu waited=%llu breaks=%llu locks=%llu purged=%llu deleted=%llu "
              "timed_out=%llu restored=%llu restored_locks=%llu restored_breaks=%llu "
              "holds_ended=%llu\n",
              static_cast<unsigned long long>(model.granted),
              static_cast<unsigned long long>(model.refused),
              static_cast<unsigned long long>(model.waited),
              static_cast<unsigned long long>(model.breaks_sent),
              static_cast<unsigned long long>(model.locks_granted),
              static_cast<unsigned long long>(model.purged),
              static_cast<unsigned long long>(model.deleted),
              static_cast<unsigned long long>(model.timed_out),
              static_cast<unsigned long long>(model.restored),
              static_cast<unsigned long long>(model.restored_locks),
              static_cast<unsigned long long>(model.restored_breaks),
              static_cast<unsigned long long>(model.holds_ended));
  // The rare paths were reached, or the run proves little.
  if (events >= kDefaultEvents) {
    CHECK(model.granted > 0);
    CHECK(model.refused > 0);
    CHECK(model.waited > 0);
    CHECK(model.breaks_sent > 0);
    CHECK(model.locks_granted > 0);
    CHECK(model.purged > 0);
    CHECK(model.deleted > 0);
    CHECK(model.timed_out > 0);
    CHECK(model.restored > 0);
    CHECK(model.restored_locks > 0);
    CHECK(model.restored_breaks > 0);
    CHECK(model.holds_ended > 0);
  }
}

}  // namespace
}  // namespace continuo::fsa
