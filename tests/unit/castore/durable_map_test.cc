// Goal: group commit, and that nothing of a change that failed is ever taken for true.
// Method: a medium that the test holds, fails and releases.
#include <thread>

#include <catch2/catch.hpp>

#include "services/ca-store-service/store/durable_map.h"
#include "tests/unit/castore/castore_test_support.h"

namespace continuo::castore {
namespace {

using testing::Wait;

// What is "on disk" is in `stored`; shared with the test, which outlives nothing.
struct Disk {
  absl::Mutex mutex;
  Content stored;
  std::vector<size_t> batches;  // Changes of each write.
  absl::Status answer;          // To writes; they are stored even if it is an error, if...
  bool stores_failed = false;   // ...this is set: an error leaves open what happened.
  bool is_held = false;
  int waiting = 0;
  bool is_released = false;
};

class FakeMedium final : public Medium {
 public:
  explicit FakeMedium(std::shared_ptr<Disk> disk) : disk_(std::move(disk)) {}
  absl::Status Write(const std::vector<Change>& changes, const Content&) override {
    absl::MutexLock lock(&disk_->mutex);
    ++disk_->waiting;
    const auto is_free = [this] { return !disk_->is_held; };
    disk_->mutex.Await(absl::Condition(&is_free));
    --disk_->waiting;
    disk_->batches.push_back(changes.size());
    if (!disk_->answer.ok() && !disk_->stores_failed) return disk_->answer;
    for (const Change& change : changes) {
      if (change.value) {
        disk_->stored[change.key] = *change.value;
      } else {
        disk_->stored.erase(change.key);
      }
    }
    return disk_->answer;
  }
  absl::Status Confirm() override {
    absl::MutexLock lock(&disk_->mutex);
    return absl::IsFailedPrecondition(disk_->answer) ? disk_->answer : absl::OkStatus();
  }
  absl::Status Release() override {
    absl::MutexLock lock(&disk_->mutex);
    disk_->is_released = true;
    return absl::OkStatus();
  }

 private:
  const std::shared_ptr<Disk> disk_;
};

struct Fixture {
  explicit Fixture(absl::Duration answer_max = absl::Seconds(30)) {
    DurableMap::Options options;
    options.medium = std::make_unique<FakeMedium>(disk);
    options.answer_max = answer_max;
    options.retry_interval = absl::Milliseconds(20);
    options.confirm_interval = absl::Milliseconds(20);
    options.on_fenced = [flag = fenced](absl::Status) { flag->fetch_add(1); };
    map = std::make_unique<DurableMap>(std::move(options));
  }
  void Hold(bool is_held) {
    absl::MutexLock lock(&disk->mutex);
    disk->is_held = is_held;
  }
  void AwaitWriter() {
    absl::MutexLock lock(&disk->mutex);
    disk->mutex.Await(absl::Condition(+[](int* waiting) { return *waiting > 0; }, &disk->waiting));
  }
  void Answer(absl::Status status, bool stores_failed = false) {
    absl::MutexLock lock(&disk->mutex);
    disk->answer = std::move(status);
    disk->stores_failed = stores_failed;
  }
  bool IsStored(const std::string& key) {
    absl::MutexLock lock(&disk->mutex);
    return disk->stored.contains(key);
  }
  absl::Status Set(const std::string& key, std::optional<std::string> value) {
    return Wait([&](DurableMap::Done done) { map->Apply({{key, value}}, std::move(done)); });
  }
  // Changes fail at once between two tries.
  void SetUntilOk(const std::string& key, const std::string& value) {
    while (!Set(key, value).ok()) std::this_thread::yield();
  }

  std::shared_ptr<Disk> disk = std::make_shared<Disk>();
  std::shared_ptr<std::atomic<int>> fenced = std::make_shared<std::atomic<int>>(0);
  std::unique_ptr<DurableMap> map;
};

TEST_CASE("durable map: what waits while the disk is busy is one write", "[unit][castore]") {
  Fixture f;
  f.Hold(true);
  std::atomic<int> done_count = 0;
  const auto count = [&done_count](absl::Status status) { done_count += status.ok() ? 1 : 0; };
  f.map->Apply({{"h1", "a"}}, count);
  f.AwaitWriter();
  for (int i = 0; i < 100; ++i) f.map->Apply({{"h" + std::to_string(i), "b"}}, count);
  CHECK(done_count == 0);
  CHECK_FALSE(f.map->Get("h1"));
  f.Hold(false);
  REQUIRE(f.Set("h-last", "c").ok());
  CHECK(done_count == 101);
  CHECK(f.map->Get("h1") == "b");
  absl::MutexLock lock(&f.disk->mutex);
  REQUIRE(f.disk->batches.size() <= 3);
  CHECK(f.disk->batches[0] == 1);
  CHECK(f.disk->batches[1] >= 100);
}

TEST_CASE("durable map: a failed change is taken back before the next one succeeds",
          "[unit][castore]") {
  Fixture f;
  REQUIRE(f.Set("h-old", "before").ok());
  REQUIRE(f.Set("h-gone", "there").ok());
  f.Answer(absl::ResourceExhaustedError("full"), true);  // It fails, and is on disk all the same.
  CHECK(absl::IsResourceExhausted(f.Set("h-new", "x")));
  CHECK(f.IsStored("h-new"));
  CHECK_FALSE(f.map->Get("h-new"));
  CHECK(absl::IsResourceExhausted(f.map->Health()));
  f.Answer(absl::OkStatus());
  f.SetUntilOk("h-next", "y");
  CHECK_FALSE(f.IsStored("h-new"));
  CHECK(f.IsStored("h-next"));
  CHECK(f.map->Get("h-old") == "before");
  CHECK(f.map->Health().ok());
}

TEST_CASE("durable map: a failed overwrite and a failed delete leave the former value",
          "[unit][castore]") {
  Fixture f;
  REQUIRE(f.Set("h1", "one").ok());
  const bool is_delete = GENERATE(false, true);
  f.Answer(absl::UnavailableError("read-only"), true);
  CHECK_FALSE(f.Set("h1", is_delete ? std::nullopt : std::optional<std::string>("two")).ok());
  f.Answer(absl::OkStatus());
  f.SetUntilOk("h2", "x");
  CHECK(f.map->Get("h1") == "one");
  absl::MutexLock lock(&f.disk->mutex);
  CHECK(f.disk->stored["h1"] == "one");
}

TEST_CASE("durable map: it recovers by itself when nobody changes anything", "[unit][castore]") {
  Fixture f;
  f.Answer(absl::UnavailableError("gone"), true);
  CHECK_FALSE(f.Set("h1", "x").ok());
  f.Answer(absl::OkStatus());
  while (!f.map->Health().ok()) std::this_thread::yield();
  CHECK_FALSE(f.IsStored("h1"));
}

TEST_CASE("durable map: a disk that does not answer fails changes in time, and takes them back later",
          "[unit][castore]") {
  Fixture f(absl::Milliseconds(50));
  f.Hold(true);
  CHECK(absl::IsDeadlineExceeded(f.Set("h-late", "x")));
  f.AwaitWriter();
  // From here on nothing waits for it.
  CHECK(absl::IsDeadlineExceeded(f.Set("h-more", "y")));
  CHECK(absl::IsDeadlineExceeded(f.map->Health()));
  f.Hold(false);
  f.SetUntilOk("h-next", "z");
  while (f.IsStored("h-late")) std::this_thread::yield();  // The next write takes it back.
  CHECK_FALSE(f.map->Get("h-late"));
  CHECK_FALSE(f.IsStored("h-more"));
}

TEST_CASE("durable map: once another node took over nothing succeeds any more", "[unit][castore]") {
  Fixture f;
  REQUIRE(f.Set("h1", "x").ok());
  f.Answer(absl::FailedPreconditionError("taken over"), true);
  CHECK(absl::IsFailedPrecondition(f.Set("h2", "y")));
  f.Answer(absl::OkStatus());
  CHECK(absl::IsFailedPrecondition(f.Set("h3", "z")));
  CHECK_FALSE(f.map->Stop(absl::Now() + absl::Seconds(10)).ok());
  CHECK(*f.fenced == 1);
  absl::MutexLock lock(&f.disk->mutex);
  CHECK_FALSE(f.disk->is_released);
}

TEST_CASE("durable map: an idle one notices that another node took over", "[unit][castore]") {
  Fixture f;
  f.Answer(absl::FailedPreconditionError("taken over"));
  while (*f.fenced == 0) std::this_thread::yield();
  CHECK(absl::IsFailedPrecondition(f.map->Health()));
}

TEST_CASE("durable map: what must land lands after the trouble", "[unit][castore]") {
  Fixture f;
  f.Answer(absl::UnavailableError("gone"));
  CHECK_FALSE(f.Set("h0", "x").ok());
  auto promise = std::make_shared<std::promise<absl::Status>>();
  f.map->Apply({{"h1", "x"}}, [promise](absl::Status status) { promise->set_value(status); },
               DurableMap::Urgency::kMustLand);
  std::future<absl::Status> landed = promise->get_future();
  CHECK(landed.wait_for(std::chrono::milliseconds(100)) == std::future_status::timeout);
  f.Answer(absl::OkStatus());
  CHECK(landed.get().ok());
  CHECK(f.IsStored("h1"));
}

TEST_CASE("durable map: a stop writes what waits, and releases", "[unit][castore]") {
  Fixture f;
  f.Hold(true);
  absl::Status status = absl::UnknownError("not yet");
  f.map->Apply({{"h1", "x"}}, [](absl::Status) {});
  f.AwaitWriter();
  f.map->Apply({{"h2", "x"}}, [&status](absl::Status s) { status = s; });
  CHECK(absl::IsDeadlineExceeded(f.map->Stop(absl::Now())));
  CHECK(absl::IsCancelled(f.Set("h3", "x")));
  f.Hold(false);
  CHECK(f.map->Stop(absl::Now() + absl::Seconds(10)).ok());
  CHECK(status.ok());
  CHECK(f.IsStored("h2"));
  absl::MutexLock lock(&f.disk->mutex);
  CHECK(f.disk->is_released);
}

TEST_CASE("durable map: a writer that hangs for ever is left behind with nobody to answer",
          "[unit][castore]") {
  auto disk = std::make_shared<Disk>();
  absl::Status status;
  {
    Fixture f;
    disk = f.disk;
    f.Hold(true);
    f.map->Apply({{"h1", "x"}}, [&status](absl::Status s) { status = s; });
    f.AwaitWriter();
  }
  CHECK(absl::IsCancelled(status));
  absl::MutexLock lock(&disk->mutex);
  disk->is_held = false;
}

}  // namespace
}  // namespace continuo::castore
