// Persistent handles in the life of an open: who gets one, and what has to be stable before its client is
// answered.
//
// Source: [MS-SMB2] 3.3.5.9.10, 3.3.5.9.12; design.md 3.
// Threading: coroutines of the connection's loop.
#pragma once

#include <memory>

#include "services/smb-frontend/commands/create_job.h"
#include "services/smb-frontend/commands/create_plan.h"
#include "services/smb-frontend/dispatch/request_scope.h"

namespace continuo::commands {

// Whether the share gives persistent handles: it is continuously available, on a file system whose
// objects are found again on another node.
bool HasPersistentHandles(const dispatch::ServerContext& server, const session::Share& share);

// Whether this CREATE asks for one and can have one; of a directory it cannot.
bool WantsPersistent(const dispatch::RequestScope& scope, const CreatePlan& plan);

// The open is about to be asked for: what its record will hold is known from now on.
void PrepareRecord(const dispatch::RequestScope& scope, const CreatePlan& plan,
                   const CreateTarget& target, const open::OpenFile& open,
                   uint32_t create_action);

// It is not to be had.
void AbandonRecord(const dispatch::RequestScope& scope, const open::OpenFile& open);

// What CREATE did is stable, and so is the record. False: the open goes on without persistence, as
// durable as its caching allows.
net::Task<bool> CompleteRecord(dispatch::RequestScope& scope, std::shared_ptr<open::OpenFile> open,
                               bool has_changed_file);

// The client is back: that is on record before it is told.
net::Task<void> RecordReconnect(dispatch::RequestScope& scope,
                                std::shared_ptr<open::OpenFile> open);

// Whether what this open changes in data, size and names is stable before it is answered.
bool IsWriteThrough(open::OpenFile& open);

}  // namespace continuo::commands
