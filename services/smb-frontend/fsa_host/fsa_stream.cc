#include "services/smb-frontend/fsa_host/fsa_stream.h"

#include <atomic>
#include <optional>
#include <utility>

#include <grpcpp/grpcpp.h>

#include "common/fsa/wire/fsa_codec.h"
#include "common/rpc/batch_stream.h"
#include "continuo/fsa/v1/fsa_stream_service.grpc.pb.h"

namespace continuo::frontend {
namespace {

namespace pb = fsa::v1;

constexpr uint32_t kStreamVersion = 1;

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

class FsaStream::Call final : public rpc::BatchStream<pb::AttachRequest, pb::AttachResponse> {
 public:
  Call(std::shared_ptr<grpc::Channel> channel, FsaHost* host,
       std::function<void(absl::Status)> on_lost)
      : stub_(pb::FsaStreamService::NewStub(channel)),
        events_(host->link_events()),
        on_lost_(std::move(on_lost)) {}
  ~Call() override { End(); }

  void End() {
    Stop();
    if (is_lost_.exchange(false)) events_.OnLost();
  }

  void Attach() {
    pb::FrontendItem hello;
    hello.mutable_hello()->set_version(kStreamVersion);
    Start([this](grpc::ClientContext* context,
                 Reactor* reactor) { stub_->async()->Attach(context, reactor); },
          std::move(hello));
  }

 private:
  bool Handle(const pb::AttachResponse& response) override {
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

  void OnOver(const absl::Status& status) override {
    if (absl::IsCancelled(status)) return events_.OnLost();
    // A service that died ends this node: what waits gets no answer before End, because an error would
    // be the last word to a client that the next node can serve.
    is_lost_ = true;
    if (on_lost_ != nullptr) on_lost_(status);
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
  std::atomic<bool> is_lost_{false};
};

FsaStream::FsaStream(std::shared_ptr<grpc::Channel> channel, FsaHost* host,
                     std::function<void(absl::Status)> on_lost)
    : call_(std::make_unique<Call>(std::move(channel), host, std::move(on_lost))) {
  host->ConnectTo(this);
  call_->Attach();
}

FsaStream::~FsaStream() { Stop(); }

void FsaStream::Stop() { call_->End(); }
void FsaStream::Flush() { call_->Flush(); }

void FsaStream::Send(const fsa::Request& request) {
  pb::FrontendItem item;
  fsa::Encode(request, item.mutable_operation());
  (void)call_->Append(std::move(item));
}

void FsaStream::SendAccept() {
  pb::FrontendItem item;
  item.mutable_accept();
  (void)call_->Append(std::move(item));
}

void FsaStream::SendUpload(std::vector<fsa::FileSnapshot> files, bool is_last) {
  pb::FrontendItem item;
  item.mutable_upload()->set_is_last(is_last);
  for (const fsa::FileSnapshot& file : files) fsa::Encode(file, item.mutable_upload()->add_files());
  (void)call_->Append(std::move(item));
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
  (void)call_->Append(std::move(item));
}

}  // namespace continuo::frontend
