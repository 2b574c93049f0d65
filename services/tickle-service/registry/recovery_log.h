// The file that this daemon writes: all its clients' connections, appended as they come and go.
//
//   <path>/<node>.<incarnation>.log      one for each life of a tickle-service; log_codec.h
//
// The writer holds an open-file-description lock on it as long as it lives. Who gets that lock knows
// that the writer is dead and may clean up; what clients get depends on the content alone. On a file
// system without such locks the logs of dead writers stay.
//
// Threading: the store's thread; every call may wait for the storage.
#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>

#include <absl/status/status.h>

#include "common/base/bytes.h"
#include "common/rpc/unique_fd.h"
#include "services/tickle-service/registry/log_codec.h"

namespace continuo::tickle {

struct LogPlace {
  std::string directory;
  std::string node;  // Without '/'.
  uint64_t incarnation = 0;

  std::string name() const;  // "<node>.<incarnation, 16 hexadecimal digits>.log"
  std::string path() const { return directory + "/" + name(); }
};

enum class Durability { kWritten, kSynced };

class RecoveryLog {
 public:
  explicit RecoveryLog(LogPlace place) : place_(std::move(place)) {}

  const LogPlace& place() const { return place_; }
  // False before the first Rewrite and after an error: only Rewrite helps then.
  bool is_open() const { return fd_.ok(); }
  size_t record_count() const { return record_count_; }  // Live or not.

  // Replaces the file by one that has exactly `live`, durable on return. Makes the directory when
  // its parent is there.
  absl::Status Rewrite(const std::set<Connection>& live);
  // Appends encoded records. After an error the file may have any part of them.
  absl::Status Append(const Bytes& records, Durability durability);
  // Removes the file; for a stop in order.
  void Remove();

 private:
  LogPlace place_;
  rpc::UniqueFd fd_;
  size_t record_count_ = 0;
};

// Errors: what the system says.
absl::Status WriteAll(int fd, std::span<const uint8_t> data, const std::string& path);
// Waits for nobody. False: another process has the lock, or the file system has no such locks.
bool TryLock(int fd);
absl::Status SyncDirectory(const std::string& path);

}  // namespace continuo::tickle
