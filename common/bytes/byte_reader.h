// Bounded reading of little-endian wire bytes. The only way from a packet to an integer.
//
//   ByteReader in(message);
//   const uint16_t size = in.U16();
//   in.Skip(2);
//   if (!in.ok()) return NtStatus::kInvalidParameter;
//
// Sticky: after a read past the end every further read yields zeros and ok() stays false, so one
// test covers a whole fixed part. Borrows the bytes; they must outlive the reader.
// Threading: none; a reader belongs to one function.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace continuo::bytes {

// Returns data[offset, offset + size_bytes), or nullopt when any byte lies outside `data`.
// Checks by subtraction, so no pair of wire numbers can wrap.
inline std::optional<std::span<const uint8_t>> SubspanAt(std::span<const uint8_t> data,
                                                         size_t offset, size_t size_bytes) {
  if (offset > data.size() || size_bytes > data.size() - offset) return std::nullopt;
  return data.subspan(offset, size_bytes);
}

class ByteReader {
 public:
  explicit ByteReader(std::span<const uint8_t> data) : data_(data) {}

  bool ok() const { return ok_; }
  size_t position() const { return position_; }
  size_t remaining() const { return ok_ ? data_.size() - position_ : 0; }

  uint8_t U8() { return static_cast<uint8_t>(Little(1)); }
  uint16_t U16() { return static_cast<uint16_t>(Little(2)); }
  uint32_t U32() { return static_cast<uint32_t>(Little(4)); }
  uint64_t U64() { return Little(8); }
  uint16_t U16BigEndian() { return static_cast<uint16_t>(Big(2)); }
  uint32_t U32BigEndian() { return static_cast<uint32_t>(Big(4)); }
  uint64_t U64BigEndian() { return Big(8); }

  // Borrowed from the input; empty once !ok().
  std::span<const uint8_t> Span(size_t size_bytes) {
    if (!Take(size_bytes)) return {};
    return data_.subspan(position_ - size_bytes, size_bytes);
  }

  template <size_t N>
  std::array<uint8_t, N> Array() {
    std::array<uint8_t, N> out{};
    const auto in = Span(N);
    for (size_t i = 0; i < in.size(); ++i) out[i] = in[i];
    return out;
  }

  void Skip(size_t size_bytes) { (void)Take(size_bytes); }

 private:
  bool Take(size_t size_bytes) {
    if (!ok_ || size_bytes > data_.size() - position_) {
      ok_ = false;
      return false;
    }
    position_ += size_bytes;
    return true;
  }
  uint64_t Little(size_t size_bytes) {
    uint64_t value = 0;
    const auto in = Span(size_bytes);
    for (size_t i = in.size(); i > 0; --i) value = (value << 8) | in[i - 1];
    return value;
  }
  uint64_t Big(size_t size_bytes) {
    uint64_t value = 0;
    for (const uint8_t byte : Span(size_bytes)) value = (value << 8) | byte;
    return value;
  }

  std::span<const uint8_t> data_;
  size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace continuo::bytes
