// What the codecs of single commands share. Internal to common/smbwire.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "common/bytes/byte_reader.h"
#include "common/bytes/byte_writer.h"
#include "common/smbwire/filetime.h"
#include "common/smbwire/header.h"

namespace continuo::smbwire::internal {

// A reader of one command's body: starts behind the SMB2 header and has read StructureSize.
class BodyReader : public bytes::ByteReader {
 public:
  BodyReader(std::span<const uint8_t> message, uint16_t structure_size)
      : bytes::ByteReader(message) {
    Skip(kHeaderSizeBytes);
    has_structure_size_ = U16() == structure_size;
  }
  // StructureSize is as expected and every read so far was inside the message.
  bool valid() const { return has_structure_size_ && ok(); }

 private:
  bool has_structure_size_ = false;
};

// The variable part at `offset` from the SMB2 header. An empty one may have any offset; another
// must lie behind the first `minimum_offset` bytes.
inline std::optional<std::span<const uint8_t>> VariablePart(std::span<const uint8_t> message,
                                                            size_t minimum_offset, size_t offset,
                                                            size_t size_bytes) {
  if (size_bytes == 0) return std::span<const uint8_t>();
  if (offset < minimum_offset) return std::nullopt;
  return bytes::SubspanAt(message, offset, size_bytes);
}

inline FileId ReadFileId(bytes::ByteReader& in) {
  FileId id;
  id.persistent_id = in.U64();
  id.volatile_id = in.U64();
  return id;
}

inline void WriteFileId(FileId id, bytes::ByteWriter& out) {
  out.U64(id.persistent_id);
  out.U64(id.volatile_id);
}

inline FileTime ReadFileTime(bytes::ByteReader& in) {
  return FileTime{static_cast<int64_t>(in.U64())};
}

inline void WriteFileTime(FileTime time, bytes::ByteWriter& out) {
  out.U64(static_cast<uint64_t>(time.ticks));
}

// A body that is its StructureSize (4) and two reserved bytes.
inline NtStatus DecodeEmptyBody(std::span<const uint8_t> message) {
  BodyReader in(message, 4);
  return in.valid() ? NtStatus() : NtStatus(NtStatus::kInvalidParameter);
}
inline void EncodeEmptyBody(bytes::ByteWriter& out) {
  out.U16(4);
  out.Zeros(2);
}

}  // namespace continuo::smbwire::internal
