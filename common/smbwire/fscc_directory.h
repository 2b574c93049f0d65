// The entries of a QUERY_DIRECTORY answer.
//
//   DirectoryListBuilder list(request.info_class, limit_bytes, out);
//   while (next entry) if (!list.Add(entry)) break;   // It did not fit: keep it for the next query.
//
// Source: [MS-FSCC] 2.4.10, 2.4.14, 2.4.8, 2.4.17, 2.4.18, 2.4.33, 2.4.21; [MS-FSA] 2.1.5.6.3.
// Threading: none; a builder belongs to one function.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "common/bytes/byte_writer.h"
#include "common/smbwire/fscc.h"

namespace continuo::smbwire {

inline constexpr size_t kMaxShortNameSizeBytes = 24;

// Everything that any class shows; each class takes what it needs. Spans are borrowed for the call.
struct DirectoryEntry {
  uint32_t file_index = 0;
  FileTime creation_time;
  FileTime last_access_time;
  FileTime last_write_time;
  FileTime change_time;
  uint64_t end_of_file = 0;
  uint64_t allocation_size_bytes = 0;
  uint32_t file_attributes = 0;
  uint32_t ea_size_bytes = 0;  // Shown as the reparse tag when kAttributeReparsePoint is set.
  uint32_t reparse_tag = 0;
  uint64_t file_id = 0;
  std::array<uint8_t, 16> file_id_128{};
  std::span<const uint8_t> short_name_utf16le;  // Cut at kMaxShortNameSizeBytes; may be empty.
  std::span<const uint8_t> name_utf16le;
  // kFilePosixInformation alone; the inode is file_id.
  uint32_t device_id = 0;
  uint32_t link_count = 0;
  uint32_t mode = 0;
  std::span<const uint8_t> owner_sid;
  std::span<const uint8_t> group_sid;
};

// The size of an entry without its name, or nullopt for a class that is no directory class
// (STATUS_INVALID_INFO_CLASS). An output buffer below it is STATUS_INFO_LENGTH_MISMATCH.
std::optional<size_t> DirectoryEntryFixedSizeBytes(uint8_t info_class);

class DirectoryListBuilder {
 public:
  // Appends at out's end; `limit_bytes` bounds the list. `out` must outlive the builder and have
  // no other user meanwhile. Requires: DirectoryEntryFixedSizeBytes(info_class) has a value.
  DirectoryListBuilder(uint8_t info_class, size_t limit_bytes, bytes::ByteWriter& out);

  // False, and nothing written, when the entry does not fit.
  bool Add(const DirectoryEntry& entry);
  size_t count() const { return count_; }

 private:
  void Encode(const DirectoryEntry& entry);

  uint8_t info_class_;
  bytes::ByteWriter& out_;
  size_t start_;
  size_t limit_bytes_;
  size_t last_entry_ = 0;
  size_t count_ = 0;
};

}  // namespace continuo::smbwire
