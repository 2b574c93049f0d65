// The workstation service, wkssvc: name, domain and version of this computer.
//
// Source: [MS-WKST] 3.2.4. Calls: NetrWkstaGetInfo (0), NetrWkstaUserEnum (2). Every other one
// faults with nca_s_op_rng_error.
#pragma once

#include <memory>

#include "services/smb-frontend/pipes/pipe_environment.h"
#include "services/smb-frontend/pipes/rpc_server.h"

namespace continuo::pipes {

std::unique_ptr<RpcInterface> NewWkssvc(std::shared_ptr<const PipeEnvironment> environment);

}  // namespace continuo::pipes
