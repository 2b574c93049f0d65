// Published vectors are text; this turns them into bytes. Blanks are ignored.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/check.h"

namespace continuo::crypto {

inline Bytes FromHex(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c != ' ') digits += c;
  }
  CONTINUO_CHECK(digits.size() % 2 == 0);
  Bytes out;
  for (size_t i = 0; i < digits.size(); i += 2) {
    out.push_back(static_cast<uint8_t>(std::stoul(digits.substr(i, 2), nullptr, 16)));
  }
  return out;
}

inline Bytes FromText(std::string_view text) { return Bytes(text.begin(), text.end()); }

inline Bytes ToBytes(std::span<const uint8_t> data) { return Bytes(data.begin(), data.end()); }

}  // namespace continuo::crypto
