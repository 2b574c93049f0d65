#include "services/smb-frontend/clients/ca_store_client.h"

#include <optional>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_map.h>
#include <absl/synchronization/mutex.h>
#include <grpcpp/grpcpp.h>

#include "common/base/text.h"
#include "common/castore/wire/record_proto.h"
#include "common/rpc/batch_stream.h"
#include "common/rpc/channel.h"
#include "common/rpc/status.h"
#include "continuo/castore/v1/ca_store_service.grpc.pb.h"

namespace continuo::clients {
namespace {

namespace pb = castore::v1;

constexpr uint32_t kStreamVersion = 1;

std::optional<CaHandout> DecodeHandout(const pb::Handout& message) {
  CaHandout handout;
  handout.number = message.handout();
  handout.is_last = message.is_last();
  for (const pb::HandleRecord& one : message.records()) {
    std::optional<castore::HandleRecord> record = castore::Decode(one);
    if (!record) return std::nullopt;
    handout.records.push_back(std::move(*record));
  }
  for (const pb::CreateIntent& one : message.intents()) {
    std::optional<castore::CreateIntent> intent = castore::Decode(one);
    if (!intent) return std::nullopt;
    handout.intents.push_back(std::move(*intent));
  }
  return handout;
}

class StreamClient final : public CaStoreClient,
                           private rpc::BatchStream<pb::AttachRequest, pb::AttachResponse> {
 public:
  StreamClient(const std::string& socket_path, CaStoreEvents events)
      : stub_(pb::CaStoreService::NewStub(rpc::MakeUnixChannel(socket_path, "ca-store-stream"))),
        events_(std::move(events)) {}
  ~StreamClient() override { BatchStream::Stop(); }

  void Attach() {
    pb::FrontendItem hello;
    hello.mutable_hello()->set_version(kStreamVersion);
    Start([this](grpc::ClientContext* context,
                 Reactor* reactor) { stub_->async()->Attach(context, reactor); },
          std::move(hello));
  }

  void PutRecord(const castore::HandleRecord& record, CaIntent intent, Done done) override {
    pb::FrontendItem item;
    castore::Encode(record, item.mutable_put_record()->mutable_record());
    item.mutable_put_record()->set_completes_intent(intent == CaIntent::kCompletes);
    SendChange(std::move(item), std::move(done));
  }

  void DeleteRecord(uint64_t persistent_id, Done done) override {
    pb::FrontendItem item;
    item.mutable_delete_record()->set_persistent_id(persistent_id);
    SendChange(std::move(item), std::move(done));
  }

  void PutIntent(const castore::CreateIntent& intent, Done done) override {
    pb::FrontendItem item;
    castore::Encode(intent, item.mutable_put_intent()->mutable_intent());
    SendChange(std::move(item), std::move(done));
  }

  void DeleteIntent(const castore::IntentKey& key, Done done) override {
    pb::FrontendItem item;
    item.mutable_delete_intent()->set_create_guid(castore::GuidBytes(key.create_guid));
    item.mutable_delete_intent()->set_client_guid(castore::GuidBytes(key.client_guid));
    SendChange(std::move(item), std::move(done));
  }

  void Restored(uint64_t handout_number) override {
    pb::FrontendItem item;
    item.mutable_restored()->set_handout(handout_number);
    Send(std::move(item));
  }

  void ReportOutcome(uint64_t persistent_id, CaOutcome outcome) override {
    pb::FrontendItem item;
    item.mutable_report_outcome()->set_persistent_id(persistent_id);
    item.mutable_report_outcome()->set_outcome(outcome == CaOutcome::kReclaimed
                                                   ? pb::HANDLE_OUTCOME_RECLAIMED
                                                   : pb::HANDLE_OUTCOME_EXPIRED);
    Send(std::move(item));
  }

  void Stop() override { BatchStream::Stop(); }

 private:
  // The op of a change's item; null for other items.
  static void SetOp(uint64_t op, pb::FrontendItem& item) {
    switch (item.kind_case()) {
      case pb::FrontendItem::kPutRecord: item.mutable_put_record()->set_op(op); break;
      case pb::FrontendItem::kDeleteRecord: item.mutable_delete_record()->set_op(op); break;
      case pb::FrontendItem::kPutIntent: item.mutable_put_intent()->set_op(op); break;
      case pb::FrontendItem::kDeleteIntent: item.mutable_delete_intent()->set_op(op); break;
      default: break;
    }
  }

  void SendChange(pb::FrontendItem item, Done done) {
    {
      absl::MutexLock lock(&mutex_);
      if (!is_lost_) {
        const uint64_t op = ++last_op_;
        SetOp(op, item);
        waiting_.emplace(op, std::move(done));
        done = nullptr;
        // Under the lock: changes take effect in the order of the calls. If the stream is over,
        // OnOver is yet to come and answers.
        (void)Append(std::move(item));
      }
    }
    if (done != nullptr) {
      done(absl::CancelledError("the stream to ca-store-service is lost"));
      return;
    }
    Flush();
  }

  bool Handle(const pb::AttachResponse& response) override {
    for (const pb::ServiceItem& item : response.items()) {
      switch (item.kind_case()) {
        case pb::ServiceItem::kResult: Finish(item.result()); break;
        case pb::ServiceItem::kWelcome: HandleWelcome(item.welcome()); break;
        case pb::ServiceItem::kHandout: {
          std::optional<CaHandout> handout = DecodeHandout(item.handout());
          if (!handout) return false;
          if (events_.on_handout != nullptr) events_.on_handout(std::move(*handout));
          break;
        }
        default: return false;
      }
    }
    return true;
  }

  void OnOver(const absl::Status& status) override {
    absl::flat_hash_map<uint64_t, Done> waiting;
    {
      absl::MutexLock lock(&mutex_);
      is_lost_ = true;
      waiting.swap(waiting_);
    }
    const absl::Status lost(status.code(), "the stream to ca-store-service ended: " +
                                               std::string(base::ToStd(status.message())));
    const absl::Status over = absl::CancelledError(lost.message());
    for (auto& [op, done] : waiting) done(over);
    if (!absl::IsCancelled(status) && events_.on_lost != nullptr) events_.on_lost(lost);
  }

  void HandleWelcome(const pb::Welcome& welcome) {
    if (events_.on_welcome == nullptr) return;
    events_.on_welcome({.node = welcome.node(),
                        .epoch = welcome.epoch(),
                        .persistent_id_first = welcome.persistent_id_first(),
                        .persistent_id_last = welcome.persistent_id_last()});
  }

  void Finish(const pb::Result& result) {
    Done done;
    {
      absl::MutexLock lock(&mutex_);
      const auto found = waiting_.find(result.op());
      if (found == waiting_.end()) return;
      done = std::move(found->second);
      waiting_.erase(found);
    }
    done(rpc::FromGrpcStatus(
        grpc::Status(static_cast<grpc::StatusCode>(result.code()), result.message())));
  }

  const std::unique_ptr<pb::CaStoreService::Stub> stub_;
  const CaStoreEvents events_;

  absl::Mutex mutex_;
  absl::flat_hash_map<uint64_t, Done> waiting_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_op_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_lost_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

std::unique_ptr<CaStoreClient> CaStoreClient::Attach(const std::string& socket_path,
                                                     CaStoreEvents events) {
  auto client = std::make_unique<StreamClient>(socket_path, std::move(events));
  client->Attach();
  return client;
}

}  // namespace continuo::clients
