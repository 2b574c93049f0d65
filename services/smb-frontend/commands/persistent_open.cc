#include "services/smb-frontend/commands/persistent_open.h"

#include <utility>

#include "common/smbwire/negotiate.h"
#include "services/smb-frontend/commands/durable.h"
#include "services/smb-frontend/dispatch/smb_connection.h"
#include "services/smb-frontend/net/await_callback.h"
#include "services/smb-frontend/persistent/persistent_handles.h"
#include "services/smb-frontend/vfs/stable.h"

namespace continuo::commands {
namespace {

Bytes Encoded(const security::Sid& sid) {
  bytes::ByteWriter out;
  sid.EncodeTo(out);
  return std::move(out).Take();
}

// Worker thread. The file's content, attributes and name.
NtStatus SyncCreated(open::OpenFile& open) {
  if (open.stream != nullptr) CONTINUO_RETURN_IF_ERROR(open.stream->Flush());
  CONTINUO_RETURN_IF_ERROR(vfs::SyncFile(*open.file));
  return vfs::SyncParentOf(open.vfs(), open.PathInShare());
}

net::Task<void> Demote(dispatch::RequestScope& scope, std::shared_ptr<open::OpenFile> open) {
  const auto start = [&](net::CompletionOf<NtResult<fsa::OpenGrant>> done) {
    scope.server.fsa->SetDurability(open->fsa_id(), fsa::Durability::kDurable, std::move(done));
  };
  const NtResult<fsa::OpenGrant> grant =
      co_await net::AwaitCallback<NtResult<fsa::OpenGrant>>(scope.loop(), start);
  absl::MutexLock lock(&open->mutex());
  open->state().is_persistent = false;
  open->state().is_durable = grant.ok() && grant->is_durable;
  open->state().grant.is_durable = open->state().is_durable;
}

}  // namespace

bool HasPersistentHandles(const dispatch::ServerContext& server, const session::Share& share) {
  return server.handles != nullptr && share.is_disk() && share.config.ca &&
         share.root->HasStableHandles();
}

bool WantsPersistent(const dispatch::RequestScope& scope, const CreatePlan& plan) {
  if (!plan.durable.wants_v2 ||
      (plan.durable.wants_v2->flags & smbwire::kDurableV2FlagPersistent) == 0) {
    return false;
  }
  const uint32_t capabilities = scope.connection.negotiated().server_capabilities;
  return (capabilities & smbwire::kCapPersistentHandles) != 0 &&
         HasPersistentHandles(scope.server, *scope.tree->share);
}

void PrepareRecord(const dispatch::RequestScope& scope, const CreatePlan& plan,
                   const CreateTarget& target, const open::OpenFile& open,
                   uint32_t create_action) {
  castore::HandleRecord record;
  record.persistent_id = open.file_id().persistent_id;
  record.create_guid = open.facts().create_guid;
  record.client_guid = open.facts().client_guid;
  record.file = open.facts().file_key;
  record.path = open.PathInShare();
  if (target.stream != nullptr) record.stream = target.stream->name();
  record.share_name = scope.tree->share->netname();
  record.access = open.granted_access();
  record.share_access = open.facts().share_access;
  record.create_options = open.facts().create_options;
  record.create_action = create_action;
  record.owner_sid = Encoded(scope.identity->token.user);
  record.timeout_ms = static_cast<uint32_t>(absl::ToInt64Milliseconds(
      DurableTimeout(plan.durable, scope.server.config()->global)));
  record.create_time = open.facts().created;
  scope.server.handles->Prepare(std::move(record), scope.tree->share->absolute_path);
}

void AbandonRecord(const dispatch::RequestScope& scope, const open::OpenFile& open) {
  scope.server.handles->Abandon(open.file_id().persistent_id);
}

net::Task<bool> CompleteRecord(dispatch::RequestScope& scope, std::shared_ptr<open::OpenFile> open,
                               bool has_changed_file) {
  const uint64_t id = open->file_id().persistent_id;
  NtStatus synced;
  if (has_changed_file) {
    const auto sync = [&open] { return SyncCreated(*open); };
    synced = co_await scope.RunBlocking(sync);
  }
  if (!synced.ok()) {
    scope.server.handles->Abandon(id);
    co_await Demote(scope, open);
    co_return false;
  }
  const auto start = [&](net::CompletionOf<absl::Status> done) {
    scope.server.handles->Complete(id, clients::CaIntent::kNone, std::move(done));
  };
  const absl::Status stored = co_await net::AwaitCallback<absl::Status>(scope.loop(), start);
  if (!stored.ok()) co_await Demote(scope, open);
  co_return stored.ok();
}

net::Task<void> RecordReconnect(dispatch::RequestScope& scope,
                                std::shared_ptr<open::OpenFile> open) {
  const auto start = [&](net::CompletionOf<bool> done) {
    scope.server.handles->SetReconnected(open->file_id().persistent_id,
                                         [done = std::move(done)] { done(true); });
  };
  const bool is_stable = co_await net::AwaitCallback<bool>(scope.loop(), start);
  (void)is_stable;
}

bool IsWriteThrough(open::OpenFile& open) {
  if (open.share().config.vfs.force_sync) return true;
  if (!open.share().config.ca_write_through) return false;
  absl::MutexLock lock(&open.mutex());
  return open.state().is_persistent;
}

}  // namespace continuo::commands
