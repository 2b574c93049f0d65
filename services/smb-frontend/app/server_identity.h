// What the server calls itself.
#pragma once

#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "common/config/config.h"
#include "common/smbwire/header.h"

namespace continuo::app {

// `server_name`, or the host's name up to its first dot.
std::string ServerNameOf(const config::Config& config);

// The server GUID of the cluster, so that clients see the same server after a restart and on another
// node. auth-service makes it (common/identity); blocks until it has, at most 10 s.
// Errors: NotFound after that; FailedPrecondition when this node is not the cluster's; Cancelled when
//         told to stop; what the storage says.
absl::StatusOr<smbwire::Guid> LoadServerGuid(const config::Config& config);

// "CREATE" for 5; "UNKNOWN" beyond the last command.
std::string_view CommandName(size_t command);

}  // namespace continuo::app
