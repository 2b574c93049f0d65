#include "services/ca-store-service/rpc/admin_service.h"

#include <utility>

#include <absl/strings/escaping.h>

#include "common/castore/wire/record_proto.h"

namespace continuo::castore {
namespace {

constexpr uint32_t kPageSizeMax = 1000;

void FillOwner(const OwnerRecord& owner, v1::Owner* out) {
  out->set_node(owner.who.node);
  out->set_boot_id(owner.who.boot_id);
  out->set_pid(owner.who.pid);
  out->set_epoch(owner.epoch);
  out->set_since_unix_us(absl::ToUnixMicros(owner.since));
  out->set_is_released(owner.is_released);
}

void FillCounters(const StoreCounts& counts, v1::StoreCounters* out) {
  out->set_outstanding(counts.handles);
  out->set_intents(counts.intents);
  out->set_restored(counts.restored);
  out->set_reclaimed(counts.reclaimed);
  out->set_expired(counts.expired);
  out->set_set_aside(counts.set_aside);
  out->set_lost(counts.lost);
  out->set_records_written(counts.map.changes);
  out->set_syncs(counts.map.writes);
  out->set_failures(counts.map.failures);
}

v1::HandleState ToProto(HandleState state) {
  switch (state) {
    case HandleState::kWritten: return v1::HANDLE_STATE_WRITTEN;
    case HandleState::kOutstanding: return v1::HANDLE_STATE_OUTSTANDING;
    case HandleState::kReclaimed: return v1::HANDLE_STATE_RECLAIMED;
    case HandleState::kSetAside: return v1::HANDLE_STATE_SET_ASIDE;
  }
  return v1::HANDLE_STATE_UNSPECIFIED;
}

grpc::ServerUnaryReactor* Finish(grpc::CallbackServerContext* context, const grpc::Status& status) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

}  // namespace

void CaStoreAdminServiceImpl::SetView(StoreView view) {
  absl::MutexLock lock(&mutex_);
  view_ = std::move(view);
}

StoreView CaStoreAdminServiceImpl::View() const {
  absl::MutexLock lock(&mutex_);
  return view_;
}

void CaStoreAdminServiceImpl::SetOpener(const StoreOpener* opener) {
  absl::MutexLock lock(&mutex_);
  opener_ = opener;
}

void CaStoreAdminServiceImpl::SetStore(std::shared_ptr<HandleStore> store) {
  absl::MutexLock lock(&mutex_);
  store_ = std::move(store);
}

std::shared_ptr<HandleStore> CaStoreAdminServiceImpl::Store() const {
  absl::MutexLock lock(&mutex_);
  return store_;
}

absl::Status CaStoreAdminServiceImpl::OpenStatus() const {
  absl::MutexLock lock(&mutex_);
  return opener_ == nullptr ? absl::OkStatus() : opener_->Last();
}

grpc::ServerUnaryReactor* CaStoreAdminServiceImpl::GetStore(grpc::CallbackServerContext* context,
                                                            const v1::GetStoreRequest*,
                                                            v1::GetStoreResponse* response) {
  const StoreView view = View();
  response->set_ca_path(view.ca_path);
  for (const std::string& share : view.ca_shares) response->add_ca_shares(share);
  if (view.probe == nullptr) {
    response->set_state(v1::STORE_STATE_NOT_CONFIGURED);
    return Finish(context, grpc::Status::OK);
  }
  const std::shared_ptr<HandleStore> store = Store();
  absl::Status answer = view.probe->Last();
  if (store == nullptr) {
    const bool is_silent = !answer.ok();
    if (answer.ok()) answer = OpenStatus();
    response->set_state(is_silent ? v1::STORE_STATE_PATH_UNREACHABLE : v1::STORE_STATE_OPENING);
  } else {
    if (answer.ok()) answer = store->Health();
    response->set_state(answer.ok() ? v1::STORE_STATE_PATH_REACHABLE
                        : absl::IsFailedPrecondition(store->Health())
                            ? v1::STORE_STATE_FENCED
                            : v1::STORE_STATE_PATH_UNREACHABLE);
    response->set_epoch(store->owner().epoch);
    FillOwner(store->owner(), response->mutable_owner());
    FillCounters(store->Counts(), response->mutable_counters());
    for (const std::string& loss : store->losses()) response->add_losses(loss);
  }
  response->set_detail(std::string(answer.message()));
  return Finish(context, grpc::Status::OK);
}

grpc::ServerUnaryReactor* CaStoreAdminServiceImpl::ListHandles(
    grpc::CallbackServerContext* context, const v1::ListHandlesRequest* request,
    v1::ListHandlesResponse* response) {
  const std::shared_ptr<HandleStore> store = Store();
  if (store == nullptr) return Finish(context, grpc::Status::OK);
  const std::string after = absl::HexStringToBytes(request->page_token());
  if (absl::BytesToHexString(after) != request->page_token()) {
    return Finish(context, {grpc::StatusCode::INVALID_ARGUMENT, "not a page token of this service"});
  }
  const uint32_t asked = request->page_size();
  const uint32_t limit = asked == 0 || asked > kPageSizeMax ? kPageSizeMax : asked;
  std::string next;
  for (const ListedHandle& handle : store->List(after, limit, &next)) {
    const std::string& share = request->share_name();
    if (!share.empty() && handle.record.share_name != share) continue;
    v1::HandleInfo* const info = response->add_handles();
    Encode(handle.record, info->mutable_record());
    info->set_state(ToProto(handle.state));
    info->set_detail(handle.detail);
  }
  response->set_next_page_token(absl::BytesToHexString(next));
  return Finish(context, grpc::Status::OK);
}

}  // namespace continuo::castore
