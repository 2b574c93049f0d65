#include "common/rpc/health_endpoint.h"

#include <pthread.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <absl/strings/str_format.h>

#include "common/rpc/priority.h"

namespace continuo::rpc {

namespace health_v1 = ::grpc::health::v1;

namespace {

using Answer = health_v1::HealthCheckResponse;

constexpr absl::Duration kCheckTick = absl::Milliseconds(1);
constexpr absl::Duration kWatchTick = absl::Milliseconds(50);
constexpr absl::Duration kWatchProbeInterval = absl::Milliseconds(250);
constexpr absl::Duration kIdleTick = absl::Seconds(3600);
// An answer leaves this long before the caller's deadline, so that it still arrives.
constexpr absl::Duration kAnswerMargin = absl::Milliseconds(10);
constexpr absl::Duration kFarDeadline = absl::Hours(1);

Answer::ServingStatus StatusOf(bool is_serving) {
  return is_serving ? Answer::SERVING : Answer::NOT_SERVING;
}

}  // namespace

struct HealthEndpoint::Tag {
  enum class Event { kRequested, kWritten, kFinished, kDone };
  Call* call = nullptr;
  Event event = Event::kRequested;
};

class HealthEndpoint::Call {
 public:
  explicit Call(HealthEndpoint* endpoint) : endpoint_(endpoint) {}
  virtual ~Call() = default;
  // May delete this.
  virtual void OnEvent(Tag::Event event, bool is_ok) = 0;

 protected:
  bool IsKnown(const std::string& service) const {
    return service.empty() || endpoint_->state_->service_names.contains(service);
  }

  HealthEndpoint* const endpoint_;
  grpc::ServerContext context_;
  health_v1::HealthCheckRequest request_;
};

class HealthEndpoint::CheckCall final : public HealthEndpoint::Call {
 public:
  explicit CheckCall(HealthEndpoint* endpoint) : Call(endpoint), responder_(&context_) {
    endpoint->service_.RequestCheck(&context_, &request_, &responder_, endpoint->queue_.get(),
                                    endpoint->queue_.get(), &requested_);
  }

  void OnEvent(Tag::Event event, bool is_ok) override {
    if (event == Tag::Event::kFinished || !is_ok) {
      delete this;
      return;
    }
    new CheckCall(endpoint_);  // Waits for the next one.
    if (!IsKnown(request_.service())) return Refuse(grpc::StatusCode::NOT_FOUND, "no such service");
    if (endpoint_->checks_.size() >= kHealthChecksMax) {
      return Refuse(grpc::StatusCode::RESOURCE_EXHAUSTED, "too many checks wait");
    }
    const absl::Time now = absl::Now();
    const absl::Time deadline = absl::FromChrono(context_.deadline());
    give_up_ = deadline - now < kFarDeadline ? std::max(now, deadline - kAnswerMargin)
                                             : now + endpoint_->state_->stall_limit;
    if (endpoint_->state_->is_serving.load()) probe_ = endpoint_->state_->monitor.StartProbe();
    endpoint_->checks_.insert(this);
    Evaluate(now);
  }

  void Evaluate(absl::Time now) {
    if (!endpoint_->state_->is_serving.load()) return Finish(Answer::NOT_SERVING);
    if (probe_ && probe_->Pending().empty()) return Finish(Answer::SERVING);
    if (!probe_ || now >= give_up_) return Finish(Answer::NOT_SERVING);
  }

 private:
  void Finish(Answer::ServingStatus status) {
    endpoint_->checks_.erase(this);
    Answer answer;
    answer.set_status(status);
    responder_.Finish(answer, grpc::Status::OK, &finished_);
  }

  void Refuse(grpc::StatusCode code, const char* text) {
    responder_.FinishWithError(grpc::Status(code, text), &finished_);
  }

  grpc::ServerAsyncResponseWriter<Answer> responder_;
  std::optional<LoopMonitor::Probe> probe_;
  absl::Time give_up_;
  Tag requested_{this, Tag::Event::kRequested};
  Tag finished_{this, Tag::Event::kFinished};
};

class HealthEndpoint::WatchCall final : public HealthEndpoint::Call {
 public:
  explicit WatchCall(HealthEndpoint* endpoint) : Call(endpoint), writer_(&context_) {
    context_.AsyncNotifyWhenDone(&done_);
    endpoint->service_.RequestWatch(&context_, &request_, &writer_, endpoint->queue_.get(),
                                    endpoint->queue_.get(), &requested_);
  }

  void OnEvent(Tag::Event event, bool is_ok) override {
    switch (event) {
      case Tag::Event::kRequested:
        if (!is_ok) {  // Shutting down: the done tag does not come for a call that never began.
          delete this;
          return;
        }
        new WatchCall(endpoint_);
        Begin();
        return;
      case Tag::Event::kWritten:
      case Tag::Event::kFinished:
        is_busy_ = false;
        break;
      case Tag::Event::kDone:
        is_done_ = true;
        endpoint_->watches_.erase(this);
        break;
    }
    if (is_done_ && !is_busy_) delete this;
  }

  void Evaluate(absl::Time now) {
    if (is_busy_ || is_done_ || is_finished_) return;
    const std::optional<Answer::ServingStatus> status = Current(now);
    if (status && status != last_sent_) return Send(*status);
    if (endpoint_->is_stopping_.load()) Finish(grpc::Status::OK);
  }

 private:
  void Begin() {
    if (endpoint_->watches_.size() >= kHealthWatchesMax) {
      return Finish(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "too many watches"));
    }
    endpoint_->watches_.insert(this);
    Evaluate(absl::Now());
  }

  // Nothing while the loops are still being asked.
  std::optional<Answer::ServingStatus> Current(absl::Time now) {
    if (!IsKnown(request_.service())) return Answer::SERVICE_UNKNOWN;
    if (!endpoint_->state_->is_serving.load()) {
      probe_.reset();
      next_probe_ = absl::InfinitePast();
      return Answer::NOT_SERVING;
    }
    if (!probe_) {
      if (now < next_probe_) return std::nullopt;
      probe_ = endpoint_->state_->monitor.StartProbe();
      probe_give_up_ = now + endpoint_->state_->stall_limit;
    }
    const bool is_advancing = probe_->Pending().empty();
    if (!is_advancing && now < probe_give_up_) return std::nullopt;
    if (is_advancing) {
      probe_.reset();
      next_probe_ = now + kWatchProbeInterval;
    }
    return StatusOf(is_advancing);
  }

  void Send(Answer::ServingStatus status) {
    last_sent_ = status;
    Answer answer;
    answer.set_status(status);
    is_busy_ = true;
    writer_.Write(answer, &written_);
  }

  void Finish(const grpc::Status& status) {
    is_finished_ = true;
    is_busy_ = true;
    writer_.Finish(status, &finished_);
  }

  grpc::ServerAsyncWriter<Answer> writer_;
  std::optional<LoopMonitor::Probe> probe_;
  absl::Time probe_give_up_;
  absl::Time next_probe_ = absl::InfinitePast();
  std::optional<Answer::ServingStatus> last_sent_;
  bool is_busy_ = false;      // An operation is with gRPC.
  bool is_finished_ = false;  // Finish was called.
  bool is_done_ = false;      // gRPC has no more use for the call.
  Tag requested_{this, Tag::Event::kRequested};
  Tag written_{this, Tag::Event::kWritten};
  Tag finished_{this, Tag::Event::kFinished};
  Tag done_{this, Tag::Event::kDone};
};

HealthEndpoint::HealthEndpoint(HealthState* state) : state_(state) {}

HealthEndpoint::~HealthEndpoint() { Stop(); }

void HealthEndpoint::AddTo(grpc::ServerBuilder* builder) {
  builder->RegisterService(&service_);
  queue_ = builder->AddCompletionQueue();
}

void HealthEndpoint::Start() {
  new CheckCall(this);
  new WatchCall(this);
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "rpc-health");
    FavourCurrentThread();
    Run();
  });
}

void HealthEndpoint::FinishWatches() { is_stopping_.store(true); }

void HealthEndpoint::Stop() {
  if (queue_ == nullptr) return;
  queue_->Shutdown();
  if (thread_.joinable()) {
    thread_.join();
  } else {
    Run();  // Never started: empties the queue, which gRPC wants before it goes.
  }
  queue_.reset();
}

void HealthEndpoint::Run() {
  for (;;) {
    void* raw_tag = nullptr;
    bool is_ok = false;
    const auto next =
        queue_->AsyncNext(&raw_tag, &is_ok, absl::ToChronoTime(NextTick(absl::Now())));
    if (next == grpc::CompletionQueue::SHUTDOWN) return;
    if (next == grpc::CompletionQueue::GOT_EVENT) {
      const Tag tag = *static_cast<Tag*>(raw_tag);  // A copy: the call may delete itself.
      tag.call->OnEvent(tag.event, is_ok);
    }
    Tick(absl::Now());
  }
}

void HealthEndpoint::Tick(absl::Time now) {
  // Copies: a call that finishes leaves the set.
  const std::vector<CheckCall*> checks(checks_.begin(), checks_.end());
  for (CheckCall* const check : checks) check->Evaluate(now);
  const std::vector<WatchCall*> watches(watches_.begin(), watches_.end());
  for (WatchCall* const watch : watches) watch->Evaluate(now);
}

absl::Time HealthEndpoint::NextTick(absl::Time now) const {
  if (!checks_.empty()) return now + kCheckTick;
  return now + (watches_.empty() ? kIdleTick : kWatchTick);
}

}  // namespace continuo::rpc
