#include "services/ca-store-service/store/handle_store.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <utility>

#include <absl/strings/escaping.h>
#include <absl/strings/str_format.h>
#include <absl/time/clock.h>

#include "common/bytes/byte_reader.h"
#include "common/bytes/byte_writer.h"
#include "common/logging/log.h"
#include "services/ca-store-service/records/record_codec.h"

namespace continuo::castore {
namespace {

constexpr size_t kAboutMaxBytes = 200;  // Of an index entry.
constexpr char kReasonEnd = '\n';       // Between the reason and the record of one set aside.

std::string_view Text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
std::span<const uint8_t> Raw(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string IdKey(char prefix, uint64_t id) {
  std::string key(1, prefix);
  for (int shift = 56; shift >= 0; shift -= 8) key.push_back(static_cast<char>((id >> shift) & 0xFF));
  return key;
}

uint64_t IdOf(const std::string& key) {
  bytes::ByteReader in(Raw(key));
  in.Skip(1);
  return in.U64BigEndian();
}

std::string IntentKeyText(const IntentKey& key) {
  return std::string(1, kIntentPrefix) + std::string(Text(key.create_guid)) +
         std::string(Text(key.client_guid));
}

std::string About(const HandleRecord& record) {
  return absl::CEscape(record.share_name + "/" + record.path).substr(0, kAboutMaxBytes);
}

// The marker: how many readers had each record in their hands.
std::string EncodeAttempts(const absl::btree_map<std::string, uint8_t>& attempts) {
  bytes::ByteWriter out;
  for (const auto& [key, count] : attempts) {
    out.U8(count);
    out.U8(static_cast<uint8_t>(key.size()));
    out.Append(Raw(key));
  }
  return std::string(Text(out.view()));
}

absl::btree_map<std::string, uint8_t> DecodeAttempts(std::string_view text) {
  absl::btree_map<std::string, uint8_t> attempts;
  bytes::ByteReader in(Raw(text));
  while (in.remaining() > 0) {
    const uint8_t count = in.U8();
    const auto key = in.Span(in.U8());
    if (in.ok()) attempts[std::string(Text(key))] = count;
  }
  return attempts;
}

bool IsExpired(const HandleRecord& record, absl::Time now) {
  return record.disconnected_since && *record.disconnected_since +
                                              absl::Milliseconds(record.timeout_ms) +
                                              kClockStepMax < now;
}

}  // namespace

struct HandleStore::Round {
  std::function<void(Handout)> deliver;
  struct Waiting {
    std::string key;
    size_t size_bytes = 0;
  };
  std::deque<Waiting> ordinary;
  std::deque<Waiting> suspects;
  std::vector<std::string> in_hand;
  uint64_t number = 0;
  bool is_in_hand = false;
  bool is_last_sent = false;
};

absl::StatusOr<std::unique_ptr<HandleStore>> HandleStore::Open(Options options) {
  CONTINUO_ASSIGN_OR_RETURN(Opened opened, OpenIncarnation(options.incarnation));
  return std::make_unique<HandleStore>(std::move(opened.medium), std::move(opened.owner),
                                       std::move(opened.inherited), std::move(options));
}

HandleStore::HandleStore(std::unique_ptr<Medium> medium, OwnerRecord owner,
                         DatabaseContent inherited, Options options)
    : owner_(std::move(owner)),
      losses_(std::move(inherited.losses)),
      lost_(inherited.lost_count),
      now_(options.now != nullptr ? std::move(options.now) : [] { return absl::Now(); }),
      on_outcome_(std::move(options.on_outcome)),
      map_({.medium = std::move(medium),
            .content = std::move(inherited.entries),
            .on_fenced = std::move(options.on_fenced),
            .on_watch = std::move(options.on_watch)}) {
  const std::optional<std::string> marker = map_.Get(std::string(kAttemptsKey));
  absl::MutexLock lock(&mutex_);
  if (marker) attempts_ = DecodeAttempts(*marker);
}

// ---- Changes --------------------------------------------------------------------------------------

void HandleStore::PutRecord(HandleRecord record, Completes completes, Done done) {
  const absl::Status valid = Validate(record);
  if (!valid.ok()) return done(valid);
  record.epoch = owner_.epoch;
  std::vector<Change> changes = {
      {IdKey(kHandlePrefix, record.persistent_id), std::string(Text(EncodeStored(record)))},
      {IdKey(kIndexPrefix, record.persistent_id), About(record)}};
  if (completes == Completes::kItsIntent) {
    changes.push_back({IntentKeyText({record.create_guid, record.client_guid}), std::nullopt});
  }
  map_.Apply(std::move(changes), std::move(done));
}

void HandleStore::DeleteRecord(uint64_t persistent_id, Done done) {
  map_.Apply({{IdKey(kHandlePrefix, persistent_id), std::nullopt},
              {IdKey(kIndexPrefix, persistent_id), std::nullopt}},
             [this, persistent_id, done = std::move(done)](absl::Status status) {
               if (status.ok()) Forget(persistent_id);
               done(std::move(status));
             });
}

// One that is deleted while nobody has claimed it cannot come back: its file is gone.
void HandleStore::Forget(uint64_t persistent_id) {
  ReclaimProgress progress;
  {
    absl::MutexLock lock(&mutex_);
    reclaimed_.erase(persistent_id);
    if (outstanding_.erase(persistent_id) == 0) return;
    progress = ProgressLocked();
  }
  if (on_outcome_ != nullptr) on_outcome_(Outcome::kExpired, progress);
}

ReclaimProgress HandleStore::ProgressLocked() const {
  return {restored_count_, reclaimed_count_, expired_count_, outstanding_.size()};
}

void HandleStore::PutIntent(const CreateIntent& intent, Done done) {
  const absl::Status valid = Validate(intent);
  if (!valid.ok()) return done(valid);
  map_.Apply({{IntentKeyText(intent.key), std::string(Text(EncodeStored(intent)))}},
             std::move(done));
}

void HandleStore::DeleteIntent(const IntentKey& key, Done done) {
  map_.Apply({{IntentKeyText(key), std::nullopt}}, std::move(done));
}

// ---- Handing out ----------------------------------------------------------------------------------

void HandleStore::BeginHandouts(std::function<void(Handout)> deliver) {
  auto round = std::make_shared<Round>();
  round->deliver = std::move(deliver);
  std::vector<std::string> deadly;
  auto all = map_.Scan(kHandlePrefix, "", SIZE_MAX);
  std::ranges::move(map_.Scan(kIntentPrefix, "", SIZE_MAX), std::back_inserter(all));
  {
    absl::MutexLock lock(&mutex_);
    round_ = round;
    for (auto& [key, value] : all) {
      const auto found = attempts_.find(key);
      const int attempts = found == attempts_.end() ? 0 : found->second;
      if (attempts >= kReadersMax) {
        deadly.push_back(std::move(key));
      } else {
        auto& queue = attempts == 0 ? round->ordinary : round->suspects;
        queue.push_back({std::move(key), value.size()});
      }
    }
    for (const std::string& key : deadly) attempts_.erase(key);
  }
  for (const std::string& key : deadly) {
    SetAside(key, absl::StrFormat("%d readers died while they had it", kReadersMax));
  }
  Next(round);
}

void HandleStore::EndHandouts() {
  absl::MutexLock lock(&mutex_);
  round_ = nullptr;
}

Change HandleStore::AttemptsChange() const {
  if (attempts_.empty()) return {std::string(kAttemptsKey), std::nullopt};
  return {std::string(kAttemptsKey), EncodeAttempts(attempts_)};
}

// As many ordinary ones as fit, then the suspects one by one.
std::vector<std::string> HandleStore::TakeKeys(Round& round) {
  std::vector<std::string> keys;
  size_t size_bytes = 0;
  while (!round.ordinary.empty() && keys.size() < kHandoutMax && size_bytes < kHandoutBytesMax) {
    size_bytes += round.ordinary.front().size_bytes;
    keys.push_back(std::move(round.ordinary.front().key));
    round.ordinary.pop_front();
  }
  if (keys.empty() && !round.suspects.empty()) {
    keys.push_back(std::move(round.suspects.front().key));
    round.suspects.pop_front();
  }
  return keys;
}

void HandleStore::Next(const std::shared_ptr<Round>& round) {
  std::vector<std::string> keys;
  std::vector<Change> marker;
  {
    absl::MutexLock lock(&mutex_);
    if (round_ != round || round->is_last_sent) return;
    keys = TakeKeys(*round);
    for (const std::string& key : keys) ++attempts_[key];
    marker.push_back(AttemptsChange());
  }
  map_.Apply(std::move(marker),
             [this, round, keys](absl::Status status) {
               if (status.ok()) Deliver(round, keys);
             },
             DurableMap::Urgency::kMustLand);
}

void HandleStore::Deliver(const std::shared_ptr<Round>& round,
                          const std::vector<std::string>& keys) {
  Handout handout;
  for (const std::string& key : keys) {
    const std::optional<std::string> value = map_.Get(key);
    if (!value) continue;
    key[0] == kHandlePrefix ? AddHandle(key, *value, &handout) : AddIntent(key, *value, &handout);
  }
  {
    absl::MutexLock lock(&mutex_);
    if (round_ != round) return;
    handout.number = ++last_handout_;
    handout.is_last = round->ordinary.empty() && round->suspects.empty();
    round->number = handout.number;
    round->in_hand = keys;
    round->is_in_hand = true;
    round->is_last_sent = handout.is_last;
    restored_count_ += handout.records.size();
    for (const HandleRecord& record : handout.records) outstanding_.insert(record.persistent_id);
  }
  round->deliver(std::move(handout));
}

absl::Status HandleStore::Restored(uint64_t number) {
  std::shared_ptr<Round> round;
  std::vector<Change> marker;
  {
    absl::MutexLock lock(&mutex_);
    round = round_;
    if (round == nullptr || !round->is_in_hand || round->number != number) {
      return absl::InvalidArgumentError(absl::StrFormat("handout %d is not in hand", number));
    }
    round->is_in_hand = false;
    for (const std::string& key : round->in_hand) attempts_.erase(key);
    if (round->is_last_sent) marker.push_back(AttemptsChange());
  }
  if (marker.empty()) {
    Next(round);
  } else {
    map_.Apply(std::move(marker), [](absl::Status) {}, DurableMap::Urgency::kMustLand);
  }
  return absl::OkStatus();
}

void HandleStore::AddHandle(const std::string& key, const std::string& value, Handout* handout) {
  absl::StatusOr<HandleRecord> record = DecodeStoredHandle(Raw(value));
  if (absl::IsUnimplemented(record.status())) {
    return KeepUnread(key, std::string(record.status().message()));
  }
  if (!record.ok()) return SetAside(key, std::string(record.status().message()));
  if (IdKey(kHandlePrefix, record->persistent_id) != key) {
    return SetAside(key, absl::StrFormat("it is the record of handle 0x%x", record->persistent_id));
  }
  if (!IsExpired(*record, now_())) return handout->records.push_back(std::move(*record));
  {
    absl::MutexLock lock(&mutex_);
    ++expired_count_;
  }
  logging::Info("handle.expired", {{"id", logging::Hex(record->persistent_id)}});
  map_.Apply({{key, std::nullopt}, {IdKey(kIndexPrefix, record->persistent_id), std::nullopt}},
             [](absl::Status) {}, DurableMap::Urgency::kMustLand);
}

void HandleStore::AddIntent(const std::string& key, const std::string& value, Handout* handout) {
  absl::StatusOr<CreateIntent> intent = DecodeStoredIntent(Raw(value));
  if (absl::IsUnimplemented(intent.status())) {
    return KeepUnread(key, std::string(intent.status().message()));
  }
  if (!intent.ok()) return SetAside(key, std::string(intent.status().message()));
  if (IntentKeyText(intent->key) != key) return SetAside(key, "it is the intent of another CREATE");
  handout->intents.push_back(std::move(*intent));
}

void HandleStore::KeepUnread(const std::string& key, const std::string& reason) {
  logging::Error("record.unread", {{"key", absl::BytesToHexString(key)}, {"reason", reason}});
  absl::MutexLock lock(&mutex_);
  unread_[key] = reason;
}

void HandleStore::SetAside(const std::string& key, const std::string& reason) {
  const std::optional<std::string> value = map_.Get(key);
  if (!value) return;
  logging::Error("record.set_aside", {{"key", absl::BytesToHexString(key)}, {"reason", reason}});
  std::vector<Change> changes = {{key, std::nullopt},
                                 {kSetAsidePrefix + key, reason + kReasonEnd + *value}};
  if (key[0] == kHandlePrefix) changes.push_back({kIndexPrefix + key.substr(1), std::nullopt});
  map_.Apply(std::move(changes), [](absl::Status) {}, DurableMap::Urgency::kMustLand);
}

void HandleStore::ReportOutcome(uint64_t persistent_id, Outcome outcome) {
  ReclaimProgress progress;
  {
    absl::MutexLock lock(&mutex_);
    if (outstanding_.erase(persistent_id) == 0) return;
    if (outcome == Outcome::kExpired) {
      ++expired_count_;
    } else {
      ++reclaimed_count_;
      reclaimed_.insert(persistent_id);
    }
    progress = ProgressLocked();
  }
  if (on_outcome_ != nullptr) on_outcome_(outcome, progress);
}

// ---- What administrators see ----------------------------------------------------------------------

std::vector<ListedHandle> HandleStore::List(std::string after, size_t limit,
                                            std::string* next) const {
  std::vector<ListedHandle> listed;
  next->clear();
  auto found = after.empty() || after[0] == kHandlePrefix
                   ? map_.Scan(kHandlePrefix, after, limit)
                   : std::vector<std::pair<std::string, std::string>>();
  if (found.size() < limit) {
    const std::string from = after.empty() || after[0] == kHandlePrefix ? "" : after;
    auto aside = map_.Scan(kSetAsidePrefix, from, limit - found.size());
    std::ranges::move(aside, std::back_inserter(found));
  }
  if (found.size() == limit) *next = found.back().first;
  absl::MutexLock lock(&mutex_);
  for (const auto& [key, value] : found) {
    ListedHandle one;
    if (key[0] == kSetAsidePrefix) {
      // Not decoded: readers may have died of it.
      one.state = HandleState::kSetAside;
      one.detail = value.substr(0, value.find(kReasonEnd));
      one.record.persistent_id = IdOf(key.substr(1));
    } else if (const auto unread = unread_.find(key); unread != unread_.end()) {
      one.state = HandleState::kSetAside;
      one.detail = unread->second;
      one.record.persistent_id = IdOf(key);
    } else {
      const auto record = DecodeStoredHandle(Raw(value));
      if (record.ok()) one.record = *record;
      one.record.persistent_id = IdOf(key);
      const uint64_t id = one.record.persistent_id;
      if (outstanding_.contains(id)) one.state = HandleState::kOutstanding;
      if (reclaimed_.contains(id)) one.state = HandleState::kReclaimed;
    }
    listed.push_back(std::move(one));
  }
  return listed;
}

StoreCounts HandleStore::Counts() const {
  StoreCounts counts;
  counts.handles = map_.Count(kHandlePrefix);
  counts.intents = map_.Count(kIntentPrefix);
  counts.set_aside = map_.Count(kSetAsidePrefix);
  counts.lost = lost_;
  counts.map = map_.stats();
  absl::MutexLock lock(&mutex_);
  counts.set_aside += unread_.size();
  counts.handles -= std::min<uint64_t>(counts.handles, unread_.size());
  counts.restored = restored_count_;
  counts.reclaimed = reclaimed_count_;
  counts.expired = expired_count_;
  return counts;
}

}  // namespace continuo::castore
