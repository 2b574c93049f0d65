// CREATE on IPC$: a named pipe. [MS-SMB2] 3.3.5.9 for pipes.
#pragma once

#include "common/smbwire/create.h"
#include "services/smb-frontend/dispatch/request_scope.h"

namespace continuo::commands {

net::Task<NtStatus> CreatePipe(dispatch::RequestScope& scope,
                               const smbwire::CreateRequest& request);

}  // namespace continuo::commands
