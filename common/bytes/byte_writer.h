// Writing little-endian wire bytes. Everything that is skipped or padded is zero, so that no
// uninitialised byte reaches the wire.
//
// A writer appends to a growing buffer; offsets that are known only later are reserved with a
// first write and set with Patch.
// Threading: none; a writer belongs to one function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "common/base/bytes.h"
#include "common/base/check.h"

namespace continuo::bytes {

class ByteWriter {
 public:
  ByteWriter() = default;
  explicit ByteWriter(Bytes initial) : out_(std::move(initial)) {}

  size_t size() const { return out_.size(); }
  std::span<const uint8_t> view() const { return out_; }
  Bytes Take() && { return std::move(out_); }

  void U8(uint8_t value) { out_.push_back(value); }
  void U16(uint16_t value) { Little(value, 2); }
  void U32(uint32_t value) { Little(value, 4); }
  void U64(uint64_t value) { Little(value, 8); }
  void U16BigEndian(uint16_t value) { Big(value, 2); }
  void U32BigEndian(uint32_t value) { Big(value, 4); }
  void U64BigEndian(uint64_t value) { Big(value, 8); }
  void Append(std::span<const uint8_t> data) { out_.insert(out_.end(), data.begin(), data.end()); }
  void Zeros(size_t count) { out_.resize(out_.size() + count); }

  // Pads with zeros until (size() - base) is a multiple of `alignment`.
  void AlignTo(size_t alignment, size_t base = 0) {
    CONTINUO_CHECK(base <= out_.size());
    while ((out_.size() - base) % alignment != 0) out_.push_back(0);
  }

  void PatchU16(size_t position, uint16_t value) { Patch(position, value, 2); }
  void PatchU32(size_t position, uint32_t value) { Patch(position, value, 4); }
  void PatchU64(size_t position, uint64_t value) { Patch(position, value, 8); }

 private:
  void Little(uint64_t value, size_t size_bytes) {
    for (size_t i = 0; i < size_bytes; ++i) out_.push_back(static_cast<uint8_t>(value >> (8 * i)));
  }
  void Big(uint64_t value, size_t size_bytes) {
    for (size_t i = size_bytes; i > 0; --i) {
      out_.push_back(static_cast<uint8_t>(value >> (8 * (i - 1))));
    }
  }
  void Patch(size_t position, uint64_t value, size_t size_bytes) {
    CONTINUO_CHECK(position <= out_.size());
    CONTINUO_CHECK(size_bytes <= out_.size() - position);
    for (size_t i = 0; i < size_bytes; ++i) {
      out_[position + i] = static_cast<uint8_t>(value >> (8 * i));
    }
  }

  Bytes out_;
};

// Stores into existing memory, for headers that are completed in place (signature, NextCommand).
inline void StoreU16(std::span<uint8_t> out, size_t position, uint16_t value) {
  CONTINUO_CHECK(position <= out.size());
  CONTINUO_CHECK(2 <= out.size() - position);
  for (size_t i = 0; i < 2; ++i) out[position + i] = static_cast<uint8_t>(value >> (8 * i));
}
inline void StoreU32(std::span<uint8_t> out, size_t position, uint32_t value) {
  CONTINUO_CHECK(position <= out.size());
  CONTINUO_CHECK(4 <= out.size() - position);
  for (size_t i = 0; i < 4; ++i) out[position + i] = static_cast<uint8_t>(value >> (8 * i));
}
inline void StoreU64(std::span<uint8_t> out, size_t position, uint64_t value) {
  CONTINUO_CHECK(position <= out.size());
  CONTINUO_CHECK(8 <= out.size() - position);
  for (size_t i = 0; i < 8; ++i) out[position + i] = static_cast<uint8_t>(value >> (8 * i));
}

}  // namespace continuo::bytes
