// SMB2 CHANGE_NOTIFY and the FILE_NOTIFY_INFORMATION list. The response's frame is
// EncodeOutputBufferResponse (query_directory.h).
//
// Source: [MS-SMB2] 2.2.35, 2.2.36, [MS-FSCC] 2.7.1. Threading: pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/bytes/byte_writer.h"
#include "common/ntstatus/ntstatus.h"
#include "common/smbwire/header.h"

namespace continuo::smbwire {

inline constexpr uint16_t kChangeNotifyWatchTree = 0x0001;

inline constexpr uint32_t kNotifyChangeFileName = 0x00000001;
inline constexpr uint32_t kNotifyChangeDirName = 0x00000002;
inline constexpr uint32_t kNotifyChangeAttributes = 0x00000004;
inline constexpr uint32_t kNotifyChangeSize = 0x00000008;
inline constexpr uint32_t kNotifyChangeLastWrite = 0x00000010;
inline constexpr uint32_t kNotifyChangeLastAccess = 0x00000020;
inline constexpr uint32_t kNotifyChangeCreation = 0x00000040;
inline constexpr uint32_t kNotifyChangeEa = 0x00000080;
inline constexpr uint32_t kNotifyChangeSecurity = 0x00000100;
inline constexpr uint32_t kNotifyChangeStreamName = 0x00000200;
inline constexpr uint32_t kNotifyChangeStreamSize = 0x00000400;
inline constexpr uint32_t kNotifyChangeStreamWrite = 0x00000800;
inline constexpr uint32_t kNotifyChangeAll = 0x00000FFF;

inline constexpr uint32_t kNotifyActionAdded = 0x00000001;
inline constexpr uint32_t kNotifyActionRemoved = 0x00000002;
inline constexpr uint32_t kNotifyActionModified = 0x00000003;
inline constexpr uint32_t kNotifyActionRenamedOldName = 0x00000004;
inline constexpr uint32_t kNotifyActionRenamedNewName = 0x00000005;
inline constexpr uint32_t kNotifyActionAddedStream = 0x00000006;
inline constexpr uint32_t kNotifyActionRemovedStream = 0x00000007;
inline constexpr uint32_t kNotifyActionModifiedStream = 0x00000008;
inline constexpr uint32_t kNotifyActionRemovedByDelete = 0x00000009;

struct ChangeNotifyRequest {
  uint16_t flags = 0;
  uint32_t output_buffer_size_bytes = 0;
  FileId file_id;
  uint32_t completion_filter = 0;
};
NtResult<ChangeNotifyRequest> DecodeChangeNotifyRequest(std::span<const uint8_t> message);

// Appends FILE_NOTIFY_INFORMATION entries to `out`, at most `limit_bytes` of them.
class NotifyListBuilder {
 public:
  // `out` must outlive the builder and have no other user meanwhile.
  NotifyListBuilder(size_t limit_bytes, bytes::ByteWriter& out);

  // False, and nothing written, when the entry does not fit: the answer is then
  // STATUS_NOTIFY_ENUM_DIR without data. `name_utf16le` is relative to the watched directory.
  bool Add(uint32_t action, std::span<const uint8_t> name_utf16le);
  size_t count() const { return count_; }

 private:
  bytes::ByteWriter& out_;
  size_t start_;
  size_t limit_bytes_;
  size_t last_entry_ = 0;
  size_t count_ = 0;
};

}  // namespace continuo::smbwire
