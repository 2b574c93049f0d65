#include "services/smb-frontend/fsa_host/fsa_stream.h"

#include <deque>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <absl/synchronization/notification.h>
#include <grpcpp/grpcpp.h>

#include "common/fsa/wire/fsa_codec.h"
#include "continuo/fsa/v1/fsa_stream_service.grpc.pb.h"

namespace continuo::frontend {
namespace {

namespace pb = fsa::v1;

constexpr uint32_t kStreamVersion = 1;
constexpr int kBatchItemsMax = 4096;
constexpr size_t kBatchBytesMax = 4u << 20;

std::optional<std::vector<fsa::FileSnapshot>> DecodeFiles(const pb::Transfer& transfer) {
  std::vector<fsa::FileSnapshot> files;
  for (const pb::FileState& state : transfer.files()) {
    std::optional<fsa::FileSnapshot> file = fsa::Decode(state);
    if (!file) return std::nullopt;
    files.push_back(std::move(*file));
  }
  return files;
}

}  // namespace

class FsaStream::Call : public grpc::ClientBidiReactor<pb::AttachRequest, pb::AttachResponse> {
 public:
  Call(std::shared_ptr<grpc::Channel> channel, FsaHost* host,
       std::function<void(absl::Status)> on_lost)
      : stub_(pb::FsaStreamService::NewStub(channel)),
        events_(host->link_events()),
        on_lost_(std::move(on_lost)) {}

  void Start() {
    context_.set_wait_for_ready(true);
    stub_->async()->Attach(&context_, this);
    pb::FrontendItem hello;
    hello.mutable_hello()->set_version(kStreamVersion);
    Append(std::move(hello));
    StartRead(&response_);
    Flush();
    StartCall();
  }

  void Stop() {
    {
      absl::MutexLock lock(&mutex_);
      is_stopping_ = true;
    }
    context_.TryCancel();
    done_.WaitForNotification();
  }

  void Append(pb::FrontendItem item) {
    absl::MutexLock lock(&mutex_);
    outbox_.push_back(std::move(item));
  }

  void Flush() {
    {
      absl::MutexLock lock(&mutex_);
      if (is_writing_ || is_over_ || outbox_.empty()) return;
      is_writing_ = true;
      FillRequest();
    }
    StartWrite(&request_);
  }

  void OnWriteDone(bool ok) override {
    {
      absl::MutexLock lock(&mutex_);
      is_writing_ = false;
      is_over_ |= !ok;
    }
    if (ok) Flush();
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      absl::MutexLock lock(&mutex_);
      is_over_ = true;
      return;
    }
    if (!Handle(response_)) {
      context_.TryCancel();
      return;
    }
    StartRead(&response_);
  }

  void OnDone(const grpc::Status& status) override {
    bool is_stopping = false;
    {
      absl::MutexLock lock(&mutex_);
      is_over_ = true;
      is_stopping = is_stopping_;
    }
    events_.OnLost();
    if (!is_stopping && on_lost_ != nullptr) {
      on_lost_(absl::UnavailableError("the stream to fsa-state-service ended: " +
                                      status.error_message()));
    }
    done_.Notify();
  }

 private:
  void FillRequest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    request_.Clear();
    size_t size = 0;
    while (!outbox_.empty() && request_.items_size() < kBatchItemsMax && size < kBatchBytesMax) {
      size += outbox_.front().ByteSizeLong();
      *request_.add_items() = std::move(outbox_.front());
      outbox_.pop_front();
    }
  }

  bool Handle(const pb::AttachResponse& response) {
    fsa::Effects effects;
    for (const pb::ServiceItem& item : response.items()) {
      if (item.has_event()) {
        std::optional<fsa::Effect> effect = fsa::Decode(item.event());
        if (!effect) return false;
        effects.push_back(std::move(*effect));
        continue;
      }
      if (!effects.empty()) events_.OnEffects(std::exchange(effects, {}));
      if (!HandleOther(item)) return false;
    }
    if (!effects.empty()) events_.OnEffects(std::move(effects));
    return true;
  }

  bool HandleOther(const pb::ServiceItem& item) {
    switch (item.kind_case()) {
      case pb::ServiceItem::kLocks: {
        std::optional<fsa::StreamLocks> locks = fsa::Decode(item.locks());
        if (!locks) return false;
        events_.OnLocks(locks->file, locks->stream, std::move(locks->locks));
        return true;
      }
      case pb::ServiceItem::kServeRemotely: events_.OnServeRemotely(); return true;
      case pb::ServiceItem::kOffer: events_.OnOffer(); return true;
      case pb::ServiceItem::kDownload: {
        auto files = DecodeFiles(item.download());
        if (!files) return false;
        events_.OnDownload(std::move(*files), item.download().is_last());
        return true;
      }
      case pb::ServiceItem::kRecall: events_.OnRecall(); return true;
      case pb::ServiceItem::kListing:
        events_.OnListing(item.listing().listing_id(), item.listing().limit());
        return true;
      default: return false;
    }
  }

  const std::unique_ptr<pb::FsaStreamService::Stub> stub_;
  FsaLinkEvents& events_;
  const std::function<void(absl::Status)> on_lost_;
  grpc::ClientContext context_;
  pb::AttachResponse response_;
  pb::AttachRequest request_;  // Owned by the transport while is_writing_.
  absl::Notification done_;

  absl::Mutex mutex_;
  std::deque<pb::FrontendItem> outbox_ ABSL_GUARDED_BY(mutex_);
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_over_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

FsaStream::FsaStream(std::shared_ptr<grpc::Channel> channel, FsaHost* host,
                     std::function<void(absl::Status)> on_lost)
    : call_(std::make_unique<Call>(std::move(channel), host, std::move(on_lost))) {
  host->ConnectTo(this);
  call_->Start();
}

FsaStream::~FsaStream() { Stop(); }

void FsaStream::Stop() { call_->Stop(); }
void FsaStream::Flush() { call_->Flush(); }

void FsaStream::Send(const fsa::Request& request) {
  pb::FrontendItem item;
  fsa::Encode(request, item.mutable_operation());
  call_->Append(std::move(item));
}

void FsaStream::SendAccept() {
  pb::FrontendItem item;
  item.mutable_accept();
  call_->Append(std::move(item));
}

void FsaStream::SendUpload(std::vector<fsa::FileSnapshot> files, bool is_last) {
  pb::FrontendItem item;
  item.mutable_upload()->set_is_last(is_last);
  for (const fsa::FileSnapshot& file : files) fsa::Encode(file, item.mutable_upload()->add_files());
  call_->Append(std::move(item));
}

void FsaStream::SendListing(uint64_t listing_id, std::vector<fsa::FileSnapshot> files,
                            bool is_last, const fsa::Counters& counters) {
  pb::FrontendItem item;
  item.mutable_listing()->set_listing_id(listing_id);
  item.mutable_listing()->set_is_last(is_last);
  if (is_last) fsa::Encode(counters, item.mutable_listing()->mutable_counters());
  for (const fsa::FileSnapshot& file : files) {
    fsa::Encode(file, item.mutable_listing()->add_files());
  }
  call_->Append(std::move(item));
}

}  // namespace continuo::frontend
