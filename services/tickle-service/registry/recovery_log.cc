#include "services/tickle-service/registry/recovery_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include <absl/strings/str_format.h>
#include <absl/time/clock.h>

#include "common/base/check.h"

namespace continuo::tickle {
namespace {

constexpr mode_t kFileMode = 0600;
constexpr mode_t kDirectoryMode = 0700;

absl::Status Failed(const char* what, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrFormat("%s %s", what, path));
}

}  // namespace

std::string LogPlace::name() const { return absl::StrFormat("%s.%016x.log", node, incarnation); }

absl::Status WriteAll(int fd, std::span<const uint8_t> data, const std::string& path) {
  while (!data.empty()) {
    const ssize_t size = write(fd, data.data(), data.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Failed("write", path);
    data = data.subspan(static_cast<size_t>(size));
  }
  return absl::OkStatus();
}

// It ends with the process and not with the next close of any descriptor of the file, as a plain
// POSIX lock would.
bool TryLock(int fd) {
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  return fcntl(fd, F_OFD_SETLK, &range) == 0;
}

absl::Status SyncDirectory(const std::string& path) {
  const rpc::UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.ok()) return Failed("open", path);
  if (fsync(fd.get()) != 0) return Failed("fsync", path);
  return absl::OkStatus();
}

absl::Status RecoveryLog::Rewrite(const std::set<Connection>& live) {
  // One level only: a parent that is not there is a mount that is not there.
  if (mkdir(place_.directory.c_str(), kDirectoryMode) != 0 && errno != EEXIST) {
    return Failed("mkdir", place_.directory);
  }
  Bytes content = EncodeLogHeader(place_.incarnation, absl::Now());
  for (const Connection& one : live) AppendLogRecord({RecordKind::kConnected, one}, content);
  const std::string temporary = place_.path() + ".new";
  rpc::UniqueFd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC,
                        kFileMode));
  if (!fd.ok()) return Failed("open", temporary);
  // Before it gets its name: under that name it is never seen without its lock.
  (void)TryLock(fd.get());
  CONTINUO_RETURN_IF_ERROR(WriteAll(fd.get(), content, temporary));
  if (fsync(fd.get()) != 0) return Failed("fsync", temporary);
  if (rename(temporary.c_str(), place_.path().c_str()) != 0) return Failed("rename", temporary);
  CONTINUO_RETURN_IF_ERROR(SyncDirectory(place_.directory));
  fd_ = std::move(fd);
  record_count_ = live.size();
  return absl::OkStatus();
}

absl::Status RecoveryLog::Append(const Bytes& records, Durability durability) {
  CONTINUO_CHECK(is_open());
  absl::Status status = WriteAll(fd_.get(), records, place_.path());
  if (status.ok() && durability == Durability::kSynced && fdatasync(fd_.get()) != 0) {
    status = Failed("fdatasync", place_.path());
  }
  struct stat file {};
  if (status.ok() && fstat(fd_.get(), &file) != 0) status = Failed("fstat", place_.path());
  if (status.ok() && file.st_nlink == 0) {
    status = absl::AbortedError(absl::StrFormat("%s was removed", place_.path()));
  }
  // After a failed write or sync nobody knows what of it is there: a new file is the way on.
  if (!status.ok()) fd_.Reset();
  record_count_ += records.size() / kLogBlockBytes;
  return status;
}

void RecoveryLog::Remove() {
  if (fd_.ok()) (void)unlink(place_.path().c_str());
  fd_.Reset();
}

}  // namespace continuo::tickle
