// Named streams: xattrs user.DosStream.<name>:$DATA as Samba's streams_xattr keeps them (value
// followed by one NUL), and files in the share's overflow store where they are too large for that.
//
//   NtResult<std::shared_ptr<StreamHandle>> s = OpenStream(vfs, file, "notes", StreamOpen::kExisting);
//
// Stream names compare without case and keep the case that they were made with.
// Threading: handles of one stream share one object per process keyed by FileKey and name, whose
// mutex orders their changes; usable from any worker thread. Calls block.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <span>
#include <vector>

#include "common/ntstatus/ntstatus.h"
#include "services/smb-frontend/vfs/vfs.h"

namespace continuo::vfs {

inline constexpr size_t kStreamsPerFileMax = 4096;
inline constexpr size_t kStreamNameMaxSizeBytes = 230;  // xattr names: 255 with prefix and suffix.

struct StreamInfo {
  std::string name;  // Without colons and type; "" is the unnamed stream of a file.
  uint64_t size_bytes = 0;
  uint64_t allocation_bytes = 0;
};

enum class StreamOpen {
  kExisting,         // kObjectNameNotFound when there is none.
  kCreateExclusive,  // kObjectNameCollision when there is one.
  kOpenOrCreate,
};

struct StreamState;

class StreamHandle {
 public:
  StreamHandle(std::shared_ptr<const File> file, std::shared_ptr<StreamState> state, bool created);
  ~StreamHandle();
  StreamHandle(const StreamHandle&) = delete;
  StreamHandle& operator=(const StreamHandle&) = delete;

  // As stored on disk, which may differ in case from what was asked for. Follows renames.
  std::string name() const;
  bool was_created() const { return was_created_; }
  const File& file() const { return *file_; }

  NtResult<uint64_t> SizeBytes() const;
  // Short at the end of the stream.
  NtResult<size_t> Read(uint64_t offset, std::span<uint8_t> out) const;
  // All or nothing. Grows the stream; moves it to the overflow store when it must.
  NtResult<size_t> Write(uint64_t offset, std::span<const uint8_t> data);
  NtStatus SetSize(uint64_t size_bytes);
  // Sets bytes [offset, end) to zero; never changes the size.
  NtStatus Zero(uint64_t offset, uint64_t end);
  NtStatus Flush();
  // Errors: kObjectNameCollision when the new name exists and `mode` refuses.
  NtStatus Rename(std::string_view new_name, ReplaceMode mode);
  NtStatus Remove();

 private:
  std::shared_ptr<const File> file_;
  std::shared_ptr<StreamState> state_;
  bool was_created_;
};

NtResult<std::shared_ptr<StreamHandle>> OpenStream(const Vfs& vfs, std::shared_ptr<const File> file,
                                                   std::string_view name, StreamOpen how);
// The unnamed stream first (files only), then the named ones.
NtResult<std::vector<StreamInfo>> ListStreams(const Vfs& vfs, const File& file);
// All named streams (overwrite, supersede).
NtStatus RemoveAllStreams(const Vfs& vfs, const File& file);

}  // namespace continuo::vfs
