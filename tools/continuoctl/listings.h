// sessions, connections, trees, opens, shares, locks: what smb-frontend and fsa-state-service list.
#pragma once

#include <cstdint>
#include <string>

#include "tools/continuoctl/context.h"

namespace continuo::ctl {

int ListSessions(const Context& context);
int ListConnections(const Context& context);
int ListTreeConnects(const Context& context);
// Empty and 0: of all.
int ListOpens(const Context& context, const std::string& share, uint64_t session_id);
int ListShares(const Context& context);

int CloseSession(const Context& context, uint64_t session_id);
// `file_id` as the listing shows it: PERSISTENT:VOLATILE.
int CloseOpen(const Context& context, const std::string& file_id);

}  // namespace continuo::ctl
