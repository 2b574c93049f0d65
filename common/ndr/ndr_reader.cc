#include "common/ndr/ndr_reader.h"

#include <utility>

#include "common/base/check.h"
#include "common/bytes/utf16.h"

namespace continuo::ndr {

void NdrReader::Align(size_t alignment) {
  const size_t over = in_.position() % alignment;
  if (over != 0) in_.Skip(alignment - over);
}

uint16_t NdrReader::U16() {
  Align(2);
  return in_.U16();
}

uint32_t NdrReader::U32() {
  Align(4);
  return in_.U32();
}

uint64_t NdrReader::U64() {
  Align(8);
  return in_.U64();
}

uint32_t NdrReader::ConformantCount(size_t element_size_bytes) {
  CONTINUO_CHECK(element_size_bytes > 0);
  const uint32_t count = U32();
  if (count > remaining() / element_size_bytes) {
    Fail();
    return 0;
  }
  return count;
}

std::string NdrReader::String(size_t max_units) {
  const uint32_t max_count = U32();
  const uint32_t offset = U32();
  const uint32_t actual_count = U32();
  if (!ok() || offset != 0 || actual_count == 0 || actual_count > max_count ||
      actual_count > max_units || actual_count > remaining() / 2) {
    Fail();
    return {};
  }
  const auto units = in_.Span(size_t{actual_count} * 2);
  const auto terminator = units.last(2);
  if (terminator[0] != 0 || terminator[1] != 0) {
    Fail();
    return {};
  }
  auto text = bytes::Utf16LeToUtf8(units.first(units.size() - 2));
  // A zero inside would make two readers of one name see different names.
  if (!text || text->find('\0') != std::string::npos) {
    Fail();
    return {};
  }
  return std::move(*text);
}

std::span<const uint8_t> NdrReader::ByteArray() {
  const uint32_t count = ConformantCount(1);
  if (!ok()) return {};
  return in_.Span(count);
}

}  // namespace continuo::ndr
