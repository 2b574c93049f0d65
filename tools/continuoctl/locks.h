// locks, leases, delegation: what fsa-state-service knows, wherever the state is at the moment.
#pragma once

#include "tools/continuoctl/context.h"

namespace continuo::ctl {

int ListLocks(const Context& context);
int ListLeases(const Context& context);

int ShowDelegation(const Context& context);
// Gives the order; ShowDelegation says how far it got.
int RecallDelegation(const Context& context);
int GrantDelegation(const Context& context);

}  // namespace continuo::ctl
