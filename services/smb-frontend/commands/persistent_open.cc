#include "services/smb-frontend/commands/persistent_open.h"

#include <utility>

#include "common/base/fault_point.h"
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

castore::IntentKey KeyOf(const dispatch::RequestScope& scope, const CreatePlan& plan) {
  return {.create_guid = plan.durable.wants_v2->create_guid,
          .client_guid = scope.connection.negotiated().client_guid};
}

// Worker thread.
NtStatus PlaceOf(const vfs::Vfs& vfs, const vfs::File& file, castore::CreateIntent& intent) {
  CONTINUO_ASSIGN_OR_RETURN(const auto parent, vfs.OpenParent(file.path));
  intent.parent = parent->key;
  intent.name = file.path.substr(file.path.rfind('/') + 1);
  return NtStatus();
}

// Worker thread. What an interrupted CREATE that nobody sent again has left on its file.
void RemoveMarkOf(const vfs::Vfs& vfs, const castore::CreateIntent& intent) {
  const std::optional<std::string> parent = vfs::FindPathOf(vfs.root(), intent.parent);
  if (!parent) return;
  const auto file = vfs.OpenPath(vfs::JoinPath(*parent, intent.name), vfs::FileAccess::kMetadata);
  if (!file.ok()) return;
  const std::optional<vfs::CreateMark> mark = vfs::ReadCreateMark(**file);
  if (mark && mark->create_guid == intent.key.create_guid) vfs::RemoveCreateMark(**file);
}

net::Task<void> EndInterrupted(dispatch::ServerContext& server, net::EventLoop& loop,
                               castore::CreateIntent intent) {
  const auto share = server.shares()->Find(intent.share_name);
  if (share != nullptr && share->is_disk()) {
    const vfs::Vfs vfs(share->root);
    const auto clean = [&] { RemoveMarkOf(vfs, intent); return true; };
    const bool is_done = co_await loop.RunBlocking(nullptr, clean);
    (void)is_done;
  }
  server.handles->DropIntent(intent.key);
  server.background_tasks.fetch_sub(1);
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

void PreparePersistence(const dispatch::RequestScope& scope, const CreatePlan& plan,
                        CreateCaller& caller) {
  const castore::IntentKey key = KeyOf(scope, plan);
  caller.mark = vfs::CreateMark{.create_guid = key.create_guid, .client_guid = key.client_guid};
  caller.is_interrupted = scope.server.handles->HasOldIntent(key);
}

net::Task<void> RecordIntent(dispatch::RequestScope& scope, const CreatePlan& plan,
                             const CreateTarget& target, CreateCaller& caller) {
  castore::CreateIntent& intent = caller.intent;
  intent.key = KeyOf(scope, plan);
  intent.create_disposition = static_cast<uint32_t>(plan.disposition);
  intent.share_name = scope.tree->share->netname();
  intent.create_time = absl::Now();
  NtStatus placed;
  if (target.file == nullptr) {
    intent.parent = *target.parent_key;
    intent.name = target.missing_name;
  } else {
    const vfs::Vfs vfs(scope.tree->share->root);
    const auto look = [&] { return PlaceOf(vfs, *target.file, intent); };
    placed = co_await scope.RunBlocking(look);
  }
  if (placed.ok()) {
    const auto start = [&](net::CompletionOf<absl::Status> done) {
      scope.server.handles->PutIntent(intent, std::move(done));
    };
    const absl::Status stored = co_await net::AwaitCallback<absl::Status>(scope.loop(), start);
    caller.has_intent = stored.ok();
    // One that failed may yet be stored.
    if (!stored.ok()) scope.server.handles->DropIntent(intent.key);
  }
  if (!caller.has_intent) caller.mark.reset();
}

void EndIntent(const dispatch::RequestScope& scope, const CreateCaller& caller, NtStatus status) {
  if (!caller.has_intent) return;
  const bool is_untold = status == NtStatus::kNetworkNameDeleted || status == NtStatus::kCancelled;
  if (is_untold) return AdoptIntent(scope.server, caller.intent);
  scope.server.handles->DropIntent(caller.intent.key);
}

void AdoptIntent(dispatch::ServerContext& server, castore::CreateIntent intent) {
  server.handles->AdoptIntent(intent);
  const absl::Duration patience = server.config()->global.durable_v2_timeout;
  net::EventLoop& loop = server.loops->loop(0);
  loop.Post([&server, &loop, patience, intent = std::move(intent)] {
    loop.RunAfter(patience, [&server, &loop, intent] {
      if (!server.handles->HasOldIntent(intent.key)) return;
      server.handles->ForgetOldIntent(intent.key);
      server.background_tasks.fetch_add(1);
      net::Spawn(EndInterrupted(server, loop, intent));
    });
  });
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
  record.channel_sequence = scope.header.channel_sequence();
  if (plan.app_instance_id) {
    const auto version = plan.app_instance_version.value_or(smbwire::AppInstanceVersion{});
    record.app_instance = castore::AppInstance{.id = *plan.app_instance_id,
                                               .version_high = version.high,
                                               .version_low = version.low};
  }
  scope.server.handles->Prepare(std::move(record), scope.tree->share->absolute_path);
}

void AbandonRecord(const dispatch::RequestScope& scope, const open::OpenFile& open) {
  scope.server.handles->Abandon(open.file_id().persistent_id);
}

net::Task<bool> CompleteRecord(dispatch::RequestScope& scope, std::shared_ptr<open::OpenFile> open,
                               Completion completion) {
  const uint64_t id = open->file_id().persistent_id;
  persistent::PersistentHandles& handles = *scope.server.handles;
  const castore::IntentKey key{.create_guid = open->facts().create_guid,
                               .client_guid = open->facts().client_guid};
  NtStatus synced;
  if (completion.has_changed_file) {
    CONTINUO_FAULT_POINT("create.before_sync");
    const auto sync = [&open] { return SyncCreated(*open); };
    synced = co_await scope.RunBlocking(sync);
    CONTINUO_FAULT_POINT("create.synced");
  }
  if (!synced.ok()) {
    handles.Abandon(id);
    if (completion.has_intent) handles.DropIntent(key);
    co_await Demote(scope, open);
    co_return false;
  }
  const clients::CaIntent intent =
      completion.has_intent ? clients::CaIntent::kCompletes : clients::CaIntent::kNone;
  const auto start = [&](net::CompletionOf<absl::Status> done) {
    handles.Complete(id, intent, std::move(done));
  };
  const absl::Status stored = co_await net::AwaitCallback<absl::Status>(scope.loop(), start);
  CONTINUO_FAULT_POINT("create.recorded");
  if (!stored.ok()) {
    if (completion.has_intent) handles.DropIntent(key);
    co_await Demote(scope, open);
  }
  if (completion.has_intent) {
    handles.ForgetOldIntent(key);
    const auto unmark = [&open] { vfs::RemoveCreateMark(*open->file); return true; };
    const bool is_done = co_await scope.RunBlocking(unmark);
    (void)is_done;
    CONTINUO_FAULT_POINT("create.unmarked");
  }
  co_return stored.ok();
}

vfs::FileAccess FileAccessOf(security::AccessMask granted) {
  if ((granted & (security::kFileWriteData | security::kFileAppendData)) != 0) {
    return vfs::FileAccess::kReadWrite;
  }
  if ((granted & (security::kFileReadData | security::kFileExecute)) != 0) {
    return vfs::FileAccess::kRead;
  }
  return vfs::FileAccess::kMetadata;
}

NtResult<FoundAgain> FindAgain(open::OpenFile& open, vfs::FileAccess access) {
  FoundAgain found;
  const vfs::Vfs vfs = open.vfs();
  CONTINUO_ASSIGN_OR_RETURN(
      found.file, vfs::OpenByKey(vfs, open.facts().file_key, open.PathInShare(), access));
  if (const auto stream = open.StreamName()) {
    CONTINUO_ASSIGN_OR_RETURN(
        found.stream, vfs::OpenStream(vfs, found.file, *stream, vfs::StreamOpen::kExisting));
  }
  // A crash between the record and the end of its CREATE leaves the mark.
  if (vfs::ReadCreateMark(*found.file)) vfs::RemoveCreateMark(*found.file);
  return found;
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

net::Task<NtStatus> Stabilize(dispatch::RequestScope& scope,
                              std::shared_ptr<open::OpenFile> open) {
  if (!IsWriteThrough(*open)) co_return NtStatus::kSuccess;
  const auto flush = [&open] {
    return open->stream != nullptr ? open->stream->Flush() : open->vfs().Flush(*open->file);
  };
  co_return co_await scope.RunBlocking(flush);
}

}  // namespace continuo::commands
