// Directory entries straight from getdents64, a large buffer at a time. Internal to this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace continuo::vfs {

struct VfsCounters;

struct Dirent {
  std::string_view name;  // Valid until the next call.
  uint64_t inode = 0;
  uint8_t type = 0;  // DT_*.
};

// Threading: none. Borrows the descriptor and moves its position.
class DirentReader {
 public:
  DirentReader(int fd, VfsCounters& counters);
  // False at the end and on an error.
  bool Next(Dirent& out);
  int error() const { return error_; }
  void Rewind();

 private:
  bool Fill();

  int fd_;
  VfsCounters& counters_;
  std::vector<char> buffer_;
  size_t position_ = 0;
  size_t size_ = 0;
  int error_ = 0;
};

}  // namespace continuo::vfs
