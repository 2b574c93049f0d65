// The owning byte string of the project.
#pragma once

#include <cstdint>
#include <vector>

namespace continuo {

using Bytes = std::vector<uint8_t>;

}  // namespace continuo
