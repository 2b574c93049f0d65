#include "services/smb-frontend/vfs/file_stat.h"

#include <sys/sysmacros.h>
#include <time.h>

#include <algorithm>

namespace continuo::vfs {
namespace {

constexpr int64_t kEpochDifferenceSeconds = 11644473600;
constexpr int64_t kUnitsPerSecond = 10'000'000;
constexpr int64_t kMaxSeconds = INT64_MAX / kUnitsPerSecond - 1;

FileTime FromStatx(const struct ::statx_timestamp& t) { return FileTimeFromUnix(t.tv_sec, t.tv_nsec); }

}  // namespace

FileTime FileTimeFromUnix(int64_t seconds, uint32_t nanoseconds) {
  if (seconds < -kEpochDifferenceSeconds) return 0;
  const int64_t since_1601 = std::min(seconds, kMaxSeconds - kEpochDifferenceSeconds) +
                             kEpochDifferenceSeconds;
  return static_cast<FileTime>(since_1601 * kUnitsPerSecond) + nanoseconds / 100;
}

struct timespec UnixFromFileTime(FileTime time) {
  struct timespec out{};
  out.tv_sec = static_cast<time_t>(time / kUnitsPerSecond) - kEpochDifferenceSeconds;
  out.tv_nsec = static_cast<long>(time % kUnitsPerSecond) * 100;
  return out;
}

FileStat FileStatFromStatx(const struct ::statx& stx) {
  FileStat out;
  out.device = ::makedev(stx.stx_dev_major, stx.stx_dev_minor);
  out.inode = stx.stx_ino;
  out.mode = stx.stx_mode;
  out.uid = stx.stx_uid;
  out.gid = stx.stx_gid;
  out.link_count = stx.stx_nlink;
  out.size_bytes = stx.stx_size;
  out.allocation_bytes = stx.stx_blocks * 512;
  out.access_time = FromStatx(stx.stx_atime);
  out.write_time = FromStatx(stx.stx_mtime);
  out.change_time = FromStatx(stx.stx_ctime);
  const FileTime earliest = std::min({out.access_time, out.write_time, out.change_time});
  out.birth_time = (stx.stx_mask & STATX_BTIME) != 0 ? FromStatx(stx.stx_btime) : earliest;
  if (out.IsDirectory()) out.size_bytes = 0;
  return out;
}

}  // namespace continuo::vfs
