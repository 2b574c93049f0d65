// Writing NDR 2.0 little-endian stubs.
//
//   NdrWriter out;
//   out.U32(level);
//   out.Pointer();          // Referent follows.
//   out.String(name);
//
// Alignment counts from the start of the stub and is filled with zeros. Referent ids count up from
// 0x00020000 in steps of four, as Windows writes them: some clients refuse an id that repeats.
// Source:    C706 chapter 14 (NDR), [MS-RPCE] 2.2.4.
// Threading: none; a writer belongs to one function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "common/base/bytes.h"
#include "common/bytes/byte_writer.h"

namespace continuo::ndr {

class NdrWriter {
 public:
  size_t size() const { return out_.size(); }
  Bytes Take() && { return std::move(out_).Take(); }

  void U8(uint8_t value) { out_.U8(value); }
  void U16(uint16_t value) {
    out_.AlignTo(2);
    out_.U16(value);
  }
  void U32(uint32_t value) {
    out_.AlignTo(4);
    out_.U32(value);
  }
  void U64(uint64_t value) {
    out_.AlignTo(8);
    out_.U64(value);
  }

  // A pointer that points to something, and one that does not.
  void Pointer() {
    U32(next_referent_id_);
    next_referent_id_ += 4;
  }
  void NullPointer() { U32(0); }

  // A conformant varying string with its terminator. Text that is not valid UTF-8 is written as
  // an empty string.
  void String(std::string_view utf8);

  // A conformant array of bytes.
  void ByteArray(std::span<const uint8_t> data);

 private:
  bytes::ByteWriter out_;
  uint32_t next_referent_id_ = 0x00020000;
};

}  // namespace continuo::ndr
