#include "tests/sim/castore/sim_file_system.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <rocksdb/file_system.h>

namespace continuo::castore::sim {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

IOStatus ReadAt(const std::string& data, uint64_t offset, size_t n, Slice* result, char* scratch) {
  const size_t from = std::min<size_t>(offset, data.size());
  const size_t size = std::min(n, data.size() - from);
  std::memcpy(scratch, data.data() + from, size);
  *result = Slice(scratch, size);
  return IOStatus::OK();
}

class SequentialFile final : public rocksdb::FSSequentialFile {
 public:
  explicit SequentialFile(std::string data) : data_(std::move(data)) {}
  IOStatus Read(size_t n, const IOOptions&, Slice* result, char* scratch,
                IODebugContext*) override {
    const IOStatus status = ReadAt(data_, position_, n, result, scratch);
    position_ += result->size();
    return status;
  }
  IOStatus Skip(uint64_t n) override {
    position_ += n;
    return IOStatus::OK();
  }

 private:
  const std::string data_;
  uint64_t position_ = 0;
};

class RandomAccessFile final : public rocksdb::FSRandomAccessFile {
 public:
  explicit RandomAccessFile(std::string data) : data_(std::move(data)) {}
  IOStatus Read(uint64_t offset, size_t n, const IOOptions&, Slice* result, char* scratch,
                IODebugContext*) const override {
    return ReadAt(data_, offset, n, result, scratch);
  }

 private:
  const std::string data_;
};

class WritableFile final : public rocksdb::FSWritableFile {
 public:
  WritableFile(SimDisk* disk, uint64_t inode) : disk_(disk), inode_(inode) {}
  using rocksdb::FSWritableFile::Append;
  IOStatus Append(const Slice& data, const IOOptions&, IODebugContext*) override {
    disk_->Append(inode_, data.ToString());
    size_ += data.size();
    return IOStatus::OK();
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Sync(const IOOptions&, IODebugContext*) override {
    disk_->SyncFile(inode_);
    return IOStatus::OK();
  }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return size_; }

 private:
  SimDisk* const disk_;
  const uint64_t inode_;
  uint64_t size_ = 0;
};

class Directory final : public rocksdb::FSDirectory {
 public:
  Directory(SimDisk* disk, std::string path) : disk_(disk), path_(std::move(path)) {}
  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    disk_->SyncDirectory(path_);
    return IOStatus::OK();
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

 private:
  SimDisk* const disk_;
  const std::string path_;
};

class SimFileSystem final : public rocksdb::FileSystem {
 public:
  explicit SimFileSystem(SimDisk* disk) : disk_(disk) {}
  const char* Name() const override { return "SimFileSystem"; }

  IOStatus NewSequentialFile(const std::string& path, const FileOptions&,
                             std::unique_ptr<rocksdb::FSSequentialFile>* result,
                             IODebugContext*) override {
    std::string data;
    if (!disk_->Read(path, &data)) return Missing(path);
    *result = std::make_unique<SequentialFile>(std::move(data));
    return IOStatus::OK();
  }
  IOStatus NewRandomAccessFile(const std::string& path, const FileOptions&,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                               IODebugContext*) override {
    std::string data;
    if (!disk_->Read(path, &data)) return Missing(path);
    *result = std::make_unique<RandomAccessFile>(std::move(data));
    return IOStatus::OK();
  }
  IOStatus NewWritableFile(const std::string& path, const FileOptions&,
                           std::unique_ptr<rocksdb::FSWritableFile>* result,
                           IODebugContext*) override {
    *result = std::make_unique<WritableFile>(disk_, disk_->Create(path));
    return IOStatus::OK();
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions&,
                        std::unique_ptr<rocksdb::FSDirectory>* result, IODebugContext*) override {
    *result = std::make_unique<Directory>(disk_, path);
    return IOStatus::OK();
  }
  IOStatus FileExists(const std::string& path, const IOOptions&, IODebugContext*) override {
    return disk_->FileExists(path) || disk_->DirectoryExists(path) ? IOStatus::OK()
                                                                   : IOStatus::NotFound();
  }
  IOStatus GetChildren(const std::string& path, const IOOptions&, std::vector<std::string>* result,
                       IODebugContext*) override {
    if (!disk_->DirectoryExists(path)) return Missing(path);
    *result = disk_->List(path);
    return IOStatus::OK();
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions&, IODebugContext*) override {
    return disk_->Unlink(path) ? IOStatus::OK() : Missing(path);
  }
  IOStatus CreateDir(const std::string& path, const IOOptions&, IODebugContext*) override {
    return disk_->MakeDirectory(path) ? IOStatus::OK() : IOStatus::IOError("exists", path);
  }
  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions&, IODebugContext*) override {
    disk_->MakeDirectory(path);
    return IOStatus::OK();
  }
  IOStatus DeleteDir(const std::string& path, const IOOptions&, IODebugContext*) override {
    return disk_->Unlink(path) ? IOStatus::OK() : Missing(path);
  }
  IOStatus GetFileSize(const std::string& path, const IOOptions&, uint64_t* size,
                       IODebugContext*) override {
    std::string data;
    if (!disk_->Read(path, &data)) return Missing(path);
    *size = data.size();
    return IOStatus::OK();
  }
  IOStatus GetFileModificationTime(const std::string&, const IOOptions&, uint64_t* time,
                                   IODebugContext*) override {
    *time = 0;
    return IOStatus::OK();
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions&,
                      IODebugContext*) override {
    return disk_->Rename(from, to) ? IOStatus::OK() : Missing(from);
  }
  IOStatus LockFile(const std::string&, const IOOptions&, rocksdb::FileLock** lock,
                    IODebugContext*) override {
    *lock = new rocksdb::FileLock;
    return IOStatus::OK();
  }
  IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions&, IODebugContext*) override {
    delete lock;
    return IOStatus::OK();
  }
  IOStatus GetTestDirectory(const IOOptions&, std::string* path, IODebugContext*) override {
    *path = "/test";
    return IOStatus::OK();
  }
  IOStatus GetAbsolutePath(const std::string& path, const IOOptions&, std::string* result,
                           IODebugContext*) override {
    *result = path;
    return IOStatus::OK();
  }
  IOStatus IsDirectory(const std::string& path, const IOOptions&, bool* is_directory,
                       IODebugContext*) override {
    *is_directory = disk_->DirectoryExists(path);
    return IOStatus::OK();
  }

 private:
  static IOStatus Missing(const std::string& path) {
    return IOStatus::PathNotFound("No such file or directory", path);
  }

  SimDisk* const disk_;
};

// Env's threads and clock, over another file system.
class SimEnv final : public rocksdb::EnvWrapper {
 public:
  explicit SimEnv(std::unique_ptr<rocksdb::Env> env)
      : rocksdb::EnvWrapper(env.get()), env_(std::move(env)) {}
  const char* Name() const override { return "SimEnv"; }

 private:
  const std::unique_ptr<rocksdb::Env> env_;
};

class NoLock final : public FileLock {};

class SimStableFiles final : public StableFiles {
 public:
  explicit SimStableFiles(SimDisk* disk) : disk_(disk) {}

  absl::StatusOr<std::string> ReadUncached(const std::string& path) override {
    std::string data;
    if (!disk_->Read(path, &data)) return absl::NotFoundError(path);
    return data;
  }
  // The steps of the real one.
  absl::Status Replace(const std::string& path, const std::string& content) override {
    const uint64_t inode = disk_->Create(path + ".new");
    disk_->Append(inode, content);
    disk_->SyncFile(inode);
    disk_->Rename(path + ".new", path);
    disk_->SyncDirectory(ParentOf(path));
    return absl::OkStatus();
  }
  absl::Status MakeDirectories(const std::string& path) override {
    if (disk_->DirectoryExists(path)) return absl::OkStatus();
    (void)MakeDirectories(ParentOf(path));
    disk_->MakeDirectory(path);
    disk_->SyncDirectory(ParentOf(path));
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    if (!disk_->DirectoryExists(path)) return absl::NotFoundError(path);
    return disk_->List(path);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (!disk_->Rename(from, to)) return absl::NotFoundError(from);
    disk_->SyncDirectory(ParentOf(to));
    disk_->SyncDirectory(ParentOf(from));
    return absl::OkStatus();
  }
  absl::Status Remove(const std::string& path) override {
    for (const std::string& name : disk_->List(path)) (void)Remove(path + "/" + name);
    disk_->Unlink(path);
    return absl::OkStatus();
  }
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path) override {
    if (!disk_->DirectoryExists(ParentOf(path))) return absl::NotFoundError(path);
    if (!disk_->FileExists(path)) disk_->Create(path);
    return std::make_unique<NoLock>();
  }

 private:
  SimDisk* const disk_;
};

}  // namespace

std::unique_ptr<rocksdb::Env> MakeSimEnv(SimDisk* disk) {
  return std::make_unique<SimEnv>(
      rocksdb::NewCompositeEnv(std::make_shared<SimFileSystem>(disk)));
}

std::unique_ptr<StableFiles> MakeSimStableFiles(SimDisk* disk) {
  return std::make_unique<SimStableFiles>(disk);
}

}  // namespace continuo::castore::sim
