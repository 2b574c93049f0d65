#include "services/smb-frontend/vfs/dirents.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "services/smb-frontend/vfs/share_root.h"

namespace continuo::vfs {
namespace {

constexpr size_t kBufferSizeBytes = 128 * 1024;
// struct linux_dirent64: inode, offset, record length, type, name.
constexpr size_t kRecordLengthAt = 16;
constexpr size_t kTypeAt = 18;
constexpr size_t kNameAt = 19;

}  // namespace

DirentReader::DirentReader(int fd, VfsCounters& counters)
    : fd_(fd), counters_(counters), buffer_(kBufferSizeBytes) {}

bool DirentReader::Fill() {
  counters_.getdents.fetch_add(1, std::memory_order_relaxed);
  const long size = ::syscall(SYS_getdents64, fd_, buffer_.data(), buffer_.size());
  if (size < 0) {
    // A directory that was removed while it is open has no more entries.
    error_ = errno == ENOENT ? 0 : errno;
    return false;
  }
  position_ = 0;
  size_ = static_cast<size_t>(size);
  return size > 0;
}

bool DirentReader::Next(Dirent& out) {
  if (error_ != 0) return false;
  if (position_ >= size_ && !Fill()) return false;
  const char* record = buffer_.data() + position_;
  uint16_t record_size = 0;
  std::memcpy(&out.inode, record, sizeof(out.inode));
  std::memcpy(&record_size, record + kRecordLengthAt, sizeof(record_size));
  out.type = static_cast<uint8_t>(record[kTypeAt]);
  out.name = std::string_view(record + kNameAt);
  position_ += record_size;
  return true;
}

void DirentReader::Rewind() {
  ::lseek(fd_, 0, SEEK_SET);
  position_ = 0;
  size_ = 0;
  error_ = 0;
}

}  // namespace continuo::vfs
