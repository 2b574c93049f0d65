// Times, sizes and attributes of a file as CREATE, CLOSE and QUERY_INFO report them.
#pragma once

#include <cstdint>

#include "common/smbwire/filetime.h"
#include "services/smb-frontend/vfs/streams.h"
#include "services/smb-frontend/vfs/vfs.h"

namespace continuo::commands {

struct FileReply {
  smbwire::FileTime creation_time;
  smbwire::FileTime last_access_time;
  smbwire::FileTime last_write_time;
  smbwire::FileTime change_time;
  uint64_t allocation_size_bytes = 0;
  uint64_t end_of_file = 0;
  uint32_t attributes = 0;
};

inline smbwire::FileTime ToWireTime(vfs::FileTime time) {
  return {static_cast<int64_t>(time)};
}

// From what `file` remembers of the file system (vfs::Vfs::Refresh brings it up to date); sizes are
// those of `stream` when there is one. A directory has sizes 0.
FileReply DescribeFile(const vfs::File& file, const vfs::StreamHandle* stream);

}  // namespace continuo::commands
