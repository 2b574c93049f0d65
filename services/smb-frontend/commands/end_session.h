// How sessions, tree connects and opens end, whoever ends them: LOGOFF, TREE_DISCONNECT, CLOSE, a lost
// connection, an administrator, a previous session id.
//
// Threading: coroutines of the loop that is passed.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "services/smb-frontend/dispatch/server_context.h"
#include "services/smb-frontend/net/event_loop.h"
#include "services/smb-frontend/net/task.h"

namespace continuo::commands {

// Ends `open` once; later calls answer FILE_CLOSED. Runs what its end causes: the delete that was
// pending on it, lease breaks of the parent, change notifications. Returns when that is done.
net::Task<NtStatus> CloseOpen(dispatch::ServerContext& server, net::EventLoop& loop,
                              std::shared_ptr<open::OpenFile> open);

// Ends every open of `tree`.
net::Task<void> CloseTreeConnect(dispatch::ServerContext& server, net::EventLoop& loop,
                                 std::shared_ptr<session::Session> session,
                                 std::shared_ptr<session::TreeConnect> tree);

// What becomes of a session's durable opens.
enum class DurableOpens {
  kClose,
  kKeep,  // They wait for their client to come back ([MS-SMB2] 3.3.7.1).
};

// Ends all of it and forgets the session. Idempotent. [MS-SMB2] 3.3.4.12, 3.3.5.6.
net::Task<void> CloseSession(dispatch::ServerContext& server, net::EventLoop& loop,
                             std::shared_ptr<session::Session> session,
                             DurableOpens durable = DurableOpens::kClose);

// A disconnected durable open that the FSA gave up: forgets it, and removes what it had to remove.
// Ends with background_tasks one less: the caller counted it.
net::Task<void> DropPurged(dispatch::ServerContext& server, net::EventLoop& loop,
                           std::shared_ptr<open::OpenFile> open,
                           std::optional<fsa::DeleteNow> delete_now);

// Ends the open when nobody has claimed it after `timeout`. On `loop`'s thread.
void ScheduleExpiry(dispatch::ServerContext& server, net::EventLoop& loop,
                    const std::shared_ptr<open::OpenFile>& open, absl::Duration timeout);

// The user of a client that has come back and opens a file anew.
struct AbandonedBy {
  fsa::FileKey file;
  smbwire::Guid client_guid{};
  security::Sid user;
};

// Ends the disconnected persistent opens of that file that this client's user has not reclaimed. Linux
// clients drop a handle without a CLOSE whose closing fell into the time without a server, and would
// be kept from the file by it until its time-out. A deviation from [MS-SMB2] 3.3.5.9.
void ExpireAbandoned(dispatch::ServerContext& server, net::EventLoop& loop, const AbandonedBy& by);

// A disconnected durable open whose `is_disconnected` the caller has cleared: ends it. Ends with
// background_tasks one less: the caller counted it.
net::Task<void> EndUnclaimed(dispatch::ServerContext& server, net::EventLoop& loop,
                             std::shared_ptr<open::OpenFile> open);

// The connection is gone: sessions whose last channel it was end, but for what is durable.
// [MS-SMB2] 3.3.7.1.
void EndSessionsOf(dispatch::ServerContext& server, dispatch::SmbConnection& connection,
                   const std::vector<std::shared_ptr<session::Session>>& sessions);

}  // namespace continuo::commands
