// Bounded reading of NDR 2.0 little-endian stubs.
//
//   NdrReader in(stub);
//   if (in.UniquePointer()) server_name = in.String(kMaxNameUnits);
//   const uint32_t level = in.U32();
//   if (!in.ok()) return fault(kBadStubData);
//
// Sticky like bytes::ByteReader: after the first bad read everything reads as zero or empty and
// ok() stays false. Alignment counts from the start of the stub.
// Source:    C706 chapter 14 (NDR), [MS-RPCE] 2.2.4.
// Threading: none; a reader belongs to one function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "common/bytes/byte_reader.h"

namespace continuo::ndr {

// The longest string that any call of ours accepts, in UTF-16 units with the terminator.
inline constexpr size_t kMaxStringUnits = 32768;

class NdrReader {
 public:
  explicit NdrReader(std::span<const uint8_t> stub) : in_(stub) {}

  bool ok() const { return ok_ && in_.ok(); }
  size_t remaining() const { return ok() ? in_.remaining() : 0; }

  uint8_t U8() { return in_.U8(); }
  uint16_t U16();
  uint32_t U32();
  // A hyper, aligned to 8.
  uint64_t U64();
  void Align(size_t alignment);

  // A unique or full pointer's referent id: whether it points to anything. What it points to
  // follows here for a top-level pointer, and after the whole structure for an embedded one.
  bool UniquePointer() { return U32() != 0; }

  // The maximum count of a conformant array whose elements take at least `element_size_bytes`.
  // Fails unless so many can still follow, so that a caller may allocate by the result.
  // Requires: element_size_bytes > 0.
  uint32_t ConformantCount(size_t element_size_bytes);

  // A conformant varying string of UTF-16, [string] wchar_t*: maximum, offset, actual count, units.
  // Shape: UTF-8 without the terminator. Fails when the counts lie, the offset is not zero, the
  //        terminator is missing, there are more than `max_units` or the UTF-16 is not valid.
  std::string String(size_t max_units = kMaxStringUnits);

  // A conformant array of bytes. Borrows.
  std::span<const uint8_t> ByteArray();

 private:
  void Fail() { ok_ = false; }

  bytes::ByteReader in_;
  bool ok_ = true;
};

}  // namespace continuo::ndr
