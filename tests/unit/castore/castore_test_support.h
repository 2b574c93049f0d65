// What the tests of the store share: example records, and files and databases that fail on order.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>

#include <absl/synchronization/mutex.h>

#include "common/base/check.h"
#include "services/ca-store-service/store/handle_store.h"

namespace continuo::castore::testing {

inline Guid MakeGuid(uint8_t first) {
  Guid guid{};
  for (size_t i = 0; i < guid.size(); ++i) guid[i] = static_cast<uint8_t>(first + i);
  return guid;
}

inline HandleRecord MakeRecord(uint64_t id) {
  HandleRecord record;
  record.persistent_id = id;
  record.create_guid = MakeGuid(static_cast<uint8_t>(id));
  record.client_guid = MakeGuid(1);
  record.path = "dir/file" + std::to_string(id);
  record.share_name = "Data";
  record.access = 0x0012019F;
  record.timeout_ms = 60000;
  record.owner_sid = Bytes(28, 5);
  record.create_time = absl::FromUnixSeconds(1'790'000'000);
  return record;
}

inline CreateIntent MakeIntent(uint8_t number) {
  CreateIntent intent;
  intent.key = {.create_guid = MakeGuid(number), .client_guid = MakeGuid(1)};
  intent.name = "new" + std::to_string(number);
  intent.share_name = "Data";
  return intent;
}

inline Identity MakeIdentity(const std::string& node, const std::string& boot = "boot-1") {
  return {.node = node, .machine_id = "m-" + node, .boot_id = boot, .pid = 7, .pid_start_ticks = 70};
}

class TempDirectory {
 public:
  TempDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "continuo-ca-XXXXXX").string();
    CONTINUO_CHECK(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Calls `start` with a callback and waits for its status.
inline absl::Status Wait(const std::function<void(DurableMap::Done)>& start) {
  auto promise = std::make_shared<std::promise<absl::Status>>();
  std::future<absl::Status> future = promise->get_future();
  start([promise](absl::Status status) { promise->set_value(std::move(status)); });
  return future.get();
}

inline absl::Status Put(HandleStore& store, const HandleRecord& record) {
  return Wait([&](DurableMap::Done done) {
    store.PutRecord(record, Completes::kNothing, std::move(done));
  });
}

inline absl::Status Delete(HandleStore& store, uint64_t id) {
  return Wait([&](DurableMap::Done done) { store.DeleteRecord(id, std::move(done)); });
}

// A store on real files, whose former owners count as gone.
inline HandleStore::Options OptionsFor(const std::string& ca_path, const Identity& self) {
  HandleStore::Options options;
  options.incarnation.ca_path = ca_path;
  options.incarnation.self = self;
  options.incarnation.is_alive = [](const Identity&) { return false; };
  options.incarnation.now = absl::FromUnixSeconds(1'790'000'000);
  options.incarnation.files = MakePosixStableFiles();
  options.incarnation.databases = MakeRocksFactory();
  options.now = [] { return absl::FromUnixSeconds(1'790'000'100); };
  return options;
}

// Takes every handout and reports it as restored, until the last one.
struct Collected {
  std::vector<HandleRecord> records;
  std::vector<CreateIntent> intents;
  std::vector<size_t> sizes;  // Of each handout.
};
inline Collected CollectAll(HandleStore& store) {
  struct Shared {
    absl::Mutex mutex;
    Collected all;
    bool is_done = false;
  };
  auto shared = std::make_shared<Shared>();
  store.BeginHandouts([shared, &store](Handout handout) {
    {
      absl::MutexLock lock(&shared->mutex);
      shared->all.sizes.push_back(handout.records.size() + handout.intents.size());
      for (auto& record : handout.records) shared->all.records.push_back(std::move(record));
      for (auto& intent : handout.intents) shared->all.intents.push_back(std::move(intent));
    }
    CONTINUO_CHECK(store.Restored(handout.number).ok());
    absl::MutexLock lock(&shared->mutex);
    shared->is_done = handout.is_last;
  });
  absl::MutexLock lock(&shared->mutex);
  shared->mutex.Await(absl::Condition(&shared->is_done));
  return std::move(shared->all);
}

}  // namespace continuo::castore::testing
