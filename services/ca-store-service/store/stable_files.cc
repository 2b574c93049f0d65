#include "services/ca-store-service/store/stable_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include <absl/strings/str_format.h>

#include "common/base/check.h"
#include "common/rpc/unique_fd.h"

namespace continuo::castore {
namespace {

using rpc::UniqueFd;

constexpr mode_t kFileMode = 0600;
constexpr mode_t kDirectoryMode = 0700;
constexpr size_t kBlockBytes = 4096;  // What O_DIRECT wants of address and size.
constexpr size_t kContentMaxBytes = 16 * kBlockBytes;

absl::Status Failed(const char* what, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrFormat("%s %s", what, path));
}

std::string ParentOf(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

absl::Status SyncDirectory(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return Failed("open", path);
  if (fsync(fd.get()) != 0) return Failed("fsync", path);
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadAll(int fd, const std::string& path) {
  void* memory = nullptr;
  if (posix_memalign(&memory, kBlockBytes, kContentMaxBytes) != 0) {
    return absl::ResourceExhaustedError("no memory");
  }
  const std::unique_ptr<void, decltype(&free)> buffer(memory, free);
  const ssize_t size = pread(fd, memory, kContentMaxBytes, 0);
  if (size < 0) return Failed("read", path);
  return std::string(static_cast<const char*>(memory), static_cast<size_t>(size));
}

absl::Status WriteAll(int fd, const std::string& content, const std::string& path) {
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t size = write(fd, content.data() + done, content.size() - done);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Failed("write", path);
    done += static_cast<size_t>(size);
  }
  return absl::OkStatus();
}

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(UniqueFd fd) : fd_(std::move(fd)) {}

 private:
  const UniqueFd fd_;
};

class PosixStableFiles final : public StableFiles {
 public:
  // Opened anew by its path each time, because Replace puts another file there, and because network
  // file systems promise fresh data to a new open only (close-to-open); with O_DIRECT, so that
  // clustered ones that cache pages under a lease of their own do not answer from memory. Where
  // O_DIRECT is not to be had (tmpfs) the cached pages are dropped instead.
  absl::StatusOr<std::string> ReadUncached(const std::string& path) override {
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT));
    if (fd.get() >= 0) {
      absl::StatusOr<std::string> content = ReadAll(fd.get(), path);
      if (content.ok() || !absl::IsInvalidArgument(content.status())) return content;
    } else if (errno != EINVAL) {
      return Failed("open", path);
    }
    fd = UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.get() < 0) return Failed("open", path);
    (void)posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
    return ReadAll(fd.get(), path);
  }

  absl::Status Replace(const std::string& path, const std::string& content) override {
    CONTINUO_CHECK(content.size() <= kContentMaxBytes);
    const std::string temporary = path + ".new";
    {
      const UniqueFd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                             kFileMode));
      if (fd.get() < 0) return Failed("open", temporary);
      CONTINUO_RETURN_IF_ERROR(WriteAll(fd.get(), content, temporary));
      if (fsync(fd.get()) != 0) return Failed("fsync", temporary);
    }
    if (rename(temporary.c_str(), path.c_str()) != 0) return Failed("rename", temporary);
    return SyncDirectory(ParentOf(path));
  }

  absl::Status MakeDirectories(const std::string& path) override {
    struct stat status {};
    if (stat(path.c_str(), &status) == 0) {
      if (S_ISDIR(status.st_mode)) return absl::OkStatus();
      return absl::FailedPreconditionError(absl::StrFormat("%s is not a directory", path));
    }
    const std::string parent = ParentOf(path);
    if (errno != ENOENT || parent == path) return Failed("stat", path);
    CONTINUO_RETURN_IF_ERROR(MakeDirectories(parent));
    if (mkdir(path.c_str(), kDirectoryMode) != 0 && errno != EEXIST) return Failed("mkdir", path);
    return SyncDirectory(parent);
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    std::error_code error;
    std::vector<std::string> names;
    std::filesystem::directory_iterator at(path, error);
    for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
      names.push_back(at->path().filename().string());
    }
    if (error) return absl::ErrnoToStatus(error.value(), absl::StrFormat("list %s", path));
    std::ranges::sort(names);
    return names;
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (rename(from.c_str(), to.c_str()) != 0) return Failed("rename", from);
    CONTINUO_RETURN_IF_ERROR(SyncDirectory(ParentOf(to)));
    return SyncDirectory(ParentOf(from));
  }

  absl::Status Remove(const std::string& path) override {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    if (error) return absl::ErrnoToStatus(error.value(), absl::StrFormat("remove %s", path));
    return absl::OkStatus();
  }

  // An open-file-description lock: it ends with the process, not with the next close of any
  // descriptor of the file as a plain POSIX lock does; clustered file systems make it hold on all
  // nodes, and flock not everywhere.
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path) override {
    UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode));
    if (fd.get() < 0) return Failed("open", path);
    struct flock range {};
    range.l_type = F_WRLCK;
    range.l_whence = SEEK_SET;
    if (fcntl(fd.get(), F_OFD_SETLK, &range) == 0) {
      return std::make_unique<PosixLock>(std::move(fd));
    }
    if (errno == EAGAIN || errno == EACCES) {
      return absl::AbortedError(absl::StrFormat("%s is locked by another process", path));
    }
    return Failed("lock", path);
  }
};

}  // namespace

std::unique_ptr<StableFiles> MakePosixStableFiles() { return std::make_unique<PosixStableFiles>(); }

}  // namespace continuo::castore
