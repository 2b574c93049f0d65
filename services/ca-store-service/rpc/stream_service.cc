#include "services/ca-store-service/rpc/stream_service.h"

#include <deque>
#include <utility>

#include "common/base/check.h"
#include "common/castore/wire/record_proto.h"
#include "common/logging/log.h"
#include "common/rpc/status.h"

namespace continuo::castore {
namespace {

namespace pb = v1;
using Reactor = grpc::ServerBidiReactor<pb::AttachRequest, pb::AttachResponse>;

constexpr uint32_t kStreamVersion = 1;
constexpr int kBatchItemsMax = 4096;
constexpr size_t kBatchBytesMax = 4u << 20;

pb::ServiceItem ToItem(const Handout& handout) {
  pb::ServiceItem item;
  pb::Handout* const out = item.mutable_handout();
  out->set_handout(handout.number);
  out->set_is_last(handout.is_last);
  for (const HandleRecord& record : handout.records) Encode(record, out->add_records());
  for (const CreateIntent& intent : handout.intents) Encode(intent, out->add_intents());
  return item;
}

}  // namespace

// The frontend's end of the stream; outlives the reactor while results are due.
class StreamServiceImpl::Outbox {
 public:
  explicit Outbox(Reactor* reactor) : reactor_(reactor) {}

  void Send(pb::ServiceItem item) {
    {
      absl::MutexLock lock(&mutex_);
      if (is_over_) return;
      items_.push_back(std::move(item));
    }
    Flush();
  }

  void SendResult(uint64_t op, const absl::Status& status) {
    pb::ServiceItem item;
    item.mutable_result()->set_op(op);
    item.mutable_result()->set_code(static_cast<uint32_t>(status.code()));
    item.mutable_result()->set_message(std::string(status.message()));
    Send(std::move(item));
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
  void Flush() {
    {
      absl::MutexLock lock(&mutex_);
      if (is_writing_ || is_over_ || items_.empty()) return;
      is_writing_ = true;
      is_starting_ = true;
      response_.Clear();
      size_t size = 0;
      while (!items_.empty() && response_.items_size() < kBatchItemsMax && size < kBatchBytesMax) {
        size += items_.front().ByteSizeLong();
        *response_.add_items() = std::move(items_.front());
        items_.pop_front();
      }
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
  std::deque<pb::ServiceItem> items_ ABSL_GUARDED_BY(mutex_);
  pb::AttachResponse response_;  // The transport's while is_writing_.
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_over_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_starting_ ABSL_GUARDED_BY(mutex_) = false;  // Between the decision and StartWrite.
  grpc::Status status_;                               // Written once, before is_finished_.
};

class StreamServiceImpl::Session final : public Reactor {
 public:
  explicit Session(StreamServiceImpl* service)
      : service_(service), outbox_(std::make_shared<Outbox>(this)) {
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return End(absl::OkStatus());
    absl::Status status = absl::OkStatus();
    int from = 0;
    if (!is_attached_) {
      status = Begin();
      from = 1;
    }
    for (int i = from; i < request_.items_size() && status.ok(); ++i) {
      status = Handle(request_.items(i));
    }
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
    CONTINUO_RETURN_IF_ERROR(service_->Enter(outbox_));
    is_attached_ = true;
    logging::Info("frontend.attached");
    return absl::OkStatus();
  }

  DurableMap::Done Result(uint64_t op) {
    return [outbox = outbox_, op](absl::Status status) { outbox->SendResult(op, status); };
  }

  absl::Status Handle(const pb::FrontendItem& item) {
    const std::shared_ptr<HandleStore> store = service_->StoreOf(outbox_.get());
    if (store == nullptr) {
      return absl::InvalidArgumentError("the frontend has not been welcomed yet");
    }
    switch (item.kind_case()) {
      case pb::FrontendItem::kPutRecord: PutRecord(*store, item.put_record()); break;
      case pb::FrontendItem::kDeleteRecord:
        store->DeleteRecord(item.delete_record().persistent_id(),
                            Result(item.delete_record().op()));
        break;
      case pb::FrontendItem::kPutIntent: PutIntent(*store, item.put_intent()); break;
      case pb::FrontendItem::kDeleteIntent: DeleteIntent(*store, item.delete_intent()); break;
      case pb::FrontendItem::kRestored: return store->Restored(item.restored().handout());
      case pb::FrontendItem::kReportOutcome:
        store->ReportOutcome(item.report_outcome().persistent_id(),
                             item.report_outcome().outcome() == pb::HANDLE_OUTCOME_EXPIRED
                                 ? Outcome::kExpired
                                 : Outcome::kReclaimed);
        break;
      default: return absl::InvalidArgumentError("an item of no known kind");
    }
    return absl::OkStatus();
  }

  void PutRecord(HandleStore& store, const pb::PutRecord& change) {
    std::optional<HandleRecord> record = Decode(change.record());
    if (!record) {
      return outbox_->SendResult(change.op(), absl::InvalidArgumentError("a malformed record"));
    }
    store.PutRecord(std::move(*record),
                    change.completes_intent() ? Completes::kItsIntent : Completes::kNothing,
                    Result(change.op()));
  }

  void PutIntent(HandleStore& store, const pb::PutIntent& change) {
    const std::optional<CreateIntent> intent = Decode(change.intent());
    if (!intent) {
      return outbox_->SendResult(change.op(), absl::InvalidArgumentError("a malformed intent"));
    }
    store.PutIntent(*intent, Result(change.op()));
  }

  void DeleteIntent(HandleStore& store, const pb::DeleteIntent& change) {
    const std::optional<Guid> create_guid = DecodeGuid(change.create_guid());
    const std::optional<Guid> client_guid = DecodeGuid(change.client_guid());
    if (!create_guid || !client_guid) {
      return outbox_->SendResult(change.op(), absl::InvalidArgumentError("a malformed GUID"));
    }
    store.DeleteIntent({.create_guid = *create_guid, .client_guid = *client_guid},
                       Result(change.op()));
  }

  void End(const absl::Status& status) {
    // Everything that touches this object comes before the call ends.
    service_->Leave(outbox_.get());
    const std::shared_ptr<Outbox> outbox = outbox_;
    if (!outbox->End(rpc::ToGrpcStatus(status))) return;
    if (status.ok()) {
      logging::Info("frontend.detached");
    } else {
      logging::Warning("frontend.detached", {{"reason", status}});
    }
  }

  StreamServiceImpl* const service_;
  const std::shared_ptr<Outbox> outbox_;
  pb::AttachRequest request_;
  bool is_attached_ = false;  // Only reads change it, and they are one at a time.
};

void StreamServiceImpl::SetMode(Mode mode) {
  absl::MutexLock lock(&mutex_);
  mode_ = mode;
}

void StreamServiceImpl::SetStore(std::shared_ptr<HandleStore> store) {
  std::shared_ptr<Outbox> waiting;
  uint64_t number = 0;
  {
    absl::MutexLock lock(&mutex_);
    store_ = store;
    waiting = attached_;
    number = frontends_ - 1;
  }
  if (store != nullptr && waiting != nullptr) Welcome(*store, waiting, number);
}

absl::Status StreamServiceImpl::Enter(const std::shared_ptr<Outbox>& outbox) {
  std::shared_ptr<HandleStore> store;
  uint64_t number = 0;
  {
    absl::MutexLock lock(&mutex_);
    if (mode_ == Mode::kNotConfigured) {
      return absl::FailedPreconditionError("no share has ca = true");
    }
    if (attached_ != nullptr) return absl::AlreadyExistsError("a frontend is attached");
    if (frontends_ == kFrontendsMax) {
      return absl::ResourceExhaustedError("too many frontends since this daemon started");
    }
    attached_ = outbox;
    number = frontends_++;
    store = store_;
  }
  if (store != nullptr) Welcome(*store, outbox, number);
  return absl::OkStatus();
}

void StreamServiceImpl::Leave(const Outbox* outbox) {
  std::shared_ptr<HandleStore> store;
  {
    absl::MutexLock lock(&mutex_);
    if (attached_.get() != outbox) return;
    attached_ = nullptr;
    store = store_;
  }
  if (store != nullptr) store->EndHandouts();
}

std::shared_ptr<HandleStore> StreamServiceImpl::StoreOf(const Outbox* outbox) {
  absl::MutexLock lock(&mutex_);
  return attached_.get() == outbox ? store_ : nullptr;
}

void StreamServiceImpl::Welcome(HandleStore& store, const std::shared_ptr<Outbox>& outbox,
                                uint64_t frontend) {
  const OwnerRecord& owner = store.owner();
  const IdRange ids = PersistentIdsOf(owner.epoch, frontend);
  pb::ServiceItem item;
  item.mutable_welcome()->set_node(owner.who.node);
  item.mutable_welcome()->set_epoch(owner.epoch);
  item.mutable_welcome()->set_persistent_id_first(ids.first);
  item.mutable_welcome()->set_persistent_id_last(ids.last);
  outbox->Send(std::move(item));
  store.BeginHandouts([outbox](Handout handout) { outbox->Send(ToItem(handout)); });
}

grpc::ServerBidiReactor<pb::AttachRequest, pb::AttachResponse>* StreamServiceImpl::Attach(
    grpc::CallbackServerContext*) {
  return new Session(this);  // Deletes itself when gRPC is done with it.
}

}  // namespace continuo::castore
