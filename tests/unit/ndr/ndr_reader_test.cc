// Goal: NDR is read and written as Windows does it and counts that lie fail. Method: bytes typed by
// hand from C706's rules, every truncation, a table of lies.
#include "common/ndr/ndr_reader.h"

#include <catch2/catch.hpp>

#include "common/bytes/byte_writer.h"
#include "common/ndr/ndr_writer.h"

namespace continuo::ndr {
namespace {

// maximum 4, offset 0, actual 4, "abc\0".
const Bytes kAbc = {4, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 'a', 0, 'b', 0, 'c', 0, 0, 0};

TEST_CASE("NdrReader: aligns each type to its size", "[unit][ndr][C706:14.2.2]") {
  const Bytes data = {1, 0xEE, 2, 0, 3, 0, 0, 0, 4, 0xEE, 0xEE, 0xEE, 0xEE, 0xEE, 0xEE, 0xEE,
                      5, 0, 0, 0, 0, 0, 0, 0};
  NdrReader in(data);
  CHECK(in.U8() == 1);
  CHECK(in.U16() == 2);
  CHECK(in.U32() == 3);
  CHECK(in.U8() == 4);
  CHECK(in.U64() == 5);
  CHECK(in.ok());
  CHECK(in.remaining() == 0);
}

TEST_CASE("NdrReader: strings, and every truncation of one", "[unit][ndr][C706:14.3.4]") {
  NdrReader in(kAbc);
  CHECK(in.String() == "abc");
  CHECK(in.ok());
  for (size_t size = 0; size < kAbc.size(); ++size) {
    CAPTURE(size);
    NdrReader cut(std::span<const uint8_t>(kAbc).first(size));
    CHECK(cut.String().empty());
    CHECK_FALSE(cut.ok());
  }
}

TEST_CASE("NdrReader: strings that lie are refused", "[unit][ndr][C706:14.3.4]") {
  struct Case { const char* why; size_t at; uint32_t value; };
  const auto c = GENERATE(values<Case>({
      {"maximum below actual", 0, 3},
      {"offset not zero", 4, 1},
      {"actual zero: no terminator", 8, 0},
      {"actual beyond the data", 8, 5},
      {"actual that wraps when doubled", 8, 0x80000002},
      {"terminator missing", 16, 0x00640063},
      {"zero inside", 12, 0x00620000},
      {"unpaired surrogate", 12, 0x0062D800},
  }));
  CAPTURE(c.why);
  Bytes data = kAbc;
  bytes::StoreU32(data, c.at, c.value);
  NdrReader in(data);
  CHECK(in.String().empty());
  CHECK_FALSE(in.ok());
}

TEST_CASE("NdrReader: a count is believed only when so much can follow", "[unit][ndr]") {
  Bytes data(4 + 24, 0);
  bytes::StoreU32(data, 0, 3);
  CHECK(NdrReader(data).ConformantCount(8) == 3);
  bytes::StoreU32(data, 0, 4);
  NdrReader in(data);
  CHECK(in.ConformantCount(8) == 0);
  CHECK_FALSE(in.ok());
  CHECK(in.U32() == 0);
  CHECK_FALSE(in.UniquePointer());
  NdrReader too_long(kAbc);
  CHECK(too_long.String(3).empty());
  CHECK_FALSE(too_long.ok());
}

TEST_CASE("NdrWriter: pointers, strings and arrays as Windows writes them", "[unit][ndr]") {
  NdrWriter out;
  out.Pointer();
  out.NullPointer();
  out.Pointer();
  out.String("abc");
  out.U8(7);
  out.U16(8);
  const std::vector<uint8_t> tail = {9};
  out.ByteArray(tail);
  Bytes expected = {0, 0, 2, 0, 0, 0, 0, 0, 4, 0, 2, 0};
  expected.insert(expected.end(), kAbc.begin(), kAbc.end());
  for (const uint8_t byte : Bytes{7, 0, 8, 0, 1, 0, 0, 0, 9}) expected.push_back(byte);
  CHECK(std::move(out).Take() == expected);

  NdrWriter odd;
  odd.String("\xFF\xFE");  // Not UTF-8.
  CHECK(std::move(odd).Take() == Bytes{1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0});
}

TEST_CASE("NdrReader: byte arrays borrow what they count", "[unit][ndr]") {
  const Bytes data = {3, 0, 0, 0, 1, 2, 3, 0xEE};
  NdrReader in(data);
  const auto array = in.ByteArray();
  CHECK(Bytes(array.begin(), array.end()) == Bytes{1, 2, 3});
  NdrReader cut(std::span<const uint8_t>(data).first(6));
  CHECK(cut.ByteArray().empty());
  CHECK_FALSE(cut.ok());
}

}  // namespace
}  // namespace continuo::ndr
