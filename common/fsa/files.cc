#include "common/fsa/files.h"

#include "common/fsa/files_impl.h"

namespace continuo::fsa {

Files::Files() : impl_(std::make_unique<FilesImpl>()) {}
Files::~Files() = default;

std::optional<NtResult<OpenGrant>> Files::Open(const OpenRequest& request, Effects* effects) {
  return impl_->OpenFile(request, effects);
}

NtResult<CloseResult> Files::Close(OpenId open, Effects* effects) {
  return impl_->Close(open, effects);
}

void Files::DeleteDone(const DeleteDoneRequest& request, Effects* effects) {
  impl_->DeleteDone(request, effects);
}

std::optional<NtStatus> Files::Lock(const LockRequest& request, Effects* effects) {
  return impl_->Lock(request, effects);
}

NtStatus Files::CheckIo(OpenId open, const IoRange& range) const {
  return impl_->CheckIo(open, range);
}

void Files::TrackLocks() { impl_->TrackLocks(); }
std::vector<StreamLocks> Files::TakeLockChanges() { return impl_->TakeLockChanges(); }
bool Files::HasOtherOpens(OpenId open) const { return impl_->HasOtherOpens(open); }
bool Files::IsIoAffected(OpenId open) const { return impl_->IsIoAffected(open); }

NtStatus Files::SetDeletePending(const SetDeletePendingRequest& request, Effects* effects) {
  return impl_->SetDeletePending(request, effects);
}

bool Files::IsDeletePending(OpenId open) const { return impl_->IsDeletePending(open); }

std::optional<NtStatus> Files::Break(const BreakRequest& request, Effects* effects) {
  return impl_->Break(request, effects);
}

void Files::DirectoryChanged(const DirectoryChangedRequest& request, Effects* effects) {
  impl_->DirectoryChanged(request, effects);
}

NtStatus Files::CheckRename(OpenId open) const { return impl_->CheckRename(open); }
NtStatus Files::CheckReplace(const FileKey& file) const { return impl_->CheckReplace(file); }
void Files::Renamed(const RenamedRequest& request) { impl_->Renamed(request); }

NtStatus Files::AckOplockBreak(const AckOplockBreakRequest& request, Effects* effects) {
  return impl_->AckOplockBreak(request, effects);
}

NtResult<LeaseAck> Files::AckLeaseBreak(const AckLeaseBreakRequest& request, Effects* effects) {
  return impl_->AckLeaseBreak(request, effects);
}

void Files::TimeOut(BreakId id, Effects* effects) { impl_->TimeOut(id, effects); }
void Files::Cancel(OpId op, Effects* effects) { impl_->Cancel(op, effects); }

DisconnectResult Files::Disconnect(OpenId open, Effects* effects) {
  return impl_->Disconnect(open, effects);
}

NtResult<OpenGrant> Files::Reconnect(const ReconnectRequest& request, Effects* effects) {
  return impl_->Reconnect(request, effects);
}

NtStatus Files::Restore(const RestoreRequest& request, Effects* effects) {
  return impl_->Restore(request.open, effects);
}

NtResult<OpenGrant> Files::SetDurability(const SetDurabilityRequest& request) {
  return impl_->SetDurability(request);
}

void Files::EndHold(const EndHoldRequest& request, Effects* effects) {
  impl_->EndHold(request.waiting, effects);
}

void Files::TakePersistentChanges(size_t at, Effects* effects) {
  impl_->TakePersistentChanges(at, effects);
}

std::optional<NtResult<std::vector<NotifyEntry>>> Files::Notify(const NotifyRequest& request,
                                                                Effects*) {
  return impl_->Notify(request);
}

void Files::NameEvents(const NameEventsRequest& request, Effects* effects) {
  impl_->NameEvents(request, effects);
}

bool Files::has_watches() const { return impl_->has_watches(); }

FileSnapshot Files::Snapshot(const FileKey& file) const { return impl_->Snapshot(file); }
void Files::Remove(const FileKey& file) { impl_->Remove(file); }
bool Files::Load(const FileSnapshot& snapshot) { return impl_->Load(snapshot); }
std::vector<FileKey> Files::Keys() const { return impl_->Keys(); }

bool Files::IsLeaseKeyKnown(const Guid& client_guid, const LeaseKey& key) const {
  return impl_->IsLeaseKeyKnown(client_guid, key);
}

Counters Files::counters() const { return impl_->counters(); }

void Files::ForEachFile(const std::function<void(const FileSnapshot&)>& visit) const {
  for (const FileKey& key : impl_->Keys()) visit(impl_->Snapshot(key));
}

}  // namespace continuo::fsa
