// Persistent handles in the life of an open: who gets one, and what has to be stable before its client is
// answered.
//
// Source: [MS-SMB2] 3.3.5.9.10, 3.3.5.9.12; design.md 3.
// Threading: coroutines of the connection's loop.
#pragma once

#include <memory>

#include "common/castore/handle_record.h"
#include "services/smb-frontend/commands/create_job.h"
#include "services/smb-frontend/commands/create_plan.h"
#include "services/smb-frontend/dispatch/request_scope.h"

namespace continuo::commands {

// Whether the share gives persistent handles: it is continuously available, on a file system whose
// objects are found again on another node.
bool HasPersistentHandles(const dispatch::ServerContext& server, const session::Share& share);

// Whether this CREATE asks for one and can have one; of a directory it cannot.
bool WantsPersistent(const dispatch::RequestScope& scope, const CreatePlan& plan);

// Its mark goes into `caller`, and whether a crash has interrupted it before.
void PreparePersistence(const dispatch::RequestScope& scope, const CreatePlan& plan,
                        CreateCaller& caller);

// What the CREATE is about to do with `target` is on record, and `caller` says so. Where the store cannot
// take it, the CREATE is none of a persistent handle any more: it has no mark.
net::Task<void> RecordIntent(dispatch::RequestScope& scope, const CreatePlan& plan,
                             const CreateTarget& target, CreateCaller& caller);

// The CREATE failed. When its client has not been told, because it is gone, it may send it again.
void EndIntent(const dispatch::RequestScope& scope, const CreateCaller& caller, NtStatus status);

// The intent of a CREATE that a crash interrupted: its client may send it again, for as long as it
// would have had to come back. Main thread or workers.
void AdoptIntent(dispatch::ServerContext& server, castore::CreateIntent intent);

// The open is about to be asked for: what its record will hold is known from now on.
void PrepareRecord(const dispatch::RequestScope& scope, const CreatePlan& plan,
                   const CreateTarget& target, const open::OpenFile& open,
                   uint32_t create_action);

// It is not to be had.
void AbandonRecord(const dispatch::RequestScope& scope, const open::OpenFile& open);

struct Completion {
  bool has_changed_file = false;
  bool has_intent = false;
};
// What CREATE did is stable, and so is the record, which takes the place of the intent. False: the open
// goes on without persistence, as durable as its caching allows.
net::Task<bool> CompleteRecord(dispatch::RequestScope& scope, std::shared_ptr<open::OpenFile> open,
                               Completion completion);

// What an open from a record stands for: wherever it is now, and never another file.
struct FoundAgain {
  std::shared_ptr<vfs::File> file;
  std::shared_ptr<vfs::StreamHandle> stream;
};
// Worker thread. Errors: kObjectNameNotFound when it is gone; others may pass.
NtResult<FoundAgain> FindAgain(open::OpenFile& open, vfs::FileAccess access);
vfs::FileAccess FileAccessOf(security::AccessMask granted);

// The client is back: that is on record before it is told.
net::Task<void> RecordReconnect(dispatch::RequestScope& scope,
                                std::shared_ptr<open::OpenFile> open);

// Whether what this open changes is stable before it is answered: on a share with libc:force_sync, and
// through a persistent handle ([MS-SMB2] 3.3.5.11 lets FLUSH on one do nothing).
bool IsWriteThrough(open::OpenFile& open);

// Makes what was changed in the object stable (its names are vfs::SyncParentOf's), where it has to be.
net::Task<NtStatus> Stabilize(dispatch::RequestScope& scope, std::shared_ptr<open::OpenFile> open);

}  // namespace continuo::commands
