// What the pipe services may tell the user of one session.
#pragma once

#include <memory>

#include "services/smb-frontend/dispatch/server_context.h"
#include "services/smb-frontend/pipes/pipe_environment.h"

namespace continuo::app {

// Threading: as PipeEnvironment; takes short locks only.
std::shared_ptr<const pipes::PipeEnvironment> MakePipeEnvironment(
    dispatch::ServerContext& server, std::shared_ptr<session::Session> session);

}  // namespace continuo::app
