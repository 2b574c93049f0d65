// The version of this build.
#pragma once

#include <string_view>

namespace continuo::rpc {

std::string_view Version();  // "0.1.0"

}  // namespace continuo::rpc
