// Operations on one open object.
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "common/base/check.h"
#include "common/ntstatus/errno_status.h"
#include "services/smb-frontend/vfs/credentials.h"
#include "services/smb-frontend/vfs/resolve.h"
#include "services/smb-frontend/vfs/streams.h"
#include "services/smb-frontend/vfs/vfs.h"
#include "services/smb-frontend/vfs/vfs_internal.h"

namespace continuo::vfs {
namespace {

constexpr uint64_t kOffsetMax = INT64_MAX;
constexpr size_t kCopyBufferSizeBytes = 1 << 20;
constexpr uint64_t kCopyChunkMaxBytes = 1u << 30;

bool IsInBounds(uint64_t offset, uint64_t length) {
  return offset <= kOffsetMax && length <= kOffsetMax - offset;
}

// A descriptor that may write: the file's own, or a second one.
NtResult<int> WritableFd(const Vfs& vfs, const File& file, UniqueFd& holder) {
  if (file.stat.IsDirectory()) return NtStatus::kFileIsADirectory;
  if (file.access == FileAccess::kReadWrite) return file.fd.get();
  CONTINUO_ASSIGN_OR_RETURN(holder, vfs.Reopen(file, FileAccess::kReadWrite));
  return holder.get();
}

NtStatus RefreshStat(const ShareRoot& root, File& file) {
  return NtStatusFromErrno(StatFd(root, file.fd.get(), file.stat));
}

int WriteZeros(int fd, uint64_t offset, uint64_t length) {
  static constexpr std::array<char, 65536> kZeros{};
  while (length > 0) {
    const size_t count = std::min<uint64_t>(length, kZeros.size());
    const ssize_t written = ::pwrite(fd, kZeros.data(), count, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written < 0 ? errno : EIO;
    offset += static_cast<uint64_t>(written);
    length -= static_cast<uint64_t>(written);
  }
  return 0;
}

}  // namespace

int ZeroFileRange(int fd, uint64_t offset, uint64_t length, int mode) {
  const int result = ::fallocate(fd, mode | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                                 static_cast<off_t>(length));
  if (result == 0) return 0;
  return errno == EOPNOTSUPP ? WriteZeros(fd, offset, length) : errno;
}

NtStatus StatusOfXattr(int error) {
  return IsNoXattrSpace(error) ? NtStatus(NtStatus::kDiskFull) : NtStatusFromErrno(error);
}

NtStatus StoreAttributes(const ShareRoot& root, const File& file) {
  const Bytes value = EncodeDosAttributes(file.stored, root.options().dos_attributes_format);
  int error = WriteXattr(TargetOf(file), kDosAttributesXattr, value);
  if (error == EPERM || error == EACCES) {
    // FILE_WRITE_ATTRIBUTES was granted; the kernel ties user xattrs to the right to write data.
    const ScopedPrivilege privilege;
    error = WriteXattr(TargetOf(file), kDosAttributesXattr, value);
  }
  if (error != 0 && !IsXattrUnsupported(error)) return StatusOfXattr(error);
  return NtStatus();
}

NtStatus SyncDirectory(const ShareRoot& root, int directory_fd) {
  if (!root.options().is_force_sync) return NtStatus();
  const UniqueFd fd(::openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || ::fsync(fd.get()) != 0) return NtStatusFromErrno(errno);
  return NtStatus();
}

NtStatus SyncObject(const ShareRoot& root, const File& file) {
  if (!root.options().is_force_sync || file.is_path_only) return NtStatus();
  return ::fsync(file.fd.get()) == 0 ? NtStatus() : NtStatusFromErrno(errno);
}

NtResult<FileStat> Vfs::Stat(const File& file) const {
  FileStat stat;
  if (const int error = StatFd(*root_, file.fd.get(), stat); error != 0) {
    return NtStatusFromErrno(error);
  }
  return stat;
}

NtStatus Vfs::Refresh(File& file) const {
  CONTINUO_RETURN_IF_ERROR(RefreshStat(*root_, file));
  file.stored = ReadAttributes(*root_, TargetOf(file));
  return NtStatus();
}

NtStatus Vfs::ResetForOverwrite(File& file, const CreateSpec& spec) const {
  CONTINUO_RETURN_IF_ERROR(SetSize(file, 0));
  if (root_->options().has_named_streams) {
    CONTINUO_RETURN_IF_ERROR(RemoveAllStreams(*this, file));
  }
  CONTINUO_ASSIGN_OR_RETURN(const auto eas, ListEas(file));
  for (const ExtendedAttribute& ea : eas) {
    CONTINUO_RETURN_IF_ERROR(SetEa(file, ea.name, {}));
  }
  file.stored.attributes = spec.attributes & kAttributesSettable;
  if (!file.stored.creation_time) file.stored.creation_time = file.stat.birth_time;
  CONTINUO_RETURN_IF_ERROR(StoreAttributes(*root_, file));
  if (spec.allocation_bytes && *spec.allocation_bytes > 0) {
    CONTINUO_RETURN_IF_ERROR(SetAllocation(file, *spec.allocation_bytes));
  }
  CONTINUO_RETURN_IF_ERROR(SyncObject(*root_, file));
  return RefreshStat(*root_, file);
}

NtStatus Vfs::SetAttributes(File& file, uint32_t attributes) const {
  const StoredDosAttributes before = file.stored;
  const uint32_t sparse = before.attributes.value_or(0) & kAttributeSparse;
  file.stored.attributes = (attributes & kAttributesSettable) | sparse;
  if (!file.stored.creation_time) file.stored.creation_time = file.stat.birth_time;
  const NtStatus status = StoreAttributes(*root_, file);
  if (!status.ok()) {
    file.stored = before;
    return status;
  }
  return SyncObject(*root_, file);
}

NtStatus Vfs::SetTimes(File& file, const TimeChange& change) const {
  if (change.access || change.write) {
    std::array<struct timespec, 2> times{};
    times[0].tv_nsec = UTIME_OMIT;
    times[1].tv_nsec = UTIME_OMIT;
    if (change.access) times[0] = UnixFromFileTime(*change.access);
    if (change.write) times[1] = UnixFromFileTime(*change.write);
    std::array<char, 32> proc{};
    std::snprintf(proc.data(), proc.size(), "/proc/self/fd/%d", file.fd.get());
    const int result = file.is_path_only ? ::utimensat(AT_FDCWD, proc.data(), times.data(), 0)
                                         : ::futimens(file.fd.get(), times.data());
    if (result != 0) return NtStatusFromErrno(errno);
  }
  if (change.creation) {
    if (!file.stored.attributes) file.stored.attributes = file.Attributes() & kAttributesSettable;
    file.stored.creation_time = *change.creation;
    CONTINUO_RETURN_IF_ERROR(StoreAttributes(*root_, file));
  }
  CONTINUO_RETURN_IF_ERROR(SyncObject(*root_, file));
  CONTINUO_RETURN_IF_ERROR(RefreshStat(*root_, file));
  if (change.change) {
    root_->change_times().Set(file.stat, *change.change);
    file.stat.change_time = *change.change;
  }
  return NtStatus();
}

NtStatus Vfs::SetSize(File& file, uint64_t size_bytes) const {
  if (size_bytes > kOffsetMax) return NtStatus::kInvalidParameter;
  UniqueFd holder;
  CONTINUO_ASSIGN_OR_RETURN(const int fd, WritableFd(*this, file, holder));
  if (::ftruncate(fd, static_cast<off_t>(size_bytes)) != 0) return NtStatusFromErrno(errno);
  CONTINUO_RETURN_IF_ERROR(SyncObject(*root_, file));
  return RefreshStat(*root_, file);
}

NtStatus Vfs::SetAllocation(File& file, uint64_t allocation_bytes) const {
  if (allocation_bytes > kOffsetMax) return NtStatus::kInvalidParameter;
  CONTINUO_RETURN_IF_ERROR(RefreshStat(*root_, file));
  if (allocation_bytes < file.stat.size_bytes) return SetSize(file, allocation_bytes);
  if (allocation_bytes == 0) return NtStatus();
  UniqueFd holder;
  CONTINUO_ASSIGN_OR_RETURN(const int fd, WritableFd(*this, file, holder));
  const int result =
      ::fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(allocation_bytes));
  if (result != 0 && errno != EOPNOTSUPP) return NtStatusFromErrno(errno);
  return RefreshStat(*root_, file);
}

NtStatus Vfs::SetSparse(File& file, bool is_sparse) const {
  if (!file.stat.IsRegular()) return NtStatus::kInvalidParameter;
  const StoredDosAttributes before = file.stored;
  const uint32_t others = file.Attributes() & kAttributesSettable;
  file.stored.attributes = others | (is_sparse ? kAttributeSparse : 0);
  if (!file.stored.creation_time) file.stored.creation_time = file.stat.birth_time;
  const NtStatus status = StoreAttributes(*root_, file);
  if (!status.ok()) file.stored = before;
  return status;
}

NtStatus Vfs::ZeroRange(File& file, ByteRange range) const {
  if (!IsInBounds(range.offset, range.length)) return NtStatus::kInvalidParameter;
  CONTINUO_RETURN_IF_ERROR(RefreshStat(*root_, file));
  if (range.offset >= file.stat.size_bytes || range.length == 0) return NtStatus();
  const uint64_t length = std::min(range.length, file.stat.size_bytes - range.offset);
  UniqueFd holder;
  CONTINUO_ASSIGN_OR_RETURN(const int fd, WritableFd(*this, file, holder));
  const bool is_sparse = (file.Attributes() & kAttributeSparse) != 0;
  const int mode = is_sparse ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
  const int error = ZeroFileRange(fd, range.offset, length, mode);
  if (error != 0) return NtStatusFromErrno(error);
  return SyncObject(*root_, file);
}

NtResult<std::vector<ByteRange>> Vfs::AllocatedRanges(const File& file, ByteRange range,
                                                      size_t limit) const {
  if (!IsInBounds(range.offset, range.length)) return NtStatus::kInvalidParameter;
  std::vector<ByteRange> out;
  CONTINUO_ASSIGN_OR_RETURN(const FileStat stat, Stat(file));
  const uint64_t end = std::min(range.offset + range.length, stat.size_bytes);
  uint64_t position = range.offset;
  while (position < end && out.size() < limit) {
    const off_t data = ::lseek(file.fd.get(), static_cast<off_t>(position), SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;
    if (data < 0) return NtStatusFromErrno(errno);
    if (static_cast<uint64_t>(data) >= end) break;
    const off_t hole = ::lseek(file.fd.get(), data, SEEK_HOLE);
    if (hole < 0) return NtStatusFromErrno(errno);
    const uint64_t stop = std::min(static_cast<uint64_t>(hole), end);
    out.push_back({.offset = static_cast<uint64_t>(data),
                   .length = stop - static_cast<uint64_t>(data)});
    position = stop;
  }
  return out;
}

NtResult<uint64_t> Vfs::CopyRange(const File& source, uint64_t source_offset, const File& target,
                                  uint64_t target_offset, uint64_t length) const {
  if (!IsInBounds(source_offset, length) || !IsInBounds(target_offset, length)) {
    return NtStatus::kInvalidParameter;
  }
  uint64_t copied = 0;
  Bytes buffer;
  while (copied < length) {
    const size_t want = static_cast<size_t>(std::min(length - copied, kCopyChunkMaxBytes));
    auto from = static_cast<off_t>(source_offset + copied);
    auto to = static_cast<off_t>(target_offset + copied);
    ssize_t count = -1;
    if (buffer.empty()) {
      count = ::copy_file_range(source.fd.get(), &from, target.fd.get(), &to, want, 0);
      const bool is_refused = count < 0 && (errno == EXDEV || errno == EOPNOTSUPP ||
                                            errno == EINVAL || errno == ENOSYS);
      if (is_refused) buffer.resize(kCopyBufferSizeBytes);  // Overlaps in one file, old kernels.
      if (count < 0 && errno != EINTR && !is_refused) return NtStatusFromErrno(errno);
      if (count < 0) continue;
    } else {
      CONTINUO_ASSIGN_OR_RETURN(
          const size_t got,
          Read(source, source_offset + copied,
               std::span(buffer).first(std::min(want, buffer.size()))));
      CONTINUO_ASSIGN_OR_RETURN(const size_t put, Write(target, target_offset + copied,
                                                        std::span(buffer).first(got)));
      count = static_cast<ssize_t>(put);
    }
    if (count == 0) break;
    copied += static_cast<uint64_t>(count);
  }
  return copied;
}

NtResult<size_t> Vfs::Read(const File& file, uint64_t offset, std::span<uint8_t> out) const {
  if (!IsInBounds(offset, out.size())) return NtStatus::kInvalidParameter;
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t count = ::pread(file.fd.get(), out.data() + done, out.size() - done,
                                  static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return NtStatusFromErrno(errno);
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return done;
}

NtResult<size_t> Vfs::Write(const File& file, uint64_t offset,
                            std::span<const uint8_t> data) const {
  if (!IsInBounds(offset, data.size())) return NtStatus::kInvalidParameter;
  size_t done = 0;
  while (done < data.size()) {
    const ssize_t count = ::pwrite(file.fd.get(), data.data() + done, data.size() - done,
                                   static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      if (done > 0) break;
      return NtStatusFromErrno(errno);
    }
    done += static_cast<size_t>(count);
  }
  CONTINUO_RETURN_IF_ERROR(SyncObject(*root_, file));
  return done;
}

NtStatus Vfs::Append(const File& file, std::span<const uint8_t> data) const {
  while (!data.empty()) {
    const iovec part{.iov_base = const_cast<uint8_t*>(data.data()), .iov_len = data.size()};
    const ssize_t count = ::pwritev2(file.fd.get(), &part, 1, 0, RWF_APPEND);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return NtStatusFromErrno(errno);
    data = data.subspan(static_cast<size_t>(count));
  }
  return SyncObject(*root_, file);
}

NtStatus Vfs::Flush(const File& file) const {
  if (file.is_path_only) return NtStatus();
  return ::fsync(file.fd.get()) == 0 ? NtStatus() : NtStatusFromErrno(errno);
}

NtResult<std::shared_ptr<const security::SecurityDescriptor>> Vfs::GetSecurity(
    const File& file) const {
  FileStat stat;
  if (const int error = StatFd(*root_, file.fd.get(), stat); error != 0) {
    return NtStatusFromErrno(error);
  }
  bool is_stored = false;
  return LoadSecurity(*root_, TargetOf(file), stat, &is_stored);
}

NtStatus Vfs::SetSecurity(File& file,
                          std::shared_ptr<const security::SecurityDescriptor> descriptor) const {
  FileStat stat;
  if (const int error = StatFd(*root_, file.fd.get(), stat); error != 0) {
    return NtStatusFromErrno(error);
  }
  // The Unix owner follows the NT one, so that quota and `ls` agree; an owner without a Unix id
  // stays in the descriptor alone.
  const FileStat before = stat;
  const auto uid = root_->ids().UidOfSid(descriptor->owner).value_or(stat.uid);
  const auto gid = root_->ids().GidOfSid(descriptor->group).value_or(stat.gid);
  const bool moves_owner = uid != stat.uid || gid != stat.gid;
  if (moves_owner) {
    const ScopedPrivilege privilege;
    if (::fchownat(file.fd.get(), "", uid, gid, AT_EMPTY_PATH) != 0) {
      return NtStatusFromErrno(errno);
    }
    (void)StatFd(*root_, file.fd.get(), stat);
  }
  if (const int error = StoreSecurity(*root_, TargetOf(file), stat, *descriptor); error != 0) {
    if (moves_owner) {
      const ScopedPrivilege privilege;
      // The refusal is what the caller hears of, whether or not the owner could be put back.
      [[maybe_unused]] const int undone =
          ::fchownat(file.fd.get(), "", before.uid, before.gid, AT_EMPTY_PATH);
    }
    return StatusOfXattr(error);
  }
  file.security = std::move(descriptor);
  file.has_stored_security = true;
  CONTINUO_RETURN_IF_ERROR(SyncObject(*root_, file));
  return RefreshStat(*root_, file);
}

}  // namespace continuo::vfs
