// Bytes from the hexadecimal text of captures; anything but digits is skipped.
#pragma once

#include <string_view>

#include "common/base/bytes.h"

namespace continuo::test {

inline Bytes FromHex(std::string_view text) {
  Bytes out;
  int high = -1;
  for (const char c : text) {
    int digit = -1;
    if (c >= '0' && c <= '9') digit = c - '0';
    if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
    if (c >= 'A' && c <= 'F') digit = c - 'A' + 10;
    if (digit < 0) continue;
    if (high < 0) {
      high = digit;
    } else {
      out.push_back(static_cast<uint8_t>(high * 16 + digit));
      high = -1;
    }
  }
  return out;
}

}  // namespace continuo::test
