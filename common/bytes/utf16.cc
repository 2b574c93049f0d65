#include "common/bytes/utf16.h"

#include <clocale>
#include <cwctype>

#include "common/bytes/byte_reader.h"

namespace continuo::bytes {
namespace {

constexpr uint32_t kHighSurrogateFirst = 0xD800;
constexpr uint32_t kLowSurrogateFirst = 0xDC00;
constexpr uint32_t kSurrogateEnd = 0xE000;
constexpr uint32_t kSupplementaryFirst = 0x10000;
constexpr uint32_t kCodePointEnd = 0x110000;

void AppendUtf8(uint32_t code_point, std::string& out) {
  const auto put = [&out](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | (code_point >> 6));
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < kSupplementaryFirst) {
    put(0xE0 | (code_point >> 12));
    put(0x80 | ((code_point >> 6) & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | (code_point >> 18));
    put(0x80 | ((code_point >> 12) & 0x3F));
    put(0x80 | ((code_point >> 6) & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

// Decodes one code point at `position` and advances it; nullopt for anything that RFC 3629
// forbids (overlong forms, surrogates, values past U+10FFFF, truncation).
std::optional<uint32_t> NextCodePoint(std::string_view utf8, size_t& position) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(utf8[i]); };
  const uint8_t lead = byte(position);
  if (lead < 0x80) {
    ++position;
    return lead;
  }
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
  if (length == 0 || lead > 0xF4 || length > utf8.size() - position) return std::nullopt;
  uint32_t value = lead & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    const uint8_t next = byte(position + i);
    if ((next & 0xC0) != 0x80) return std::nullopt;
    value = (value << 6) | (next & 0x3Fu);
  }
  const uint32_t smallest = length == 4 ? kSupplementaryFirst : length == 3 ? 0x800 : 0x80;
  if (value < smallest || value >= kCodePointEnd) return std::nullopt;
  if (value >= kHighSurrogateFirst && value < kSurrogateEnd) return std::nullopt;
  position += length;
  return value;
}

template <typename NextUnit>
std::optional<std::string> ToUtf8(size_t unit_count, NextUnit next_unit) {
  std::string out;
  out.reserve(unit_count);
  for (size_t i = 0; i < unit_count; ++i) {
    uint32_t value = next_unit(i);
    if (value >= kHighSurrogateFirst && value < kSurrogateEnd) {
      if (value >= kLowSurrogateFirst || i + 1 == unit_count) return std::nullopt;
      const uint32_t low = next_unit(++i);
      if (low < kLowSurrogateFirst || low >= kSurrogateEnd) return std::nullopt;
      value = kSupplementaryFirst + ((value - kHighSurrogateFirst) << 10) +
              (low - kLowSurrogateFirst);
    }
    AppendUtf8(value, out);
  }
  return out;
}

}  // namespace

std::optional<std::string> Utf16LeToUtf8(std::span<const uint8_t> utf16le) {
  if (utf16le.size() % 2 != 0) return std::nullopt;
  return ToUtf8(utf16le.size() / 2, [&](size_t i) {
    return static_cast<uint32_t>(utf16le[2 * i]) | (static_cast<uint32_t>(utf16le[2 * i + 1]) << 8);
  });
}

std::optional<std::string> Utf16ToUtf8(std::u16string_view utf16) {
  return ToUtf8(utf16.size(), [&](size_t i) { return static_cast<uint32_t>(utf16[i]); });
}

std::optional<std::u16string> Utf8ToUtf16(std::string_view utf8) {
  std::u16string out;
  out.reserve(utf8.size());
  for (size_t position = 0; position < utf8.size();) {
    const auto code_point = NextCodePoint(utf8, position);
    if (!code_point) return std::nullopt;
    if (*code_point < kSupplementaryFirst) {
      out.push_back(static_cast<char16_t>(*code_point));
    } else {
      const uint32_t rest = *code_point - kSupplementaryFirst;
      out.push_back(static_cast<char16_t>(kHighSurrogateFirst + (rest >> 10)));
      out.push_back(static_cast<char16_t>(kLowSurrogateFirst + (rest & 0x3FF)));
    }
  }
  return out;
}

std::optional<Bytes> Utf8ToUtf16Le(std::string_view utf8) {
  const auto units = Utf8ToUtf16(utf8);
  if (!units) return std::nullopt;
  Bytes out;
  out.reserve(units->size() * 2);
  for (const char16_t unit : *units) {
    out.push_back(static_cast<uint8_t>(unit & 0xFF));
    out.push_back(static_cast<uint8_t>(unit >> 8));
  }
  return out;
}

char16_t FoldUpper(char16_t unit) {
  if (unit < 0x80) {
    return unit >= u'a' && unit <= u'z' ? static_cast<char16_t>(unit - 0x20) : unit;
  }
  // glibc's C.UTF-8 tables, held in a locale object of our own so that setlocale has no influence.
  static const locale_t kLocale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (kLocale == nullptr) return unit;
  const wint_t upper = towupper_l(unit, kLocale);
  return upper < kSupplementaryFirst ? static_cast<char16_t>(upper) : unit;
}

std::string FoldName(std::string_view utf8) {
  auto units = Utf8ToUtf16(utf8);
  if (!units) return std::string(utf8);
  for (char16_t& unit : *units) unit = FoldUpper(unit);
  return Utf16ToUtf8(*units).value_or(std::string(utf8));
}

bool EqualsIgnoringCase(std::string_view utf8_a, std::string_view utf8_b) {
  if (utf8_a == utf8_b) return true;
  return FoldName(utf8_a) == FoldName(utf8_b);
}

}  // namespace continuo::bytes
