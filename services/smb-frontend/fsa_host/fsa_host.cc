#include "services/smb-frontend/fsa_host/fsa_host.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "services/smb-frontend/fsa_host/fsa_host_impl.h"

namespace continuo::frontend {
namespace {

std::function<void(fsa::Effect&)> ForStatus(FsaHost::StatusDone done) {
  return [done = std::move(done)](fsa::Effect& answer) {
    done(std::get<fsa::OpCompleted>(answer).status);
  };
}

std::function<void(fsa::Effect&)> ForOpen(FsaHost::OpenDone done) {
  return [done = std::move(done)](fsa::Effect& answer) {
    done(std::move(std::get<fsa::OpenCompleted>(answer).result));
  };
}

}  // namespace

FsaHost::FsaHost(const FsaHostOptions& options) : impl_(std::make_shared<Impl>(options)) {}
FsaHost::~FsaHost() { impl_->CancelTimers(); }

void FsaHost::ConnectTo(FsaLink* link) { impl_->ConnectTo(link); }
FsaLinkEvents& FsaHost::link_events() { return *impl_; }

FsaHost::Started FsaHost::Open(fsa::OpenRequest request, OpenDone done) {
  const fsa::OpId op = request.op = impl_->NextOp();
  return {op, impl_->Submit(std::move(request), ForOpen(std::move(done)))};
}

FsaHost::Started FsaHost::Close(fsa::OpenId open, CloseDone done) {
  const fsa::OpId op = impl_->NextOp();
  const bool is_pending = impl_->Submit(fsa::CloseRequest{op, open},
                                     [done = std::move(done)](fsa::Effect& answer) {
                                       done(std::move(std::get<fsa::CloseCompleted>(answer).result));
                                     });
  return {op, is_pending};
}

void FsaHost::DeleteDone(const fsa::DeleteNow& deleted, bool is_deleted) {
  impl_->Post(fsa::DeleteDoneRequest{
      .file = deleted.file, .stream = deleted.stream, .is_deleted = is_deleted});
}

FsaHost::Started FsaHost::Lock(fsa::LockRequest request, StatusDone done) {
  const fsa::OpId op = request.op = impl_->NextOp();
  const bool is_unlock =
      request.locks.empty() || (request.locks.front().flags & fsa::kLockUnlock) != 0;
  if (is_unlock) return {op, impl_->Submit(std::move(request), ForStatus(std::move(done)))};
  const auto is_done = std::make_shared<std::atomic<bool>>(false);
  const fsa::OpenId open = request.open;
  // Weak: an answer that waits does not keep the host alive.
  auto after_barrier = [weak = std::weak_ptr<Impl>(impl_), open, is_done,
                        done = std::move(done)](fsa::Effect& answer) {
    const NtStatus status = std::get<fsa::OpCompleted>(answer).status;
    const auto impl = weak.lock();
    if (!status.ok() || impl == nullptr || impl->sink() == nullptr ||
        !impl->NeedsIoBarrier(open)) {
      is_done->store(true);
      done(status);
      return;
    }
    impl->sink()->PassIoBarrier([is_done, done] {
      is_done->store(true);
      done(NtStatus());
    });
  };
  const Impl::Submitted submitted = impl_->Run(std::move(request), std::move(after_barrier));
  return {op, submitted != Impl::Submitted::kRecorded && !is_done->load()};
}

NtStatus FsaHost::CheckIo(fsa::OpenId open, const fsa::IoRange& range) const {
  return impl_->CheckIo(open, range);
}

void FsaHost::BreakForWrite(fsa::OpenId open, fsa::BreakReason reason) {
  impl_->BreakForWrite(open, reason);
}

FsaHost::Started FsaHost::Break(fsa::BreakRequest request, StatusDone done) {
  const fsa::OpId op = request.op = impl_->NextOp();
  return {op, impl_->Submit(std::move(request), ForStatus(std::move(done)))};
}

void FsaHost::DirectoryChanged(const fsa::FileKey& directory, fsa::OpenId by) {
  impl_->Post(fsa::DirectoryChangedRequest{.directory = directory, .by = by});
}

FsaHost::Started FsaHost::SetDeletePending(fsa::OpenId open, bool is_delete, bool is_posix,
                                           StatusDone done) {
  const fsa::OpId op = impl_->NextOp();
  return {op, impl_->Submit(fsa::SetDeletePendingRequest{.op = op,
                                                          .open = open,
                                                          .is_delete = is_delete,
                                                          .is_posix = is_posix},
                             ForStatus(std::move(done)))};
}

FsaHost::Started FsaHost::IsDeletePending(fsa::OpenId open, std::function<void(bool)> done) {
  fsa::QuestionRequest request;
  const fsa::OpId op = request.op = impl_->NextOp();
  request.question = fsa::Question::kIsDeletePending;
  request.open = open;
  return {op, impl_->Submit(request, ForStatus([done = std::move(done)](NtStatus status) {
            done(status == NtStatus::kDeletePending);
          }))};
}

FsaHost::Started FsaHost::CheckRename(fsa::OpenId open, StatusDone done) {
  fsa::QuestionRequest request;
  const fsa::OpId op = request.op = impl_->NextOp();
  request.question = fsa::Question::kMayRename;
  request.open = open;
  return {op, impl_->Submit(request, ForStatus(std::move(done)))};
}

FsaHost::Started FsaHost::CheckReplace(const fsa::FileKey& file, StatusDone done) {
  fsa::QuestionRequest request;
  const fsa::OpId op = request.op = impl_->NextOp();
  request.question = fsa::Question::kMayReplace;
  request.file = file;
  return {op, impl_->Submit(request, ForStatus(std::move(done)))};
}

FsaHost::Started FsaHost::CheckLeaseKeyFree(const fsa::Guid& client_guid,
                                            const fsa::LeaseKey& key, StatusDone done) {
  fsa::QuestionRequest request;
  const fsa::OpId op = request.op = impl_->NextOp();
  request.question = fsa::Question::kIsLeaseKeyFree;
  request.client_guid = client_guid;
  request.key = key;
  return {op, impl_->Submit(request, ForStatus(std::move(done)))};
}

void FsaHost::Renamed(fsa::RenamedRequest request) { impl_->Post(std::move(request)); }

FsaHost::Started FsaHost::AckOplockBreak(fsa::OpenId open, fsa::OplockLevel level,
                                         StatusDone done) {
  const fsa::OpId op = impl_->NextOp();
  return {op, impl_->Submit(fsa::AckOplockBreakRequest{.op = op, .open = open, .level = level},
                             ForStatus(std::move(done)))};
}

FsaHost::Started FsaHost::AckLeaseBreak(const fsa::Guid& client_guid, const fsa::LeaseKey& key,
                                        uint32_t state, LeaseAckDone done) {
  const fsa::OpId op = impl_->NextOp();
  const bool is_pending = impl_->Submit(
      fsa::AckLeaseBreakRequest{.op = op, .client_guid = client_guid, .key = key, .state = state},
      [done = std::move(done)](fsa::Effect& answer) {
        done(std::move(std::get<fsa::LeaseAckCompleted>(answer).result));
      });
  return {op, is_pending};
}

void FsaHost::Cancel(fsa::OpId op) { impl_->Post(fsa::CancelRequest{op}); }

FsaHost::Started FsaHost::Disconnect(fsa::OpenId open, DisconnectDone done) {
  const fsa::OpId op = impl_->NextOp();
  const bool is_pending = impl_->Submit(fsa::DisconnectRequest{op, open},
                                     [done = std::move(done)](fsa::Effect& answer) {
                                       done(std::get<fsa::DisconnectCompleted>(answer).result);
                                     });
  return {op, is_pending};
}

FsaHost::Started FsaHost::Reconnect(fsa::OpenId open, uint64_t session_id, OpenDone done) {
  const fsa::OpId op = impl_->NextOp();
  return {op, impl_->Submit(
                  fsa::ReconnectRequest{.op = op, .open = open, .session_id = session_id},
                  ForOpen(std::move(done)))};
}

FsaHost::Started FsaHost::Restore(fsa::PersistentOpen open, StatusDone done) {
  const fsa::OpId op = impl_->NextOp();
  return {op, impl_->Submit(fsa::RestoreRequest{.op = op, .open = std::move(open)},
                            ForStatus(std::move(done)))};
}

FsaHost::Started FsaHost::SetDurability(fsa::OpenId open, fsa::Durability durability,
                                        OpenDone done) {
  const fsa::OpId op = impl_->NextOp();
  return {op, impl_->Submit(
                  fsa::SetDurabilityRequest{.op = op, .open = open, .durability = durability},
                  ForOpen(std::move(done)))};
}

void FsaHost::EndHold(fsa::OpId waiting) { impl_->Post(fsa::EndHoldRequest{waiting}); }

FsaHost::Started FsaHost::Notify(fsa::NotifyRequest request, NotifyDone done) {
  const fsa::OpId op = request.op = impl_->NextOp();
  const bool is_pending =
      impl_->Submit(request, [done = std::move(done)](fsa::Effect& answer) {
        auto& completed = std::get<fsa::NotifyCompleted>(answer);
        done(completed.status, std::move(completed.entries));
      });
  return {op, is_pending};
}

void FsaHost::NameEvents(std::vector<fsa::NameEvent> events) {
  if (!has_watches()) return;
  if (impl_->sink() != nullptr) impl_->sink()->OnNameEvents(events);
  impl_->Post(fsa::NameEventsRequest{std::move(events)});
}

bool FsaHost::has_watches() const { return impl_->has_watches(); }
bool FsaHost::is_delegated() const { return impl_->is_delegated(); }
fsa::Counters FsaHost::counters() const { return impl_->counters(); }

}  // namespace continuo::frontend
