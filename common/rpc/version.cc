#include "common/rpc/version.h"

namespace continuo::rpc {

std::string_view Version() { return CONTINUO_VERSION; }

}  // namespace continuo::rpc
