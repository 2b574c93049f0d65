// Conversions between std and Abseil text types: Debian 12's Abseil has its own string_view.
#pragma once

#include <string>
#include <string_view>

#include <absl/strings/string_view.h>

namespace continuo::base {

inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view ToStd(absl::string_view text) { return {text.data(), text.size()}; }

}  // namespace continuo::base
