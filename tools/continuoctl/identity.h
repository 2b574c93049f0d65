// continuoctl identity: what the nodes of the cluster share, and the administrator's word that it was
// changed on purpose. Both work on the file below runstate_dir: they are for when a node does not start.
#pragma once

#include "tools/continuoctl/context.h"

namespace continuo::ctl {

int ShowIdentity(const Context& context);
// Forgets what nodes are compared with; server GUID and domains stay. The next node that starts says
// what is right.
int AcceptIdentity(const Context& context);

}  // namespace continuo::ctl
