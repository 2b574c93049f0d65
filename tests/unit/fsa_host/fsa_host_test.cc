// Goal: a command sees the same answers wherever the state is, and a recall or grant in the middle of
// anything loses and repeats nothing.
// Method: the host talks to the service's real Authority through two queues that the test pumps, so
// that every interleaving of a move with operations can be made.
#include <catch2/catch.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <random>
#include <map>
#include <thread>

#include <absl/synchronization/notification.h>

#include "services/fsa-state-service/delegation/authority.h"
#include "services/smb-frontend/fsa_host/fsa_host.h"
#include "services/smb-frontend/fsa_host/timer_thread.h"

namespace continuo::frontend {
namespace {

using fsastate::Authority;
using fsastate::Policy;

struct Upload { std::vector<fsa::FileSnapshot> files; bool is_last = false; };
struct Accept {};
struct ListingPart {
  uint64_t id = 0;
  std::vector<fsa::FileSnapshot> files;
  bool is_last = false;
  fsa::Counters counters;
};
using ToService = std::variant<fsa::Request, Accept, Upload, ListingPart>;

class Wire : public FsaLink {
 public:
  Wire(FsaHost* host, Policy policy) : host_(host), authority(policy) {
    host->ConnectTo(this);
    fsastate::Outgoing out;
    REQUIRE(authority.Attach(&out).ok());
    Put(&out);
  }
  void Send(const fsa::Request& request) override { up.push_back(request); }
  void SendAccept() override { up.push_back(Accept{}); }
  void SendUpload(std::vector<fsa::FileSnapshot> files, bool is_last) override {
    up.push_back(Upload{std::move(files), is_last});
  }
  void SendListing(uint64_t id, std::vector<fsa::FileSnapshot> files, bool is_last,
                   const fsa::Counters& counters) override {
    up.push_back(ListingPart{id, std::move(files), is_last, counters});
  }
  void Flush() override {}

  bool PumpUp() {
    if (up.empty()) return false;
    const ToService message = std::move(up.front());
    up.pop_front();
    fsastate::Outgoing out;
    absl::Status status;
    if (const auto* request = std::get_if<fsa::Request>(&message)) {
      status = authority.Operation(*request, &out);
    } else if (std::holds_alternative<Accept>(message)) {
      status = authority.Accepted(&out);
    } else if (const auto* upload = std::get_if<Upload>(&message)) {
      status = authority.Upload(upload->files, upload->is_last, &out);
    } else {
      const auto& part = std::get<ListingPart>(message);
      status = authority.Listing(part.id, part.files, part.is_last, part.counters, &out);
    }
    INFO(status.ToString());
    REQUIRE(status.ok());
    Put(&out);
    return true;
  }
  bool PumpDown() {
    if (down.empty()) return false;
    fsastate::Message message = std::move(down.front());
    down.pop_front();
    FsaLinkEvents& events = host_->link_events();
    if (std::holds_alternative<fsastate::ServeRemotely>(message)) events.OnServeRemotely();
    if (std::holds_alternative<fsastate::Offer>(message)) events.OnOffer();
    if (std::holds_alternative<fsastate::Recall>(message)) events.OnRecall();
    if (auto* download = std::get_if<fsastate::Download>(&message)) {
      events.OnDownload(std::move(download->files), download->is_last);
    }
    if (auto* listing = std::get_if<fsastate::ListingRequest>(&message)) {
      events.OnListing(listing->listing_id, listing->limit);
    }
    if (auto* effect = std::get_if<fsa::Effect>(&message)) events.OnEffects({*effect});
    if (auto* locks = std::get_if<fsa::StreamLocks>(&message)) {
      events.OnLocks(locks->file, locks->stream, locks->locks);
    }
    return true;
  }
  void Pump() {
    while (PumpUp() || PumpDown()) {
    }
  }
  void Want(Policy policy) {
    fsastate::Outgoing out;
    authority.Want(policy, &out);
    Put(&out);
  }
  void Put(fsastate::Outgoing* out) {
    for (fsastate::Message& message : *out) {
      if (auto* done = std::get_if<fsastate::ListingDone>(&message)) {
        listings.push_back(*done);
      } else {
        down.push_back(std::move(message));
      }
    }
  }

  FsaHost* const host_;
  Authority authority;
  std::deque<ToService> up;
  std::deque<fsastate::Message> down;
  std::vector<fsastate::ListingDone> listings;
};

class Sink : public FsaHostSink {
 public:
  void OnBreak(const fsa::BreakToSend& event) override { breaks.push_back(event); }
  void OnOpenPurged(const fsa::OpenPurged& event) override { purged.push_back(event.open); }
  std::vector<fsa::BreakToSend> breaks;
  std::vector<fsa::OpenId> purged;
};

class ManualTimer : public FsaTimer {
 public:
  uint64_t Schedule(absl::Duration, std::function<void()> callback) override {
    timers[++last] = std::move(callback);
    return last;
  }
  void Cancel(uint64_t timer) override { timers.erase(timer); }
  void FireAll() {
    auto due = std::exchange(timers, {});
    for (auto& [id, callback] : due) callback();
  }
  std::map<uint64_t, std::function<void()>> timers;
  uint64_t last = 0;
};

fsa::OpenRequest RequestOf(uint64_t open, uint8_t file = 1) {
  fsa::OpenRequest request;
  request.open = fsa::OpenId(open);
  const uint8_t id[] = {file};
  REQUIRE(fsa::FileKey::Make({}, id, &request.file));
  request.path = "/s/" + std::to_string(file);
  request.access = 0x1F01FF;
  request.share_access = 7;
  return request;
}

fsa::OpenRequest BatchOf(uint64_t open, uint8_t file = 1) {
  fsa::OpenRequest request = RequestOf(open, file);
  request.oplock = fsa::OplockLevel::kBatch;
  return request;
}

struct Fixture {
  Sink sink;
  ManualTimer timer;
  FsaHost host{{.break_timeout = absl::Seconds(35), .sink = &sink, .timer = &timer}};

  std::optional<NtResult<fsa::OpenGrant>> opened;
  bool Open(fsa::OpenRequest request) {
    opened.reset();
    return !host.Open(std::move(request), [this](auto result) { opened = std::move(result); })
                .is_pending;
  }
};

TEST_CASE("host: without a link everything is local and inline", "[unit][fsa_host]") {
  Fixture f;
  REQUIRE(f.Open(BatchOf(1)));
  CHECK((*f.opened)->oplock == fsa::OplockLevel::kBatch);
  CHECK_FALSE(f.Open(RequestOf(2)));
  REQUIRE(f.sink.breaks.size() == 1);
  CHECK(f.timer.timers.size() == 1);
  SECTION("acknowledged") {
    NtStatus ack = NtStatus::kPending;
    f.host.AckOplockBreak(fsa::OpenId(1), fsa::OplockLevel::kLevelII, [&](NtStatus s) { ack = s; });
    CHECK(ack.ok());
    REQUIRE(f.opened.has_value());
    CHECK(f.timer.timers.empty());
  }
  SECTION("not acknowledged in time") {
    f.timer.FireAll();
    REQUIRE(f.opened.has_value());
    CHECK(f.opened->ok());
  }
}

TEST_CASE("host: a lock is granted after the I/O barrier", "[unit][fsa_host]") {
  struct BarrierSink : Sink {
    void PassIoBarrier(std::function<void()> then) override { held = std::move(then); }
    std::function<void()> held;
  } sink;
  FsaHost host({.break_timeout = absl::Seconds(35), .sink = &sink, .timer = nullptr});
  host.Open(RequestOf(1), [](auto) {});
  NtStatus status = NtStatus::kPending;
  const auto lock = [&](uint64_t offset) {
    fsa::LockRequest request;
    request.open = fsa::OpenId(1);
    request.locks = {{offset, 1, fsa::kLockExclusive}};
    return host.Lock(std::move(request), [&](NtStatus s) { status = s; });
  };
  CHECK_FALSE(lock(0).is_pending);  // Alone with the file: nothing to wait for.
  host.Open(RequestOf(2), [](auto) {});
  status = NtStatus::kPending;
  CHECK(lock(5).is_pending);
  CHECK(status == NtStatus::kPending);
  sink.held();
  CHECK(status.ok());
}

// Notes what it is told; what was noted is stable when the test says so.
class ManualRecorder : public FsaRecorder {
 public:
  void Note(const fsa::PersistentChanged& event) override { changed.push_back(event.now); }
  void Note(const fsa::PersistentEnded& event) override { ended.push_back(event.open); }
  bool Settle(std::function<void()> then) override {
    if (is_instant) return true;
    waiting.push_back(std::move(then));
    return false;
  }
  void StoreOne(size_t index = 0) {
    const auto then = std::move(waiting.at(index));
    waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(index));
    then();
  }
  std::vector<fsa::PersistentOpen> changed;
  std::vector<fsa::OpenId> ended;
  std::vector<std::function<void()>> waiting;
  bool is_instant = false;
};

TEST_CASE("host: what changes a record is carried out once it is stored", "[unit][fsa_host]") {
  const Policy policy = GENERATE(Policy::kServe, Policy::kDelegate);
  Sink sink;
  ManualTimer timer;
  ManualRecorder recorder;
  FsaHost host({.sink = &sink, .timer = &timer, .recorder = &recorder});
  Wire wire(&host, policy);
  wire.Pump();
  fsa::OpenRequest request = BatchOf(1);
  request.durability = fsa::Durability::kPersistent;
  std::optional<NtResult<fsa::OpenGrant>> opened;
  host.Open(request, [&](auto result) { opened = std::move(result); });
  wire.Pump();
  REQUIRE(recorder.changed.size() == 1);
  CHECK_FALSE(opened.has_value());
  recorder.StoreOne();
  REQUIRE(opened.has_value());
  CHECK((*opened)->is_durable);

  // Somebody else breaks its oplock: the break is sent when it is on record.
  std::optional<NtResult<fsa::OpenGrant>> other;
  host.Open(RequestOf(2), [&](auto result) { other = std::move(result); });
  wire.Pump();
  CHECK(sink.breaks.empty());
  recorder.StoreOne();
  REQUIRE(sink.breaks.size() == 1);
  CHECK(recorder.changed.back().oplock == fsa::OplockLevel::kBatch);

  // The acknowledgement and the grant that waited for it.
  std::optional<NtStatus> acknowledged;
  host.AckOplockBreak(fsa::OpenId(1), fsa::OplockLevel::kLevelII,
                      [&](NtStatus status) { acknowledged = status; });
  wire.Pump();
  CHECK_FALSE(other.has_value());
  CHECK_FALSE(acknowledged.has_value());
  CHECK(recorder.changed.back().oplock == fsa::OplockLevel::kLevelII);
  while (!recorder.waiting.empty()) recorder.StoreOne();
  wire.Pump();
  while (!recorder.waiting.empty()) recorder.StoreOne();
  CHECK(other.has_value());
  CHECK(acknowledged == NtStatus());

  bool is_closed = false;
  const auto closing = host.Close(fsa::OpenId(1), [&](const auto&) { is_closed = true; });
  if (policy == Policy::kDelegate) CHECK_FALSE(closing.is_pending);
  wire.Pump();
  CHECK(recorder.ended == std::vector{fsa::OpenId(1)});
  CHECK_FALSE(is_closed);
  recorder.StoreOne();
  CHECK(is_closed);
}

TEST_CASE("host: records that are stored in another order do not change the service's",
          "[unit][fsa_host]") {
  Sink sink;
  ManualRecorder recorder;
  FsaHost host({.sink = &sink, .timer = nullptr, .recorder = &recorder});
  Wire wire(&host, Policy::kServe);
  std::vector<int> answered;
  for (uint8_t i = 1; i <= 3; ++i) {
    fsa::OpenRequest request = RequestOf(i, i);
    if (i != 3) request.durability = fsa::Durability::kPersistent;
    host.Open(request, [&answered, i](const auto&) { answered.push_back(i); });
  }
  wire.Pump();
  REQUIRE(recorder.waiting.size() == 2);
  recorder.StoreOne(1);
  CHECK(answered.empty());
  recorder.StoreOne(0);
  CHECK(answered == std::vector{1, 2, 3});
}

TEST_CASE("host: an open from before a restart comes back and is reclaimed", "[unit][fsa_host]") {
  const Policy policy = GENERATE(Policy::kServe, Policy::kDelegate);
  Sink sink;
  ManualTimer timer;
  ManualRecorder recorder;
  recorder.is_instant = true;
  FsaHost host({.sink = &sink, .timer = &timer, .recorder = &recorder});
  Wire wire(&host, policy);
  wire.Pump();
  fsa::PersistentOpen record;
  record.open = fsa::OpenId(7);
  record.file = RequestOf(1).file;
  record.path = "/s/1";
  record.access = 3;
  record.share_access = 7;
  std::optional<NtStatus> restored;
  host.Restore(record, [&](NtStatus status) { restored = status; });
  wire.Pump();
  CHECK(restored == NtStatus());
  fsa::OpenRequest request = RequestOf(8);
  request.waits_for_reclaim = true;
  std::optional<NtResult<fsa::OpenGrant>> other;
  const auto started = host.Open(request, [&](auto result) { other = std::move(result); });
  wire.Pump();
  CHECK(started.is_pending);
  CHECK_FALSE(other.has_value());
  SECTION("the client comes back") {
    std::optional<NtResult<fsa::OpenGrant>> back;
    host.Reconnect(fsa::OpenId(7), 5, [&](auto result) { back = std::move(result); });
    wire.Pump();
    REQUIRE(back.has_value());
    CHECK((*back)->is_durable);
    const fsa::IoRange range{.kind = fsa::IoKind::kRead, .length_bytes = 1};
    CHECK(host.CheckIo(fsa::OpenId(7), range) == NtStatus());
    REQUIRE(other.has_value());
    CHECK(other->ok());
  }
  SECTION("it does not") {
    host.EndHold(started.op);
    wire.Pump();
    REQUIRE(other.has_value());
    CHECK(other->status() == NtStatus::kFileNotAvailable);
  }
}

TEST_CASE("host: operations wait for the state's place and then run in order",
          "[unit][fsa_host]") {
  const Policy policy = GENERATE(Policy::kServe, Policy::kDelegate);
  Fixture f;
  Wire wire(&f.host, policy);
  CHECK_FALSE(f.Open(BatchOf(1)));
  wire.Pump();
  REQUIRE(f.opened.has_value());
  CHECK((*f.opened)->oplock == fsa::OplockLevel::kBatch);
  CHECK(f.host.is_delegated() == (policy == Policy::kDelegate));
  CHECK(f.Open(RequestOf(2, 2)) == (policy == Policy::kDelegate));
}

TEST_CASE("host: what waits goes on waiting across a recall and a grant", "[unit][fsa_host]") {
  Fixture f;
  Wire wire(&f.host, Policy::kDelegate);
  wire.Pump();
  REQUIRE(f.Open(BatchOf(1)));
  CHECK_FALSE(f.Open(RequestOf(2)));
  REQUIRE(f.sink.breaks.size() == 1);
  wire.Want(Policy::kServe);
  wire.Pump();
  CHECK_FALSE(f.host.is_delegated());
  CHECK(wire.authority.files().counters().waiting_operations == 1);
  const bool is_back = GENERATE(false, true);
  if (is_back) {
    wire.Want(Policy::kDelegate);
    wire.Pump();
    CHECK(f.host.is_delegated());
  }
  f.host.AckOplockBreak(fsa::OpenId(1), fsa::OplockLevel::kNone, [](NtStatus) {});
  wire.Pump();
  REQUIRE(f.opened.has_value());
  CHECK(f.opened->ok());
  CHECK(f.timer.timers.empty());
}

TEST_CASE("host: locks are known to the data path while the state is elsewhere",
          "[unit][fsa_host]") {
  Fixture f;
  Wire wire(&f.host, Policy::kDelegate);
  wire.Pump();
  REQUIRE(f.Open(RequestOf(1)));
  REQUIRE(f.Open(RequestOf(2)));
  const auto lock = [&](uint64_t offset) {
    fsa::LockRequest request;
    request.open = fsa::OpenId(1);
    request.locks = {{offset, 10, fsa::kLockExclusive}};
    f.host.Lock(std::move(request), [](NtStatus) {});
  };
  lock(0);
  wire.Want(Policy::kServe);
  wire.Pump();
  lock(100);
  wire.Pump();
  for (const uint64_t offset : {uint64_t{5}, uint64_t{105}}) {
    CHECK(f.host.CheckIo(fsa::OpenId(2), {fsa::IoKind::kRead, offset, 1}) ==
          NtStatus::kFileLockConflict);
    CHECK(f.host.CheckIo(fsa::OpenId(1), {fsa::IoKind::kWrite, offset, 1}).ok());
  }
  f.host.Close(fsa::OpenId(1), [](auto) {});
  wire.Pump();
  CHECK(f.host.CheckIo(fsa::OpenId(2), {fsa::IoKind::kRead, 5, 1}).ok());
}

TEST_CASE("host: a lost stream answers everything that waits", "[unit][fsa_host]") {
  Fixture f;
  Wire wire(&f.host, Policy::kServe);
  wire.Pump();
  CHECK_FALSE(f.Open(RequestOf(1)));
  f.host.link_events().OnLost();
  CHECK(f.opened->status() == NtStatus::kUnexpectedNetworkError);
  CHECK(f.Open(RequestOf(2)));
  CHECK(f.opened->status() == NtStatus::kUnexpectedNetworkError);
}

TEST_CASE("host: a listing sees what is delegated", "[unit][fsa_host]") {
  Fixture f;
  Wire wire(&f.host, Policy::kDelegate);
  wire.Pump();
  for (uint64_t i = 1; i <= 3; ++i) REQUIRE(f.Open(RequestOf(i, static_cast<uint8_t>(i))));
  fsastate::Outgoing out;
  wire.authority.StartListing(1, 2, &out);
  wire.Put(&out);
  wire.Pump();
  REQUIRE(wire.listings.size() == 1);
  CHECK(wire.listings[0].files.size() == 2);
  CHECK(wire.listings[0].counters.files == 3);
}

TEST_CASE("host: notifications arrive across moves", "[unit][fsa_host]") {
  Fixture f;
  Wire wire(&f.host, Policy::kDelegate);
  wire.Pump();
  fsa::OpenRequest directory = RequestOf(1);
  directory.path = "/s";
  directory.is_directory = true;
  REQUIRE(f.Open(directory));
  std::optional<NtStatus> notified;
  std::vector<fsa::NotifyEntry> entries;
  fsa::NotifyRequest request;
  request.open = fsa::OpenId(1);
  request.filter = fsa::kNotifyFileName;
  request.max_size_bytes = 1000;
  CHECK_FALSE(f.host.has_watches());
  f.host.Notify(request, [&](NtStatus status, std::vector<fsa::NotifyEntry> got) {
    notified = status;
    entries = std::move(got);
  });
  CHECK(f.host.has_watches());
  wire.Want(Policy::kServe);
  wire.Pump();
  CHECK(f.host.has_watches());
  f.host.NameEvents({{.path = "/s/x", .action = fsa::NotifyAction::kAdded,
                      .filter = fsa::kNotifyFileName}});
  wire.Pump();
  REQUIRE(notified.has_value());
  CHECK(notified->ok());
  CHECK(entries.size() == 1);
}

TEST_CASE("host: random operations and moves leave nothing unanswered", "[unit][fsa_host]") {
  const char* given = std::getenv("CONTINUO_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::printf("CONTINUO_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  Fixture f;
  Wire wire(&f.host, Policy::kDelegate);
  size_t asked = 0, answered = 0;
  std::map<fsa::OpenId, bool> open;  // True once granted.
  uint64_t last = 0;
  Policy wanted = Policy::kDelegate;
  for (int i = 0; i < 5000; ++i) {
    switch (random() % 8) {
      case 0:
      case 1: {
        const fsa::OpenId id(++last);
        ++asked;
        f.host.Open(BatchOf(last, static_cast<uint8_t>(random() % 3)), [&, id](auto result) {
          ++answered;
          if (result.ok()) open[id] = true;
        });
        break;
      }
      case 2:
        if (!open.empty()) {
          const fsa::OpenId id = open.begin()->first;
          open.erase(open.begin());
          ++asked;
          f.host.Close(id, [&](auto result) {
            ++answered;
            CHECK(result.ok());
          });
        }
        break;
      case 3:
        if (!f.sink.breaks.empty()) {
          ++asked;
          const fsa::OpenId id = f.sink.breaks.back().open;
          f.sink.breaks.pop_back();
          f.host.AckOplockBreak(id, fsa::OplockLevel::kLevelII, [&](NtStatus) { ++answered; });
        }
        break;
      case 4:
        if (random() % 4 == 0) {
          wanted = wanted == Policy::kServe ? Policy::kDelegate : Policy::kServe;
          wire.Want(wanted);
        }
        break;
      case 5:
      case 6: wire.PumpUp(); break;
      case 7: wire.PumpDown(); break;
    }
  }
  wire.Pump();
  for (int i = 0; i < 10'000 && (answered < asked || !f.timer.timers.empty()); ++i) {
    f.timer.FireAll();
    wire.Pump();
  }
  CHECK(answered == asked);
  wire.Want(Policy::kServe);
  wire.Pump();
  CHECK(wire.authority.files().counters().opens == open.size());
  CHECK(wire.authority.files().counters().waiting_operations == 0);
}

TEST_CASE("host: many threads at once", "[unit][fsa_host]") {
  Sink sink;
  FsaHost host({.break_timeout = absl::Seconds(35), .sink = nullptr, .timer = nullptr});
  std::atomic<int> failures{0};
  std::vector<fsa::OpenRequest> requests;
  for (uint8_t file = 0; file < 5; ++file) requests.push_back(RequestOf(0, file));
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < 500; ++i) {
        const uint64_t id = t * 1000 + i + 1;
        fsa::OpenRequest request = requests[i % 5];
        request.open = fsa::OpenId(id);
        host.Open(std::move(request), [&](auto result) {
          if (!result.ok()) ++failures;
        });
        if (!host.CheckIo(fsa::OpenId(id), {fsa::IoKind::kRead, 0, 1}).ok()) ++failures;
        host.Close(fsa::OpenId(id), [&](auto result) {
          if (!result.ok()) ++failures;
        });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(failures == 0);
  CHECK(host.counters().files == 0);
}

TEST_CASE("timer thread: runs what is due and forgets what is cancelled", "[unit][fsa_host]") {
  absl::Notification may_go_on;
  absl::Notification last;
  std::atomic<bool> cancelled_ran{false};
  TimerThread timer;
  // Holds the timer's thread, so that the cancel comes before the other could run.
  timer.Schedule(absl::ZeroDuration(), [&] { may_go_on.WaitForNotification(); });
  const uint64_t gone =
      timer.Schedule(absl::Milliseconds(1), [&] { cancelled_ran = true; });
  timer.Schedule(absl::Hours(1), [&] { cancelled_ran = true; });
  timer.Schedule(absl::Milliseconds(2), [&] { last.Notify(); });
  timer.Cancel(gone);
  may_go_on.Notify();
  CHECK(last.WaitForNotificationWithTimeout(absl::Seconds(10)));
  CHECK_FALSE(cancelled_ran);
}

}  // namespace
}  // namespace continuo::frontend
