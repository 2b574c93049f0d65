// A durable key-value store as the rest of this folder needs it, without RocksDB's types.
//
// Threading: one thread at a time; every call may block as long as the storage does.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/btree_map.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace continuo::castore {

// What a key begins with. An index entry goes with each handle: what it is about, in a few words and
// in another block of the file, so that a handle which cannot be read any more can still be named.
inline constexpr char kHandlePrefix = 'h';    // + persistent id, 8 bytes, big-endian.
inline constexpr char kIntentPrefix = 'i';    // + create GUID, client GUID.
inline constexpr char kIndexPrefix = 'n';     // + persistent id.
inline constexpr char kSetAsidePrefix = 'x';  // + the former key.
inline constexpr std::string_view kAttemptsKey = "m.attempts";
inline constexpr std::string_view kBatchKey = "s.batch";  // How many batches were written.

struct Change {
  std::string key;
  std::optional<std::string> value;  // Absent: the key goes.
};

using Content = absl::btree_map<std::string, std::string>;

// What a database that nobody writes to any more could give.
struct DatabaseContent {
  Content entries;
  std::vector<std::string> losses;  // One line each; empty: it was whole.
  uint64_t lost_count = 0;          // Handles that are named in losses.
};

class Database {
 public:
  virtual ~Database() = default;
  // All of them or none, on stable storage when it returns OK. After an error the database is of no
  // use any more, and whether the changes are in it is unknown.
  virtual absl::Status Write(const std::vector<Change>& changes) = 0;
};

class DatabaseFactory {
 public:
  virtual ~DatabaseFactory() = default;
  // Errors: AlreadyExists; what the storage says.
  virtual absl::StatusOr<std::unique_ptr<Database>> Create(const std::string& path) = 0;
  // Reads all that can be read, and says what cannot. Requires: nobody writes to it.
  // Errors: only what a later try may do better (the storage does not answer); a database that is
  // damaged beyond reading is an empty content with its losses.
  virtual absl::StatusOr<DatabaseContent> Read(const std::string& path) = 0;
};

std::unique_ptr<DatabaseFactory> MakeRocksFactory();

}  // namespace continuo::castore
