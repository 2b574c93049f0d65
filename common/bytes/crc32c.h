// CRC-32C (Castagnoli), RFC 3720 appendix B.4: check value of "123456789" is 0xE3069283.
//
// Threading: pure.
#pragma once

#include <cstdint>
#include <span>

namespace continuo::bytes {

// `crc` is the result for the bytes before, to go on from there.
uint32_t Crc32c(std::span<const uint8_t> data, uint32_t crc = 0);

}  // namespace continuo::bytes
