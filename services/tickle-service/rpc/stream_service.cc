#include "services/tickle-service/rpc/stream_service.h"

#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/logging/log.h"
#include "common/rpc/status.h"

namespace continuo::tickle {
namespace {

using Reactor = grpc::ServerBidiReactor<v1::AttachRequest, v1::AttachResponse>;

constexpr uint32_t kStreamVersion = 1;

std::optional<IpAddress> DecodeAddress(const std::string& bytes) {
  return IpAddressOf(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

absl::StatusOr<FrontendChange> DecodeConnected(const v1::Connected& in) {
  constexpr uint32_t kPortMax = std::numeric_limits<uint16_t>::max();
  const auto local = DecodeAddress(in.local_address());
  const auto remote = DecodeAddress(in.remote_address());
  if (!local || !remote || local->is_ipv6 != remote->is_ipv6 || in.local_port() > kPortMax ||
      in.remote_port() > kPortMax) {
    return absl::InvalidArgumentError("a malformed connection");
  }
  FrontendChange change;
  change.id = in.connection_id();
  change.connection = {*local, static_cast<uint16_t>(in.local_port()), *remote,
                       static_cast<uint16_t>(in.remote_port())};
  return change;
}

}  // namespace

// The frontend's end of the stream; outlives the reactor while answers are due.
class TickleStreamService::Outbox {
 public:
  explicit Outbox(Reactor* reactor) : reactor_(reactor) {}

  void Answer(const std::vector<uint64_t>& ids, bool is_recorded) {
    {
      absl::MutexLock lock(&mutex_);
      if (is_over_) return;
      auto* const out =
          is_recorded ? waiting_.mutable_recorded_ids() : waiting_.mutable_unrecorded_ids();
      out->Add(ids.begin(), ids.end());
    }
    Flush();
  }

  void WriteDone(bool ok) {
    {
      absl::MutexLock lock(&mutex_);
      is_writing_ = false;
      is_over_ |= !ok;
    }
    if (ok) Flush();
  }

  // Ends the call, once, as soon as no write is being started. False if it was ended already.
  bool End(const grpc::Status& status) {
    {
      absl::MutexLock lock(&mutex_);
      if (is_finished_) return false;
      is_over_ = true;
      is_finished_ = true;
      status_ = status;
      if (is_starting_) return true;  // Flush finishes the call.
    }
    reactor_->Finish(status);
    return true;
  }

 private:
  void Flush() {
    {
      absl::MutexLock lock(&mutex_);
      const bool is_empty = waiting_.recorded_ids().empty() && waiting_.unrecorded_ids().empty();
      if (is_writing_ || is_over_ || is_empty) return;
      is_writing_ = true;
      is_starting_ = true;
      response_.Clear();
      response_.Swap(&waiting_);
    }
    reactor_->StartWrite(&response_);
    bool must_finish = false;
    {
      absl::MutexLock lock(&mutex_);
      is_starting_ = false;
      must_finish = is_finished_;
    }
    // The reactor may be gone after this.
    if (must_finish) reactor_->Finish(status_);
  }

  Reactor* const reactor_;
  absl::Mutex mutex_;
  v1::AttachResponse waiting_ ABSL_GUARDED_BY(mutex_);
  v1::AttachResponse response_;  // The transport's while is_writing_.
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_over_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_starting_ ABSL_GUARDED_BY(mutex_) = false;  // Between the decision and StartWrite.
  grpc::Status status_;                               // Written once, before is_finished_.
};

class TickleStreamService::Session final : public Reactor {
 public:
  explicit Session(TickleStreamService* service)
      : service_(service), outbox_(std::make_shared<Outbox>(this)) {
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return End(absl::OkStatus());
    const absl::Status status = Handle();
    if (!status.ok()) return End(status);
    request_.Clear();
    StartRead(&request_);
  }

  void OnWriteDone(bool ok) override { outbox_->WriteDone(ok); }
  void OnCancel() override { End(absl::CancelledError("the stream was cancelled")); }
  void OnDone() override { delete this; }

 private:
  absl::Status Begin() {
    if (request_.items_size() == 0 || !request_.items(0).has_hello()) {
      return absl::InvalidArgumentError("a stream begins with a hello");
    }
    if (request_.items(0).hello().version() != kStreamVersion) {
      return absl::InvalidArgumentError("the frontend is of another release");
    }
    if (service_->recovery_ == nullptr) return absl::FailedPreconditionError("tcp_tickle is off");
    if (service_->is_attached_.exchange(true)) {
      return absl::AlreadyExistsError("a frontend is attached");
    }
    is_attached_ = true;
    service_->recovery_->BeginSnapshot();
    logging::Info("frontend.attached");
    return absl::OkStatus();
  }

  absl::Status Handle() {
    const int from = is_attached_ ? 0 : 1;
    if (!is_attached_) CONTINUO_RETURN_IF_ERROR(Begin());
    std::vector<FrontendChange> changes;
    std::vector<uint64_t> connected_ids;
    for (int i = from; i < request_.items_size(); ++i) {
      const v1::FrontendItem& item = request_.items(i);
      switch (item.kind_case()) {
        case v1::FrontendItem::kConnected: {
          CONTINUO_ASSIGN_OR_RETURN(FrontendChange change, DecodeConnected(item.connected()));
          connected_ids.push_back(change.id);
          changes.push_back(change);
          break;
        }
        case v1::FrontendItem::kClosed:
          changes.push_back(
              {.kind = FrontendChange::Kind::kClosed, .id = item.closed().connection_id()});
          break;
        case v1::FrontendItem::kSnapshotEnd:
          changes.push_back({.kind = FrontendChange::Kind::kSnapshotEnd});
          break;
        default: return absl::InvalidArgumentError("an item of no known kind");
      }
    }
    if (changes.empty()) return absl::OkStatus();
    service_->recovery_->Apply(
        changes, [outbox = outbox_, ids = std::move(connected_ids)](bool is_recorded) {
          if (!ids.empty()) outbox->Answer(ids, is_recorded);
        });
    return absl::OkStatus();
  }

  void End(const absl::Status& status) {
    // Everything that touches this object comes before the call ends.
    if (is_attached_.exchange(false)) {
      service_->is_attached_ = false;
      logging::Info("frontend.detached", {{"reason", status}});
    }
    const std::shared_ptr<Outbox> outbox = outbox_;
    (void)outbox->End(rpc::ToGrpcStatus(status));
  }

  TickleStreamService* const service_;
  const std::shared_ptr<Outbox> outbox_;
  v1::AttachRequest request_;
  std::atomic<bool> is_attached_{false};
};

grpc::ServerBidiReactor<v1::AttachRequest, v1::AttachResponse>* TickleStreamService::Attach(
    grpc::CallbackServerContext*) {
  return new Session(this);  // Deletes itself when gRPC is done with it.
}

}  // namespace continuo::tickle
