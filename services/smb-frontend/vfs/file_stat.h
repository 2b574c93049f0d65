// What the file system says about an object, in the units that the protocol uses.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>


namespace continuo::vfs {

// Times are FILETIMEs: 100 ns units since 1601-01-01 UTC. Source: [MS-DTYP] 2.3.3.
using FileTime = uint64_t;
FileTime FileTimeFromUnix(int64_t seconds, uint32_t nanoseconds);
// Requires: nothing; a value before 1970 gives negative seconds.
struct timespec UnixFromFileTime(FileTime time);

struct FileStat {
  uint64_t device = 0;  // st_dev: an identity within one mount and boot only.
  uint64_t inode = 0;
  uint32_t mode = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t link_count = 0;
  uint64_t size_bytes = 0;
  uint64_t allocation_bytes = 0;
  FileTime birth_time = 0;  // The file system's; the earliest of the others where it has none.
  FileTime access_time = 0;
  FileTime write_time = 0;
  FileTime change_time = 0;

  bool IsDirectory() const { return S_ISDIR(mode); }
  bool IsRegular() const { return S_ISREG(mode); }
  bool IsSymlink() const { return S_ISLNK(mode); }
  bool IsSameFileAs(const FileStat& other) const {
    return device == other.device && inode == other.inode;
  }
};

FileStat FileStatFromStatx(const struct ::statx& stx);

}  // namespace continuo::vfs
