#include "services/smb-frontend/commands/end_session.h"

#include <utility>

#include "common/logging/log.h"
#include "services/smb-frontend/commands/persistent_open.h"
#include "services/smb-frontend/dispatch/smb_connection.h"
#include "services/smb-frontend/net/await_callback.h"
#include "services/smb-frontend/open/paths.h"
#include "services/smb-frontend/persistent/persistent_handles.h"
#include "services/smb-frontend/vfs/stable.h"

namespace continuo::commands {
namespace {

net::Task<NtResult<fsa::CloseResult>> CloseInFsa(dispatch::ServerContext& server,
                                                 net::EventLoop& loop, fsa::OpenId id) {
  const auto start = [&](net::CompletionOf<NtResult<fsa::CloseResult>> done) {
    server.fsa->Close(id, std::move(done));
  };
  co_return co_await net::AwaitCallback<NtResult<fsa::CloseResult>>(loop, start);
}

// The delete that was set on this or another open of the file, at the path that the FSA knows.
NtStatus RemoveNow(open::OpenFile& open, const fsa::DeleteNow& what, fsa::FileKey* parent_key) {
  if (open.file == nullptr) {
    CONTINUO_ASSIGN_OR_RETURN(FoundAgain found, FindAgain(open, vfs::FileAccess::kMetadata));
    open.file = std::move(found.file);
    open.stream = std::move(found.stream);
  }
  if (!what.stream.empty()) {
    if (open.stream == nullptr) return NtStatus::kObjectNameNotFound;
    CONTINUO_RETURN_IF_ERROR(open.stream->Remove());
    const bool must_sync = open.share().config.ca || open.share().config.vfs.force_sync;
    return must_sync ? vfs::SyncFile(*open.file) : NtStatus();
  }
  open.file->path = open::PathInShare(open.share(), what.path);
  const vfs::Vfs vfs = open.vfs();
  const auto parent = vfs.OpenParent(open.file->path);
  if (parent.ok()) *parent_key = (*parent)->key;
  CONTINUO_RETURN_IF_ERROR(vfs.Remove(*open.file));
  // Before the record goes, and with it the intention.
  return open.share().config.ca ? vfs::SyncParentOf(vfs, open.file->path) : NtStatus();
}

net::Task<void> DeletePending(dispatch::ServerContext& server, net::EventLoop& loop,
                              std::shared_ptr<open::OpenFile> open, fsa::DeleteNow what) {
  const std::shared_ptr<const session::Identity> identity = open->session()->identity();
  {
    absl::MutexLock lock(&open->mutex());
    open->state().closes_slowly = true;
  }
  fsa::FileKey parent_key;
  const auto work = [&open, &what, &parent_key] {
    absl::MutexLock lock(&open->file_mutex());
    return RemoveNow(*open, what, &parent_key);
  };
  net::TokenRef token = identity == nullptr ? nullptr : identity->unix_token;
  const NtStatus removed = co_await loop.RunBlocking(std::move(token), work);
  server.fsa->DeleteDone(what, removed.ok());
  if (!removed.ok()) {
    logging::Warning("delete.failed", {{"status", removed.name()}, {"path", what.path}});
    co_return;
  }
  if (what.stream.empty()) server.fsa->DirectoryChanged(parent_key, open->fsa_id());
  if (!server.fsa->has_watches()) co_return;
  fsa::NameEvent event;
  event.path = what.path;
  event.action = fsa::NotifyAction::kRemoved;
  event.filter = what.is_directory ? fsa::kNotifyDirName : fsa::kNotifyFileName;
  if (!what.stream.empty()) {
    event.path += ":" + what.stream;
    event.action = fsa::NotifyAction::kRemovedStream;
    event.filter = fsa::kNotifyStreamName;
  }
  server.fsa->NameEvents({std::move(event)});
}

// What the end of a persistent open deletes is deleted: its record goes. Otherwise the FSA's end of the
// open has seen to it.
net::Task<void> RemoveRecord(dispatch::ServerContext& server, net::EventLoop& loop,
                             std::shared_ptr<open::OpenFile> open) {
  if (server.handles == nullptr) co_return;
  const auto start = [&](net::CompletionOf<bool> done) {
    server.handles->Remove(open->file_id().persistent_id, [done = std::move(done)] { done(true); });
  };
  const bool is_stable = co_await net::AwaitCallback<bool>(loop, start);
  (void)is_stable;
}

// True: the open goes on without its session, for the time that its client was promised.
net::Task<bool> KeepDurable(dispatch::ServerContext& server, net::EventLoop& loop,
                            std::shared_ptr<open::OpenFile> open) {
  absl::Duration timeout;
  {
    absl::MutexLock lock(&open->mutex());
    if (!open->state().is_durable || open->is_closing()) co_return false;
    timeout = open->state().durable_timeout;
    // Before the FSA says so: a conflicting open may purge it from then on.
    open->state().is_disconnected = true;
  }
  const auto start = [&](net::CompletionOf<fsa::DisconnectResult> done) {
    server.fsa->Disconnect(open->fsa_id(), std::move(done));
  };
  const fsa::DisconnectResult result =
      co_await net::AwaitCallback<fsa::DisconnectResult>(loop, start);
  if (result == fsa::DisconnectResult::kKept) {
    open->session()->RemoveOpen(open->file_id().volatile_id);
    if (server.handles != nullptr) {
      server.handles->SetDisconnected(open->file_id().persistent_id, absl::Now());
    }
    ScheduleExpiry(server, loop, open, timeout);
    co_return true;
  }
  absl::MutexLock lock(&open->mutex());
  // Not ours any more when somebody has claimed it meanwhile.
  co_return !std::exchange(open->state().is_disconnected, false);
}

net::Task<void> EndDisconnected(dispatch::ServerContext& server, net::EventLoop& loop,
                                std::vector<std::shared_ptr<session::Session>> sessions) {
  for (const auto& session : sessions) {
    co_await CloseSession(server, loop, session, DurableOpens::kKeep);
  }
  server.background_tasks.fetch_sub(1);
}

}  // namespace

namespace {

// Ends `open` if nobody has claimed it.
void Expire(dispatch::ServerContext& server, net::EventLoop& loop,
            std::shared_ptr<open::OpenFile> open) {
  {
    absl::MutexLock lock(&open->mutex());
    if (!std::exchange(open->state().is_disconnected, false)) return;
  }
  if (server.handles != nullptr) server.handles->ReportExpired(open->file_id().persistent_id);
  server.background_tasks.fetch_add(1);
  net::Spawn(EndUnclaimed(server, loop, std::move(open)));
}

bool IsOwnedBy(open::OpenFile& open, const security::Sid& user) {
  const std::shared_ptr<const session::Identity> owner = open.session()->identity();
  return owner != nullptr && owner->token.user == user;
}

}  // namespace

void ScheduleExpiry(dispatch::ServerContext& server, net::EventLoop& loop,
                    const std::shared_ptr<open::OpenFile>& open, absl::Duration timeout) {
  loop.RunAfter(timeout, [&server, &loop, weak = std::weak_ptr<open::OpenFile>(open)] {
    if (std::shared_ptr<open::OpenFile> unclaimed = weak.lock()) {
      Expire(server, loop, std::move(unclaimed));
    }
  });
}

void ExpireAbandoned(dispatch::ServerContext& server, net::EventLoop& loop,
                     const AbandonedBy& by) {
  std::vector<std::shared_ptr<open::OpenFile>> abandoned;
  server.opens.ForEach([&](const std::shared_ptr<open::OpenFile>& open) {
    if (open->is_pipe() || open->facts().file_key != by.file ||
        open->facts().client_guid != by.client_guid) {
      return;
    }
    {
      absl::MutexLock lock(&open->mutex());
      if (!open->state().is_disconnected || !open->state().is_persistent) return;
    }
    if (IsOwnedBy(*open, by.user)) abandoned.push_back(open);
  });
  for (auto& open : abandoned) {
    logging::Info("handle.abandoned", {{"id", logging::Hex(open->file_id().persistent_id)}});
    Expire(server, loop, std::move(open));
  }
}

// Nobody came back in time ([MS-SMB2] 3.3.2.2): the open ends.
net::Task<void> EndUnclaimed(dispatch::ServerContext& server, net::EventLoop& loop,
                             std::shared_ptr<open::OpenFile> open) {
  const NtStatus closed = co_await CloseOpen(server, loop, std::move(open));
  (void)closed;
  server.background_tasks.fetch_sub(1);
}

net::Task<NtStatus> CloseOpen(dispatch::ServerContext& server, net::EventLoop& loop,
                              std::shared_ptr<open::OpenFile> open) {
  if (!open->BeginClose()) co_return NtStatus::kFileClosed;
  const uint64_t volatile_id = open->file_id().volatile_id;
  if (!open->is_pipe()) {
    const NtResult<fsa::CloseResult> closed = co_await CloseInFsa(server, loop, open->fsa_id());
    if (closed.ok() && closed->delete_now) {
      co_await DeletePending(server, loop, open, *closed->delete_now);
      co_await RemoveRecord(server, loop, open);
    }
  }
  server.opens.Remove(volatile_id);
  open->session()->RemoveOpen(volatile_id);
  co_return NtStatus::kSuccess;
}

net::Task<void> CloseTreeConnect(dispatch::ServerContext& server, net::EventLoop& loop,
                                 std::shared_ptr<session::Session> session,
                                 std::shared_ptr<session::TreeConnect> tree) {
  for (const uint64_t volatile_id : session->opens()) {
    std::shared_ptr<open::OpenFile> open = server.opens.FindVolatile(volatile_id);
    if (open == nullptr || open->tree() != tree) continue;
    const NtStatus closed = co_await CloseOpen(server, loop, std::move(open));
    (void)closed;  // Somebody else was first: as good.
  }
}

net::Task<void> CloseSession(dispatch::ServerContext& server, net::EventLoop& loop,
                             std::shared_ptr<session::Session> session,
                             DurableOpens durable) {
  if (!session->Close()) co_return;
  for (const uint64_t volatile_id : session->opens()) {
    std::shared_ptr<open::OpenFile> open = server.opens.FindVolatile(volatile_id);
    if (open == nullptr || open->session() != session) continue;
    if (durable == DurableOpens::kKeep) {
      const bool is_kept = co_await KeepDurable(server, loop, open);
      if (is_kept) continue;
    }
    const NtStatus closed = co_await CloseOpen(server, loop, std::move(open));
    (void)closed;
  }
  for (const auto& tree : session->tree_connects()) session->RemoveTreeConnect(tree->id);
  server.sessions.Remove(session->id());
}

net::Task<void> DropPurged(dispatch::ServerContext& server, net::EventLoop& loop,
                           std::shared_ptr<open::OpenFile> open,
                           std::optional<fsa::DeleteNow> delete_now) {
  if (open->BeginClose()) {
    if (delete_now) co_await DeletePending(server, loop, open, *delete_now);
    server.opens.Remove(open->file_id().volatile_id);
    open->session()->RemoveOpen(open->file_id().volatile_id);
  }
  server.background_tasks.fetch_sub(1);
}

void EndSessionsOf(dispatch::ServerContext& server, dispatch::SmbConnection& connection,
                   const std::vector<std::shared_ptr<session::Session>>& sessions) {
  std::vector<std::shared_ptr<session::Session>> orphans;
  for (const auto& session : sessions) {
    if (session->RemoveChannel(connection.id()) == 0) orphans.push_back(session);
  }
  if (orphans.empty()) return;
  server.background_tasks.fetch_add(1);
  net::Spawn(EndDisconnected(server, connection.loop(), std::move(orphans)));
}

}  // namespace continuo::commands
