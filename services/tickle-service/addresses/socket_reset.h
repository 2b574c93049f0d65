// Resets established TCP connections of this node, whoever's they are: what `ss -K` does.
//
// Source:    sock_diag(7); SOCK_DESTROY of linux/sock_diag.h, which needs a kernel with
//            CONFIG_INET_DIAG_DESTROY and CAP_NET_ADMIN.
// Threading: any thread; it asks the kernel only and waits for nothing else.
#pragma once

#include <cstdint>
#include <set>

#include <absl/status/statusor.h>

#include "services/tickle-service/registry/connection.h"

namespace continuo::tickle {

// Resets the connections whose own end is `local` and one of `ports`. Both sides learn it at once.
// Returns how many. Errors: Unimplemented when the kernel cannot do it; PermissionDenied.
absl::StatusOr<uint32_t> ResetConnectionsOf(const IpAddress& local,
                                            const std::set<uint16_t>& ports);

}  // namespace continuo::tickle
