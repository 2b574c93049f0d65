#include "services/tickle-service/registry/other_logs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include <absl/strings/match.h>
#include <absl/strings/str_format.h>
#include <absl/time/clock.h>

#include "common/base/check.h"
#include "common/logging/log.h"
#include "common/rpc/unique_fd.h"
#include "services/tickle-service/registry/log_codec.h"
#include "services/tickle-service/registry/recovery_log.h"

namespace continuo::tickle {
namespace {

constexpr size_t kReadChunkBytes = 1 << 20;

absl::Status Failed(const char* what, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrFormat("%s %s", what, path));
}

absl::StatusOr<std::vector<std::string>> NamesOfLogs(const std::string& directory,
                                                     const std::string& own_name) {
  std::error_code error;
  std::vector<std::string> names;
  std::filesystem::directory_iterator at(directory, error);
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (absl::EndsWith(name, ".log") && name != own_name) names.push_back(name);
  }
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrFormat("list %s", directory));
  return names;
}

absl::StatusOr<Bytes> ReadAll(int fd, const std::string& path) {
  // Another node has written it: what this one remembers of it may be old.
  (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  Bytes content;
  for (;;) {
    const size_t filled = content.size();
    if (filled > kLogMaxBytes) return absl::DataLossError("it is too large");
    content.resize(filled + kReadChunkBytes);
    const ssize_t size = read(fd, content.data() + filled, kReadChunkBytes);
    if (size < 0 && errno != EINTR) return Failed("read", path);
    content.resize(filled + static_cast<size_t>(std::max<ssize_t>(size, 0)));
    if (size == 0) return content;
  }
}

absl::StatusOr<LogContent> ReadLogFile(int fd, const std::string& path) {
  CONTINUO_ASSIGN_OR_RETURN(const Bytes content, ReadAll(fd, path));
  return ReadLog(content);
}

void ReportDamage(const std::string& path, const LogContent& log) {
  if (log.damaged_count == 0) return;
  logging::Warning("recovery.log_damaged",
                   {{"path", path}, {"lost_records", log.damaged_count}});
}

bool IsSameFile(int fd, const std::string& path) {
  struct stat held {};
  struct stat named {};
  return fstat(fd, &held) == 0 && stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino &&
         held.st_dev == named.st_dev;
}

bool IsOld(int fd) {
  struct stat file {};
  return fstat(fd, &file) == 0 && absl::Now() - absl::TimeFromTimespec(file.st_mtim) > kLogMaxAge;
}

absl::Status CloseRecords(int fd, const std::string& path, const LogContent& log,
                          const std::set<Connection>& done) {
  Bytes records;
  size_t left_count = log.live.size();
  for (const Connection& one : log.live) {
    if (!done.contains(one)) continue;
    AppendLogRecord({RecordKind::kClosed, one}, records);
    --left_count;
  }
  if (left_count == 0) {
    if (unlink(path.c_str()) != 0) return Failed("unlink", path);
    return absl::OkStatus();
  }
  if (records.empty()) return absl::OkStatus();
  // What was being written when the writer died goes, so that blocks stay in step.
  const off_t size = lseek(fd, 0, SEEK_END);
  if (size < 0) return Failed("seek", path);
  const auto torn = static_cast<off_t>(log.torn_tail_bytes);
  if (torn != 0 && ftruncate(fd, size - torn) != 0) return Failed("truncate", path);
  if (lseek(fd, 0, SEEK_END) < 0) return Failed("seek", path);
  // Not synced: if it is lost, these clients get tickles once more.
  return WriteAll(fd, records, path);
}

absl::Status SettleOne(const std::string& path, const std::set<Connection>& done) {
  const rpc::UniqueFd fd(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd.ok()) return errno == ENOENT ? absl::OkStatus() : Failed("open", path);
  // A writer replaces its file under its name; only the lock on the file of that name counts.
  if (!TryLock(fd.get()) || !IsSameFile(fd.get(), path)) return absl::OkStatus();
  if (IsOld(fd.get())) {
    if (unlink(path.c_str()) != 0) return Failed("unlink", path);
    return absl::OkStatus();
  }
  const absl::StatusOr<LogContent> log = ReadLogFile(fd.get(), path);
  if (!log.ok()) return absl::OkStatus();  // Its age will remove it.
  return CloseRecords(fd.get(), path, *log, done);
}

}  // namespace

absl::StatusOr<std::vector<OtherLog>> ReadOtherLogs(const std::string& directory,
                                                    const std::string& own_name) {
  CONTINUO_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                            NamesOfLogs(directory, own_name));
  std::vector<OtherLog> logs;
  for (const std::string& name : names) {
    const std::string path = directory + "/" + name;
    const rpc::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.ok() && errno == ENOENT) continue;  // Settled by another node.
    absl::StatusOr<LogContent> log =
        fd.ok() ? ReadLogFile(fd.get(), path) : absl::StatusOr<LogContent>(Failed("open", path));
    if (!log.ok()) {
      logging::Warning("recovery.log_unreadable", {{"path", path}, {"reason", log.status()}});
      continue;
    }
    ReportDamage(path, *log);
    logs.push_back({name, std::move(log->live)});
  }
  return logs;
}

absl::Status SettleOtherLogs(const std::string& directory, const std::string& own_name,
                             const std::set<Connection>& done) {
  CONTINUO_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                            NamesOfLogs(directory, own_name));
  absl::Status status;
  for (const std::string& name : names) {
    status.Update(SettleOne(directory + "/" + name, done));
  }
  return status;
}

}  // namespace continuo::tickle
