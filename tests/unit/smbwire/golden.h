// Captured messages of other implementations: tests/golden/smbwire.
#pragma once

#include <span>
#include <string>

#include "common/base/bytes.h"

namespace continuo::smbwire {

// The message of tests/golden/smbwire/<name>.hex; empty when there is no such file.
Bytes Golden(const std::string& name);

// What follows the SMB2 header.
std::span<const uint8_t> BodyOf(const Bytes& message);

// ASCII as UTF-16LE.
Bytes Utf16(const std::string& ascii);

}  // namespace continuo::smbwire
