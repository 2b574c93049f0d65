// Goal: a short read can never yield bytes from beyond the input. Method: every read at every
// remaining length, and the two-number bounds of SubspanAt at the edges of size_t.
#include <limits>

#include <catch2/catch.hpp>

#include "common/bytes/byte_reader.h"
#include "common/bytes/byte_writer.h"

namespace continuo::bytes {
namespace {

TEST_CASE("ByteReader: reads little- and big-endian values in order", "[unit][bytes]") {
  const std::vector<uint8_t> data = {0x01, 0x34, 0x12, 0x78, 0x56, 0x34, 0x12, 0x12, 0x34};
  ByteReader in(data);
  CHECK(in.U8() == 0x01);
  CHECK(in.U16() == 0x1234);
  CHECK(in.U32() == 0x12345678);
  CHECK(in.U16BigEndian() == 0x1234);
  CHECK(in.ok());
  CHECK(in.remaining() == 0);
}

TEST_CASE("ByteReader: a read past the end yields zeros and stays failed", "[unit][bytes]") {
  const std::vector<uint8_t> data = {0xFF, 0xFF, 0xFF};
  ByteReader in(data);
  CHECK(in.U32() == 0);
  CHECK_FALSE(in.ok());
  CHECK(in.U8() == 0);
  CHECK(in.Span(1).empty());
  CHECK(in.remaining() == 0);
}

TEST_CASE("SubspanAt: refuses every range with a byte outside", "[unit][bytes]") {
  const std::vector<uint8_t> data(8, 0xAB);
  struct Case {
    const char* why;
    size_t offset;
    size_t size_bytes;
    bool is_inside;
  };
  const auto c = GENERATE(values<Case>({
      {"all of it", 0, 8, true},
      {"nothing at the end", 8, 0, true},
      {"one past the end", 8, 1, false},
      {"starts past the end", 9, 0, false},
      {"sum wraps", std::numeric_limits<size_t>::max(), 2, false},
      {"size wraps", 1, std::numeric_limits<size_t>::max(), false},
  }));
  CAPTURE(c.why);
  CHECK(SubspanAt(data, c.offset, c.size_bytes).has_value() == c.is_inside);
}

TEST_CASE("ByteWriter: aligns relative to a base and patches", "[unit][bytes]") {
  ByteWriter out;
  out.U8(0xAA);
  const size_t base = out.size();
  out.U16(0);
  out.AlignTo(8, base);
  out.PatchU16(base, 0x1234);
  CHECK(std::move(out).Take() == Bytes{0xAA, 0x34, 0x12, 0, 0, 0, 0, 0, 0});
}

}  // namespace
}  // namespace continuo::bytes
