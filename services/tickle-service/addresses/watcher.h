// Follows the addresses of this node as the kernel reports them (rtnetlink).
//
// Threading: Snapshot and Wake from any thread; one thread of its own reads the socket and calls
// `on_turn` each time it comes round.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/status/statusor.h>
#include <absl/synchronization/mutex.h>

#include "services/tickle-service/addresses/address_table.h"

namespace continuo::tickle {

class AddressWatcher {
 public:
  // Errors: what the system says when the socket cannot be had.
  // `on_arrived` is called on the watcher's thread for each address that was not here before, those
  // of the start among them, once it can be used; it must not block.
  static absl::StatusOr<std::unique_ptr<AddressWatcher>> Start(
      std::function<void()> on_turn,
      std::function<void(const AddressEntry&)> on_arrived = nullptr);
  ~AddressWatcher();

  struct Snapshot {
    std::vector<AddressEntry> addresses;
    uint64_t arrival_count = 0;
    uint64_t departure_count = 0;
  };
  Snapshot Read() const;

  void Wake();  // Makes the thread come round once.

 private:
  AddressWatcher() = default;
  void Run();
  void RequestDump();
  void ReadDatagrams();
  void ReadDatagram(size_t size_bytes);
  void Arrived(const AddressKey& key);
  void Departed(const AddressKey& key);
  void FinishDump();

  std::function<void()> on_turn_;
  std::function<void(const AddressEntry&)> on_arrived_;
  int netlink_fd_ = -1;
  int wake_fd_ = -1;
  std::thread thread_;
  std::atomic<bool> is_stopping_{false};
  mutable absl::Mutex mutex_;
  AddressTable table_ ABSL_GUARDED_BY(mutex_);
  // Only the thread uses these.
  std::vector<uint8_t> buffer_;
  uint32_t dump_sequence_ = 0;
  bool is_dump_stale_ = false;
  std::set<AddressKey> dump_;
};

}  // namespace continuo::tickle
