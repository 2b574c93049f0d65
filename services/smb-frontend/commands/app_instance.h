// An application that has moved to another client, as a virtual machine does, takes its files along.
//
// Source:    [MS-SMB2] 3.3.5.9.13.
// Threading: coroutines of the connection's loop.
#pragma once

#include "services/smb-frontend/commands/create_plan.h"
#include "services/smb-frontend/dispatch/request_scope.h"

namespace continuo::commands {

// Whether an open of instance `held` refuses to give way to one of `wanted`: it is newer, or as new. Pure.
bool IsInstanceKept(const std::optional<smbwire::AppInstanceVersion>& held,
                    const std::optional<smbwire::AppInstanceVersion>& wanted);

// Closes what the CREATE's application has open by this name through another client.
// Errors: FILE_FORCED_CLOSED when that is of a later instance.
net::Task<NtStatus> CloseFormerInstance(dispatch::RequestScope& scope, const CreatePlan& plan);

}  // namespace continuo::commands
