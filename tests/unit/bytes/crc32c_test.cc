#include "common/bytes/crc32c.h"

#include <span>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

namespace continuo::bytes {
namespace {

TEST_CASE("CRC-32C: the check value of RFC 3720, at once and in two parts", "[unit][bytes]") {
  const std::string text = "123456789";
  const std::vector<uint8_t> data(text.begin(), text.end());
  CHECK(Crc32c(data) == 0xE3069283);
  CHECK(Crc32c(std::span(data).subspan(4), Crc32c(std::span(data).first(4))) == 0xE3069283);
}

}  // namespace
}  // namespace continuo::bytes
