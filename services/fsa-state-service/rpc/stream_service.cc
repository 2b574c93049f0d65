#include "services/fsa-state-service/rpc/stream_service.h"

#include <deque>
#include <memory>
#include <utility>

#include "common/logging/log.h"
#include "common/rpc/status.h"

namespace continuo::fsastate {
namespace {

namespace pb = fsa::v1;
using Reactor = grpc::ServerBidiReactor<pb::AttachRequest, pb::AttachResponse>;

constexpr int kBatchItemsMax = 4096;
constexpr size_t kBatchBytesMax = 4u << 20;

// The hub's end of the stream; outlives the reactor if a flush is under way.
class Outbox : public FrontendStream {
 public:
  explicit Outbox(Reactor* reactor) : reactor_(reactor) {}

  void Append(pb::ServiceItem item) override {
    absl::MutexLock lock(&mutex_);
    if (!is_over_) items_.push_back(std::move(item));
  }

  void Flush() override {
    {
      absl::MutexLock lock(&mutex_);
      if (is_writing_ || is_over_ || items_.empty()) return;
      is_writing_ = true;
      response_.Clear();
      size_t size = 0;
      while (!items_.empty() && response_.items_size() < kBatchItemsMax &&
             size < kBatchBytesMax) {
        size += items_.front().ByteSizeLong();
        *response_.add_items() = std::move(items_.front());
        items_.pop_front();
      }
      is_starting_ = true;
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
      items_.clear();
      status_ = status;
      if (is_starting_) return true;  // Flush finishes the call.
    }
    reactor_->Finish(status);
    return true;
  }

 private:
  Reactor* const reactor_;
  absl::Mutex mutex_;
  std::deque<pb::ServiceItem> items_ ABSL_GUARDED_BY(mutex_);
  pb::AttachResponse response_;  // The transport's while is_writing_.
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_over_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_starting_ ABSL_GUARDED_BY(mutex_) = false;  // Between the decision and StartWrite.
  grpc::Status status_;  // Written once, before is_finished_.
};

class Session final : public Reactor {
 public:
  explicit Session(StateHub* hub) : hub_(hub), outbox_(std::make_shared<Outbox>(this)) {
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      End(absl::OkStatus());
      return;
    }
    absl::Status status = is_attached_ ? absl::OkStatus() : Begin();
    if (status.ok()) status = hub_->Handle(outbox_.get(), request_);
    if (!status.ok()) {
      End(status);
      return;
    }
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
    const absl::Status status = hub_->Attach(outbox_);
    if (!status.ok()) return status;
    is_attached_ = true;
    logging::Info("frontend.attached");
    return status;
  }

  void End(const absl::Status& status) {
    // Everything that touches this object comes before the call ends.
    hub_->Detach(outbox_.get());
    const std::shared_ptr<Outbox> outbox = outbox_;
    if (!outbox->End(rpc::ToGrpcStatus(status))) return;
    if (status.ok()) {
      logging::Info("frontend.detached");
    } else {
      logging::Warning("frontend.detached", {{"reason", std::string(status.message())}});
    }
  }

  StateHub* const hub_;
  const std::shared_ptr<Outbox> outbox_;
  pb::AttachRequest request_;
  bool is_attached_ = false;  // Only reads change it, and they are one at a time.
};

}  // namespace

grpc::ServerBidiReactor<pb::AttachRequest, pb::AttachResponse>* StreamServiceImpl::Attach(
    grpc::CallbackServerContext*) {
  return new Session(hub_);  // Deletes itself when gRPC is done with it.
}

}  // namespace continuo::fsastate
