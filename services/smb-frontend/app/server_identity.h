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

// The server GUID, kept in `runstate_dir` so that clients see the same server after a restart; made
// on first use.
// Errors: what reading or writing `runstate_dir`/server-guid says.
absl::StatusOr<smbwire::Guid> LoadServerGuid(const std::string& runstate_dir);

// "CREATE" for 5; "UNKNOWN" beyond the last command.
std::string_view CommandName(size_t command);

}  // namespace continuo::app
