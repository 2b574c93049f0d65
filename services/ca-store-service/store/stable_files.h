// The few file operations that ownership needs, each durable when it returns. An interface, so that
// the power-cut simulation can record and replay them together with RocksDB's.
//
// Threading: implementations may be called from any thread; every call may block as long as the
// storage does.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace continuo::castore {

// Held until destroyed or until the process ends, whichever way.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

class StableFiles {
 public:
  virtual ~StableFiles() = default;

  // The content as the storage has it, not as this node remembers it. Errors: NotFound.
  virtual absl::StatusOr<std::string> ReadUncached(const std::string& path) = 0;
  // The file has either its former or the new content whatever happens, the new one on return.
  virtual absl::Status Replace(const std::string& path, const std::string& content) = 0;
  // With its missing parents. OK when it is there.
  virtual absl::Status MakeDirectories(const std::string& path) = 0;
  // Names in a directory, sorted, without "." and "..". Errors: NotFound.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& path) = 0;
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  // A file or a directory of files. OK when it is not there. Need not be durable.
  virtual absl::Status Remove(const std::string& path) = 0;
  // Makes the file when it is not there. Errors: Aborted when another process has the lock.
  virtual absl::StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path) = 0;
};

std::unique_ptr<StableFiles> MakePosixStableFiles();

}  // namespace continuo::castore
