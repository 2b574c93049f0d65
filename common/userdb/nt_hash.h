// The NT one-way function: MD4 of the password in UTF-16LE.
//
// Source:    [MS-NLMP] 3.3.1 (NTOWFv1).
// Threading: pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <absl/status/statusor.h>

namespace continuo::userdb {

inline constexpr size_t kPasswordMaxBytes = 1024;

using NtHash = std::array<uint8_t, 16>;

// Errors: InvalidArgument when the password is not UTF-8 or longer than kPasswordMaxBytes.
absl::StatusOr<NtHash> NtHashOfPassword(std::string_view password_utf8);

}  // namespace continuo::userdb
