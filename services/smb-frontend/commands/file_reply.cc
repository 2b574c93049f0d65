#include "services/smb-frontend/commands/file_reply.h"

namespace continuo::commands {

FileReply DescribeFile(const vfs::File& file, const vfs::StreamHandle* stream) {
  FileReply reply;
  reply.creation_time = ToWireTime(file.CreationTime());
  reply.last_access_time = ToWireTime(file.stat.access_time);
  reply.last_write_time = ToWireTime(file.stat.write_time);
  reply.change_time = ToWireTime(file.stat.change_time);
  reply.attributes = file.Attributes();
  if (stream != nullptr) {
    const NtResult<uint64_t> size = stream->SizeBytes();
    reply.end_of_file = size.ok() ? *size : 0;
    reply.allocation_size_bytes = reply.end_of_file;
    reply.attributes &= ~vfs::kAttributeDirectory;
    if (reply.attributes == 0) reply.attributes = vfs::kAttributeNormal;
  } else if (!file.stat.IsDirectory()) {
    reply.end_of_file = file.stat.size_bytes;
    reply.allocation_size_bytes = file.stat.allocation_bytes;
  }
  return reply;
}

}  // namespace continuo::commands
