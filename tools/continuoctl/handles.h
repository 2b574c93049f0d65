// continuoctl handles: the records of persistent handles, who owns them, and the operator's word that
// a node is dead.
#pragma once

#include <string>

#include "tools/continuoctl/context.h"

namespace continuo::ctl {

// Asks ca-store-service.
int ListHandles(const Context& context, const std::string& share);

// These two read and write below ca_path themselves: they are for when the daemons do not run.
enum class OwnerFormat { kFull, kName };
// kName: only the node's name, and nothing when the owner has stopped in order or there is none.
int ShowOwner(const Context& context, OwnerFormat format);
int ConfirmFencedOwner(const Context& context, const std::string& node);

}  // namespace continuo::ctl
