#include "tests/unit/smbwire/golden.h"

#include <fstream>

#include "common/smbwire/header.h"

namespace continuo::smbwire {

Bytes Golden(const std::string& name) {
  std::ifstream file("tests/golden/smbwire/" + name + ".hex");
  Bytes out;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    for (size_t i = 0; i + 1 < line.size(); i += 2) {
      out.push_back(static_cast<uint8_t>(std::stoi(line.substr(i, 2), nullptr, 16)));
    }
  }
  return out;
}

std::span<const uint8_t> BodyOf(const Bytes& message) {
  return std::span(message).subspan(kHeaderSizeBytes);
}

Bytes Utf16(const std::string& ascii) {
  Bytes out;
  for (const char c : ascii) {
    out.push_back(static_cast<uint8_t>(c));
    out.push_back(0);
  }
  return out;
}

}  // namespace continuo::smbwire
