// Result codes of the LAN manager calls. Source: [MS-ERREF] 2.2, [MS-SRVS] 2.2.2.
#pragma once

#include <cstdint>

namespace continuo::pipes {

enum class Win32Error : uint32_t {
  kSuccess = 0,
  kAccessDenied = 5,
  kInvalidParameter = 87,
  kInvalidLevel = 124,
  kMoreData = 234,
  kNetNameNotFound = 2310,
};

}  // namespace continuo::pipes
