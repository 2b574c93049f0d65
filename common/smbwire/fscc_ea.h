// Extended-attribute lists: FILE_FULL_EA_INFORMATION and FILE_GET_EA_INFORMATION.
//
// Source: [MS-FSCC] 2.4.15, 2.4.15.1; [MS-FSA] 2.1.5.14.5. Threading: pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/bytes/byte_writer.h"
#include "common/ntstatus/ntstatus.h"

namespace continuo::smbwire {

inline constexpr uint8_t kEaFlagNeedEa = 0x80;
inline constexpr size_t kMaxEasPerList = 4096;

// An empty value deletes the attribute when set.
struct ExtendedAttribute {
  uint8_t flags = 0;
  std::span<const uint8_t> name;  // Without the NUL; 1 to 255 bytes. Borrowed.
  std::span<const uint8_t> value;
};

// Errors:    EaListInconsistent when an entry or its NextEntryOffset leaves the list, is not a
//            multiple of 4, goes back into its own entry, or there are more than kMaxEasPerList;
//            InvalidEaName for an empty name, a name without its NUL, or a character that
//            [MS-FSCC] 2.4.15 forbids; InvalidEaFlag for a flag other than kEaFlagNeedEa.
//            All entries or none. An empty list has no entries.
NtResult<std::vector<ExtendedAttribute>> DecodeFullEaList(std::span<const uint8_t> list);

// The names that a QUERY_INFO asks for. Errors as above.
NtResult<std::vector<std::span<const uint8_t>>> DecodeGetEaList(std::span<const uint8_t> list);

// Appends FILE_FULL_EA_INFORMATION entries, aligned to 4, at most `limit_bytes` of them.
class EaListBuilder {
 public:
  // `out` must outlive the builder and have no other user meanwhile.
  EaListBuilder(size_t limit_bytes, bytes::ByteWriter& out);
  // False, and nothing written, when the entry does not fit.
  // Requires: 1 <= name.size() <= 255, value.size() <= 65535.
  bool Add(const ExtendedAttribute& attribute);
  size_t count() const { return count_; }

 private:
  bytes::ByteWriter& out_;
  size_t start_;
  size_t limit_bytes_;
  size_t last_entry_ = 0;
  size_t count_ = 0;
};

}  // namespace continuo::smbwire
