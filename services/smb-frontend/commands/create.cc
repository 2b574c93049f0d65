#include <algorithm>
#include <utility>

#include "common/base/fault_point.h"
#include "common/bytes/utf16.h"
#include "common/smbwire/create.h"
#include "services/smb-frontend/commands/app_instance.h"
#include "services/smb-frontend/commands/await_fsa.h"
#include "services/smb-frontend/commands/commands.h"
#include "services/smb-frontend/commands/create_job.h"
#include "services/smb-frontend/commands/create_pipe.h"
#include "services/smb-frontend/commands/create_plan.h"
#include "services/smb-frontend/commands/durable.h"
#include "services/smb-frontend/commands/end_session.h"
#include "services/smb-frontend/commands/file_reply.h"
#include "services/smb-frontend/commands/persistent_open.h"
#include "services/smb-frontend/commands/release_open.h"
#include "services/smb-frontend/dispatch/smb_connection.h"
#include "services/smb-frontend/open/paths.h"

namespace continuo::commands {
namespace {

// A file that was deleted while the open waited is looked for again, so often at most.
constexpr int kMaxVanished = 4;

// How long a client that is back may take to reclaim a handle, when it opens the same file anew.
constexpr absl::Duration kOwnReclaimMax = absl::Seconds(3);

NtStatus CheckLimits(RequestScope& scope, const config::Global& config) {
  if (config.open_files_max != 0 && scope.server.opens.size() >= config.open_files_max) {
    return NtStatus::kInsufficientResources;
  }
  if (config.sess_open_files_max != 0 &&
      scope.session->open_count() >= config.sess_open_files_max) {
    return NtStatus::kInsufficientResources;
  }
  return NtStatus::kSuccess;
}

fsa::OpenRequest MakeFsaRequest(const RequestScope& scope, const CreatePlan& plan,
                                const CreateCaller& caller, const CreateTarget& target,
                                smbwire::FileId id) {
  fsa::OpenRequest request;
  request.open = fsa::OpenId(id.volatile_id);
  request.file = target.file->key;
  if (target.stream != nullptr) request.stream = bytes::FoldName(target.stream->name());
  request.path = open::AbsolutePath(*scope.tree->share, target.file->path);
  request.client_guid = scope.connection.negotiated().client_guid;
  request.session_id = scope.session->id().value();
  request.access = target.granted | (target.is_created ? 0 : plan.implied);
  request.share_access = plan.share_access;
  request.create_options = plan.options;
  request.is_directory = target.is_directory;
  request.is_delete_on_close = plan.is_delete_on_close;
  if (target.is_created) request.action = fsa::OpenAction::kCreated;
  else if (plan.Overwrites() && !target.is_overwritten) request.action = fsa::OpenAction::kOverwrite;
  request.oplock = plan.oplock;
  request.lease = plan.lease;
  if (plan.durable.IsRequest() && !target.is_directory) {
    request.durability = caller.mark ? fsa::Durability::kPersistent : fsa::Durability::kDurable;
  }
  request.waits_for_reclaim = scope.server.handles != nullptr &&
                              scope.server.config()->global.ca_reclaim_hold > absl::ZeroDuration();
  if (plan.durable.wants_v2) request.create_guid = plan.durable.wants_v2->create_guid;
  return request;
}

// Again and again while the open waits: it may come to wait for a reclaim later than it came.
void LimitHold(dispatch::ServerContext& server, net::EventLoop& loop, fsa::OpId op,
               std::shared_ptr<bool> is_over) {
  loop.RunAfter(server.config()->global.ca_reclaim_hold,
                [&server, &loop, op, is_over = std::move(is_over)] {
                  if (*is_over) return;
                  server.fsa->EndHold(op);
                  LimitHold(server, loop, op, is_over);
                });
}

// A client that is back reclaims at once what it still knows of.
void LimitOwnReclaim(RequestScope& scope, const fsa::FileKey& file, std::shared_ptr<bool> is_over) {
  AbandonedBy by{.file = file,
                 .client_guid = scope.connection.negotiated().client_guid,
                 .user = scope.identity->token.user};
  scope.loop().RunAfter(kOwnReclaimMax, [&server = scope.server, &loop = scope.loop(),
                                         by = std::move(by), is_over = std::move(is_over)] {
    if (!*is_over) ExpireAbandoned(server, loop, by);
  });
}

net::Task<NtResult<fsa::OpenGrant>> OpenInFsa(RequestScope& scope, fsa::OpenRequest request) {
  const auto is_over = std::make_shared<bool>(false);
  const auto start = [&](net::CompletionOf<NtResult<fsa::OpenGrant>> done) {
    frontend::FsaHost* fsa = scope.server.fsa;
    const bool has_hold = request.waits_for_reclaim;
    const fsa::FileKey file = request.file;
    const frontend::FsaHost::Started started = fsa->Open(std::move(request), std::move(done));
    if (!started.is_pending) return;
    if (has_hold) {
      LimitHold(scope.server, scope.loop(), started.op, is_over);
      LimitOwnReclaim(scope, file, is_over);
    }
    const NtStatus async = scope.GoAsync([fsa, op = started.op] { fsa->Cancel(op); });
    if (!async.ok()) fsa->Cancel(started.op);
  };
  NtResult<fsa::OpenGrant> grant =
      co_await net::AwaitCallback<NtResult<fsa::OpenGrant>>(scope.loop(), start);
  *is_over = true;
  co_return grant;
}

// A new object is announced: whoever watches its directory, or caches its listing, learns of it.
void AnnounceCreated(RequestScope& scope, const CreateTarget& target, fsa::OpenId by) {
  if (target.parent_key) scope.server.fsa->DirectoryChanged(*target.parent_key, by);
  if (!scope.server.fsa->has_watches()) return;
  const std::string path = open::AbsolutePath(*scope.tree->share, target.file->path);
  std::vector<fsa::NameEvent> events;
  if (target.stream == nullptr || target.is_base_created) {
    events.push_back({.path = path,
                      .action = fsa::NotifyAction::kAdded,
                      .filter = target.is_directory ? fsa::kNotifyDirName : fsa::kNotifyFileName});
  }
  if (target.stream != nullptr && target.is_created) {
    events.push_back({.path = path + ":" + target.stream->name(),
                      .action = fsa::NotifyAction::kAddedStream,
                      .filter = fsa::kNotifyStreamName});
  }
  if (!events.empty()) scope.server.fsa->NameEvents(std::move(events));
}

uint32_t CreateAction(const CreatePlan& plan, const CreateTarget& target) {
  if (target.is_created) return smbwire::kActionCreated;
  if (plan.disposition == Disposition::kSupersede) return smbwire::kActionSuperseded;
  return plan.Overwrites() ? smbwire::kActionOverwritten : smbwire::kActionOpened;
}

smbwire::LeaseContext GrantedLease(const CreatePlan& plan, const fsa::OpenGrant& grant) {
  smbwire::LeaseContext lease;
  lease.version = grant.lease_version == 2 ? smbwire::LeaseContext::Version::kV2
                                           : smbwire::LeaseContext::Version::kV1;
  lease.key = plan.lease->key;
  lease.state = grant.lease_state;
  if (grant.is_lease_break_in_progress) lease.flags |= smbwire::kLeaseFlagBreakInProgress;
  if (plan.lease->parent_key && grant.lease_version == 2) {
    lease.flags |= smbwire::kLeaseFlagParentLeaseKeySet;
    lease.parent_key = *plan.lease->parent_key;
  }
  lease.epoch = grant.lease_epoch;
  return lease;
}

void EncodeDurability(RequestScope& scope, const CreatePlan& plan,
                      smbwire::CreateResponseContexts& contexts) {
  if (!plan.durable.wants_v2) {
    contexts.durable_granted = true;
    return;
  }
  const absl::Duration timeout = DurableTimeout(plan.durable, scope.server.config()->global);
  absl::MutexLock lock(&scope.open->mutex());
  contexts.durable_v2 = smbwire::DurableV2Response{
      .timeout_ms = static_cast<uint32_t>(absl::ToInt64Milliseconds(timeout)),
      .flags = scope.open->state().is_persistent ? smbwire::kDurableV2FlagPersistent : 0};
}

void EncodeReply(RequestScope& scope, const CreatePlan& plan, const CreateTarget& target,
                 const fsa::OpenGrant& grant, uint32_t create_action) {
  smbwire::CreateResponse response;
  response.oplock_level = static_cast<uint8_t>(grant.oplock);
  response.create_action = create_action;
  const FileReply facts = DescribeFile(*target.file, target.stream.get());
  response.creation_time = facts.creation_time;
  response.last_access_time = facts.last_access_time;
  response.last_write_time = facts.last_write_time;
  {
    absl::MutexLock lock(&scope.open->mutex());
    (void)scope.open->state().write_time.Show(target.file->stat.write_time, absl::Now());
  }
  response.change_time = facts.change_time;
  response.allocation_size_bytes = facts.allocation_size_bytes;
  response.end_of_file = facts.end_of_file;
  response.file_attributes = facts.attributes;
  response.file_id = scope.open->file_id();
  if (plan.wants_maximal_access && target.maximal != 0) {
    response.contexts.maximal_access =
        smbwire::MaximalAccessResponse{.query_status = NtStatus::kSuccess,
                                       .maximal_access = target.maximal};
  }
  if (plan.wants_on_disk_id) {
    response.contexts.on_disk_id = smbwire::OnDiskIdResponse{
        .disk_file_id = target.file->stat.inode,
        .volume_id = scope.tree->share->root->volume_serial()};
  }
  if (grant.oplock == fsa::OplockLevel::kLease && plan.lease) {
    response.contexts.lease = GrantedLease(plan, grant);
  }
  if (grant.is_durable && plan.durable.IsRequest()) {
    EncodeDurability(scope, plan, response.contexts);
  }
  smbwire::EncodeCreateResponse(response, scope.body);
}

std::shared_ptr<open::OpenFile> MakeOpen(const RequestScope& scope, const CreatePlan& plan,
                                         const CreateTarget& target, smbwire::FileId id) {
  open::OpenFacts facts;
  facts.file_id = id;
  facts.session = scope.session;
  facts.tree = scope.tree;
  facts.client_guid = scope.connection.negotiated().client_guid;
  facts.granted_access = target.granted;
  facts.share_access = plan.share_access;
  facts.create_options = plan.options;
  facts.is_directory = target.is_directory;
  facts.file_key = target.file->key;
  if (plan.lease) facts.lease_key = plan.lease->key;
  if (plan.durable.wants_v2) facts.create_guid = plan.durable.wants_v2->create_guid;
  facts.created = absl::Now();
  facts.app_instance_id = plan.app_instance_id;
  facts.app_instance_version = plan.app_instance_version;
  facts.channel_sequence =
      std::make_shared<open::ChannelSequence>(scope.header.channel_sequence());
  std::shared_ptr<open::OpenFile> open = NewOpenFile(std::move(facts));
  open->file = target.file;
  open->stream = target.stream;
  open->SetPathInShare(target.file->path);
  return open;
}

// The client is about to learn of the open: breaks that were due since its grant follow.
void ReleaseEarlyBreaks(RequestScope& scope, open::OpenFile& open) {
  std::vector<fsa::BreakToSend> breaks;
  {
    absl::MutexLock lock(&open.mutex());
    open.state().is_answered = true;
    breaks.swap(open.state().early_breaks);
  }
  for (const fsa::BreakToSend& event : breaks) scope.server.fsa_sink->OnBreak(event);
}

// An open that is known to the table before the FSA decides: a break may be due for it at once.
void Enter(RequestScope& scope, const std::shared_ptr<open::OpenFile>& open) {
  scope.server.opens.Add(open);
  scope.session->AddOpen(open->file_id().volatile_id);
}

void Forget(RequestScope& scope, const open::OpenFile& open) {
  scope.server.opens.Remove(open.file_id().volatile_id);
  scope.session->RemoveOpen(open.file_id().volatile_id);
}

bool IsPersistent(open::OpenFile& open) {
  absl::MutexLock lock(&open.mutex());
  return open.state().is_persistent;
}

bool IsDurable(open::OpenFile& open) {
  absl::MutexLock lock(&open.mutex());
  return open.state().is_durable;
}

// A session or tree connect that ended meanwhile takes the new open along.
net::Task<NtStatus> Settle(RequestScope& scope, std::shared_ptr<open::OpenFile> open) {
  const bool is_orphan = scope.session->state() == session::SessionState::kClosed ||
                         scope.tree->is_disconnected.load();
  if (!is_orphan) {
    scope.open = std::move(open);
    co_return NtStatus::kSuccess;
  }
  const NtStatus closed = co_await CloseOpen(scope.server, scope.loop(), std::move(open));
  (void)closed;
  co_return NtStatus::kNetworkNameDeleted;
}

// A lease key that names a file already cannot name one that is about to be made: then nothing is
// made. [MS-SMB2] 3.3.5.9.8.
net::Task<NtStatus> CheckNewLease(RequestScope& scope, const CreatePlan& plan,
                                  const CreateCaller& caller) {
  if (!plan.lease || !plan.MayCreate()) co_return NtStatus::kSuccess;
  const smbwire::Guid client_guid = scope.connection.negotiated().client_guid;
  const auto ask = [&](net::CompletionOf<NtStatus> done) {
    scope.server.fsa->CheckLeaseKeyFree(client_guid, plan.lease->key, std::move(done));
  };
  const NtStatus is_free = co_await net::AwaitCallback<NtStatus>(scope.loop(), ask);
  if (is_free.ok()) co_return NtStatus::kSuccess;
  CreatePlan probe = plan;
  probe.disposition = Disposition::kOpen;
  const auto look = [&] { return FindOrCreate(probe, caller).status(); };
  const NtStatus found = co_await scope.RunBlocking(look);
  co_return found == NtStatus::kObjectNameNotFound ? is_free : NtStatus(NtStatus::kSuccess);
}

// A persistent CREATE that would make something says so on record first. Where that cannot be
// written, its handle will not be persistent.
net::Task<NtResult<CreateTarget>> Find(RequestScope& scope, const CreatePlan& plan,
                                       CreateCaller& caller) {
  const auto find = [&] { return FindOrCreate(plan, caller); };
  NtResult<CreateTarget> target = co_await scope.RunBlocking(find);
  if (!target.ok() || target->missing_name.empty()) co_return target;
  CONTINUO_FAULT_POINT("create.found_missing");
  co_await RecordIntent(scope, plan, *target, caller);
  CONTINUO_FAULT_POINT("create.intended");
  co_return co_await scope.RunBlocking(find);
}

net::Task<NtStatus> OverwriteFound(RequestScope& scope, const CreatePlan& plan,
                                   CreateCaller& caller, CreateTarget& target) {
  if (caller.mark && !caller.has_intent) {
    co_await RecordIntent(scope, plan, target, caller);
    CONTINUO_FAULT_POINT("create.intended");
  }
  const auto overwrite = [&] { return Overwrite(plan, caller, target); };
  co_return co_await scope.RunBlocking(overwrite);
}

// Breaks that the client's earlier requests cause come before this answer, as they do under a
// delegation, although it asks nothing of the FSA.
net::Task<void> KeepOrder(RequestScope& scope) {
  if (scope.server.fsa->is_delegated()) co_return;
  const bool is_pending = co_await IsDeletePending(scope, fsa::OpenId(0));
  (void)is_pending;
}

// One attempt. Errors: FILE_DELETED when the object was deleted while the open waited.
net::Task<NtStatus> CreateOnce(RequestScope& scope, const CreatePlan& plan,
                               CreateCaller& caller) {
  NtResult<CreateTarget> target = co_await Find(scope, plan, caller);
  if (!target.ok()) {
    co_await KeepOrder(scope);
    co_return target.status();
  }
  const smbwire::FileId id = scope.server.opens.NewFileId();
  fsa::OpenRequest request = MakeFsaRequest(scope, plan, caller, *target, id);
  if (target->is_created || target->is_base_created) {
    AnnounceCreated(scope, *target, fsa::OpenId(0));
  }
  std::shared_ptr<open::OpenFile> open = MakeOpen(scope, plan, *target, id);
  Enter(scope, open);
  const bool is_persistent = request.durability == fsa::Durability::kPersistent;
  if (is_persistent) PrepareRecord(scope, plan, *target, *open, CreateAction(plan, *target));
  const NtResult<fsa::OpenGrant> grant = co_await OpenInFsa(scope, std::move(request));
  if (!grant.ok()) {
    if (is_persistent) AbandonRecord(scope, *open);
    Forget(scope, *open);
    co_return grant.status();
  }
  CONTINUO_FAULT_POINT("create.granted");
  {
    absl::MutexLock lock(&open->mutex());
    open::OpenFile::Mutable& state = open->state();
    if (state.early_breaks.empty()) state.oplock = grant->oplock;
    state.is_durable = grant->is_durable;
    state.is_persistent = is_persistent;
    state.durable_timeout = DurableTimeout(plan.durable, scope.server.config()->global);
    state.grant = *grant;
    state.create_action = CreateAction(plan, *target);
  }
  if (!is_persistent && plan.durable.wants_v2) open->AllowReplay();
  const NtStatus settled = co_await Settle(scope, open);
  if (!settled.ok()) co_return settled;
  if (!target->is_created && plan.Overwrites() && !target->is_overwritten) {
    const NtStatus overwritten = co_await OverwriteFound(scope, plan, caller, *target);
    if (!overwritten.ok()) {
      scope.open = nullptr;
      const NtStatus closed = co_await CloseOpen(scope.server, scope.loop(), open);
      (void)closed;
      co_return overwritten;
    }
  }
  fsa::OpenGrant told = *grant;
  const bool has_changed = target->is_created || target->is_base_created || plan.Overwrites();
  // Of a file itself the VFS has seen to it.
  if (has_changed && !is_persistent && target->stream != nullptr) {
    const NtStatus stable = co_await Stabilize(scope, open);
    if (!stable.ok()) {
      scope.open = nullptr;
      const NtStatus closed = co_await CloseOpen(scope.server, scope.loop(), open);
      (void)closed;
      co_return stable;
    }
  }
  if (is_persistent) {
    const bool is_on_record =
        co_await CompleteRecord(scope, open,
                                {.has_changed_file = has_changed,
                                 .has_intent = caller.has_intent || caller.is_interrupted});
    if (!is_on_record) told.is_durable = IsDurable(*open);
  }
  EncodeReply(scope, plan, *target, told, CreateAction(plan, *target));
  ReleaseEarlyBreaks(scope, *open);
  co_return NtStatus::kSuccess;
}

net::Task<NtStatus> CreateOnDisk(RequestScope& scope, const CreatePlan& plan) {
  CreateCaller caller{.share = *scope.tree->share,
                      .token = scope.identity->token,
                      .ceiling = scope.tree->maximal_access};
  const NtStatus lease = co_await CheckNewLease(scope, plan, caller);
  if (!lease.ok()) co_return lease;
  if (WantsPersistent(scope, plan) && !plan.wants_directory) {
    PreparePersistence(scope, plan, caller);
  }
  for (int attempt = 0; attempt < kMaxVanished; ++attempt) {
    const NtStatus status = co_await CreateOnce(scope, plan, caller);
    if (status == NtStatus::kFileDeleted) continue;
    if (!status.ok()) EndIntent(scope, caller, status);
    co_return status;
  }
  EndIntent(scope, caller, NtStatus::kObjectNameNotFound);
  co_return NtStatus::kObjectNameNotFound;
}

// The file as it is now, for a response about an open that was there before.
net::Task<NtResult<CreateTarget>> TargetOf(RequestScope& scope,
                                           std::shared_ptr<open::OpenFile> open) {
  const auto refresh = [&] {
    absl::MutexLock lock(&open->file_mutex());
    return open->vfs().Refresh(*open->file);
  };
  const NtStatus fresh = co_await scope.RunBlocking(refresh);
  if (!fresh.ok()) co_return fresh;
  CreateTarget target;
  target.file = open->file;
  target.stream = open->stream;
  target.granted = open->granted_access();
  target.is_directory = open->is_directory();
  co_return target;
}

// What a claimed open from a record stands for. Where it is gone so is the open; where it cannot be had
// now the client may try again.
net::Task<NtResult<FoundAgain>> FindClaimed(RequestScope& scope,
                                            std::shared_ptr<open::OpenFile> claimed) {
  const auto find = [&] { return FindAgain(*claimed, FileAccessOf(claimed->granted_access())); };
  NtResult<FoundAgain> found = co_await scope.loop().RunBlocking(nullptr, find);
  if (found.ok()) co_return found;
  if (found.status() == NtStatus::kObjectNameNotFound) {
    const NtStatus closed = co_await CloseOpen(scope.server, scope.loop(), std::move(claimed));
    (void)closed;
    co_return NtStatus::kObjectNameNotFound;
  }
  absl::Duration timeout;
  {
    absl::MutexLock lock(&claimed->mutex());
    claimed->state().is_disconnected = true;
    timeout = claimed->state().durable_timeout;
  }
  ScheduleExpiry(scope.server, scope.loop(), claimed, timeout);
  co_return found.status();
}

// The file was renamed while nobody looked.
void FollowRename(RequestScope& scope, open::OpenFile& open) {
  const std::string old_path = open.PathInShare();
  if (open.file->path == old_path) return;
  open.SetPathInShare(open.file->path);
  scope.server.fsa->Renamed({.file = open.facts().file_key,
                             .old_path = open::AbsolutePath(open.share(), old_path),
                             .new_path = open::AbsolutePath(open.share(), open.file->path)});
}

// The client is back and takes up what it had.
net::Task<NtStatus> TakeUp(RequestScope& scope, const CreatePlan& plan,
                           std::shared_ptr<open::OpenFile> claimed, uint32_t create_action) {
  FoundAgain found{.file = claimed->file, .stream = claimed->stream};
  if (found.file == nullptr) {
    NtResult<FoundAgain> again = co_await FindClaimed(scope, claimed);
    if (!again.ok()) co_return again.status();
    found = *std::move(again);
  }
  // From here on breaks find the new session; they wait until it has been told of the open.
  std::shared_ptr<open::OpenFile> open = SucceedOpen(scope, *claimed);
  open->file = std::move(found.file);
  open->stream = std::move(found.stream);
  FollowRename(scope, *open);
  (void)claimed->BeginClose();
  scope.server.opens.Replace(open);
  scope.session->AddOpen(open->file_id().volatile_id);
  const uint64_t session_id = scope.session->id().value();
  const auto start = [&](net::CompletionOf<NtResult<fsa::OpenGrant>> done) {
    scope.server.fsa->Reconnect(open->fsa_id(), session_id, std::move(done));
  };
  const NtResult<fsa::OpenGrant> grant =
      co_await net::AwaitCallback<NtResult<fsa::OpenGrant>>(scope.loop(), start);
  if (!grant.ok()) {
    const NtStatus closed = co_await CloseOpen(scope.server, scope.loop(), open);
    (void)closed;
    co_return NtStatus::kObjectNameNotFound;
  }
  {
    absl::MutexLock lock(&open->mutex());
    if (open->state().early_breaks.empty()) open->state().oplock = grant->oplock;
  }
  if (IsPersistent(*open)) co_await RecordReconnect(scope, open);
  const NtStatus settled = co_await Settle(scope, open);
  if (!settled.ok()) co_return settled;
  const NtResult<CreateTarget> target = co_await TargetOf(scope, open);
  if (!target.ok()) co_return target.status();
  EncodeReply(scope, plan, *target, *grant, create_action);
  ReleaseEarlyBreaks(scope, *open);
  co_return NtStatus::kSuccess;
}

// DHnC, DH2C.
net::Task<NtStatus> Reconnect(RequestScope& scope, const CreatePlan& plan) {
  NtResult<std::shared_ptr<open::OpenFile>> claimed = ClaimDurable(scope, plan);
  if (!claimed.ok()) co_return claimed.status();
  co_return co_await TakeUp(scope, plan, *std::move(claimed), smbwire::kActionOpened);
}

// Another open of the lease may have raised it, and a break lowered it, since it was granted.
net::Task<void> FillLeaseAsItIs(RequestScope& scope, std::shared_ptr<open::OpenFile> open,
                                fsa::OpenGrant& grant) {
  fsa::Durability durability = fsa::Durability::kNone;
  {
    absl::MutexLock lock(&open->mutex());
    if (open->state().is_durable) durability = fsa::Durability::kDurable;
    if (open->state().is_persistent) durability = fsa::Durability::kPersistent;
  }
  const auto ask = [&](net::CompletionOf<NtResult<fsa::OpenGrant>> done) {
    scope.server.fsa->SetDurability(open->fsa_id(), durability, std::move(done));
  };
  const NtResult<fsa::OpenGrant> now =
      co_await net::AwaitCallback<NtResult<fsa::OpenGrant>>(scope.loop(), ask);
  if (now.ok()) grant = *now;
}

// DH2Q with a create GUID that is in use: the client repeats a CREATE whose response it has not seen,
// and is answered as then. [MS-SMB2] 3.3.5.9.10.
net::Task<NtStatus> Replay(RequestScope& scope, const CreatePlan& plan,
                           std::shared_ptr<open::OpenFile> open) {
  const bool is_replay = (scope.header.flags & smbwire::kFlagReplayOperation) != 0;
  fsa::OpenGrant grant;
  uint32_t create_action = 0;
  bool is_absent = false;
  {
    absl::MutexLock lock(&open->mutex());
    is_absent = open->state().is_persistent && open->state().is_disconnected;
    create_action = open->state().create_action;
  }
  if (is_absent && is_replay) {
    NtResult<std::shared_ptr<open::OpenFile>> claimed = ClaimReplayed(scope, plan, std::move(open));
    if (!claimed.ok()) co_return claimed.status();
    co_return co_await TakeUp(scope, plan, *std::move(claimed), create_action);
  }
  if (!is_replay) co_return kStatusDuplicateObjectid;
  {
    absl::MutexLock lock(&open->mutex());
    if (!open->state().is_answered || open->state().is_disconnected) {
      co_return NtStatus::kFileNotAvailable;
    }
    grant = open->state().grant;
    // An oplock is answered as it is now, and no higher than the replay asks for.
    if (grant.oplock != fsa::OplockLevel::kLease) {
      grant.oplock = std::min(open->state().oplock, plan.oplock);
      const bool keeps = open->state().is_persistent || grant.oplock == fsa::OplockLevel::kBatch;
      grant.is_durable = grant.is_durable && keeps;
    }
  }
  if (open->session() != scope.session || open->tree() != scope.tree) {
    co_return NtStatus::kAccessDenied;
  }
  if (plan.lease.has_value() != open->facts().lease_key.has_value() ||
      (plan.lease && plan.lease->key != *open->facts().lease_key)) {
    co_return NtStatus::kAccessDenied;
  }
  if (grant.oplock == fsa::OplockLevel::kLease) co_await FillLeaseAsItIs(scope, open, grant);
  const NtResult<CreateTarget> target = co_await TargetOf(scope, open);
  if (!target.ok()) co_return target.status();
  scope.open = open;
  EncodeReply(scope, plan, *target, grant, create_action);
  co_return NtStatus::kSuccess;
}

// Two of one create GUID at a time would each find what the other one makes.
net::Task<NtStatus> CreateWithGuid(RequestScope& scope, const CreatePlan& plan) {
  const smbwire::Guid client_guid = scope.connection.negotiated().client_guid;
  const smbwire::Guid create_guid = plan.durable.wants_v2->create_guid;
  scope.outlives_connection = true;
  open::OpenTable& opens = scope.server.opens;
  if (!opens.BeginCreate(client_guid, create_guid)) {
    const bool is_replay = (scope.header.flags & smbwire::kFlagReplayOperation) != 0;
    co_return is_replay ? NtStatus(NtStatus::kFileNotAvailable) : kStatusDuplicateObjectid;
  }
  std::shared_ptr<open::OpenFile> known = opens.FindByCreateGuid(client_guid, create_guid);
  NtStatus status;
  if (known != nullptr) {
    status = co_await Replay(scope, plan, std::move(known));
  } else {
    status = co_await CreateOnDisk(scope, plan);
  }
  opens.EndCreate(client_guid, create_guid);
  co_return status;
}

}  // namespace

net::Task<NtStatus> HandleCreate(RequestScope& scope) {
  const auto request = smbwire::DecodeCreateRequest(scope.message);
  if (!request.ok()) co_return request.status();
  const std::shared_ptr<const config::Config> config = scope.server.config();
  const NtStatus limits = CheckLimits(scope, config->global);
  if (!limits.ok()) co_return limits;
  if (!scope.tree->share->is_disk()) co_return co_await CreatePipe(scope, *request);
  const PlanOptions options{.has_named_streams = scope.tree->share->config.named_streams,
                            .has_oplocks = config->global.enable_oplock,
                            .dialect = scope.connection.negotiated().dialect};
  const NtResult<CreatePlan> plan = PlanCreate(*request, options);
  if (!plan.ok()) co_return plan.status();
  if (plan->durable.IsReconnect()) co_return co_await Reconnect(scope, *plan);
  if (plan->durable.wants_v2) {
    std::shared_ptr<open::OpenFile> known = scope.server.opens.FindByCreateGuid(
        scope.connection.negotiated().client_guid, plan->durable.wants_v2->create_guid);
    if (known != nullptr) co_return co_await Replay(scope, *plan, std::move(known));
  }
  const NtStatus superseded = co_await CloseFormerInstance(scope, *plan);
  if (!superseded.ok()) co_return superseded;
  if (plan->durable.wants_v2) co_return co_await CreateWithGuid(scope, *plan);
  co_return co_await CreateOnDisk(scope, *plan);
}

}  // namespace continuo::commands
