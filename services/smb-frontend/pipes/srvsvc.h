// The server service, srvsvc: what `smbclient -L`, Explorer and the Finder list shares with.
//
// Source: [MS-SRVS] 3.1.4. Calls: NetrConnectionEnum (8), NetrFileEnum (9), NetrSessionEnum (12),
// NetrShareEnum (15), NetrShareGetInfo (16), NetrServerGetInfo (21), NetrRemoteTOD (28),
// NetrShareEnumSticky (36). Every other one faults with nca_s_op_rng_error.
#pragma once

#include <memory>

#include "services/smb-frontend/pipes/pipe_environment.h"
#include "services/smb-frontend/pipes/rpc_server.h"

namespace continuo::pipes {

std::unique_ptr<RpcInterface> NewSrvsvc(std::shared_ptr<const PipeEnvironment> environment);

}  // namespace continuo::pipes
