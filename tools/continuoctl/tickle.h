// Connection recovery, through tickle-service.
#pragma once

#include <string>

#include "tools/continuoctl/context.h"

namespace continuo::ctl {

enum class RecordsOf { kThisNode, kAllNodes };

int ListRecordedConnections(const Context& context, RecordsOf whose);
// Around a move of `address`: see the RPCs of these names.
int SendTickles(const Context& context, const std::string& address);
int HandOverConnections(const Context& context, const std::string& address);
int ResetConnections(const Context& context, const std::string& address);

}  // namespace continuo::ctl
