#include "services/watchdog-supervisor/keepalive/keepalive_client.h"

#include <utility>

#include "common/rpc/channel.h"
#include "common/rpc/server.h"

namespace continuo::supervisor {

namespace health_v1 = ::grpc::health::v1;

namespace {

constexpr absl::Duration kLastWakeWait = absl::Milliseconds(10);

GroupWatch::Answer AnswerOf(const grpc::Status& status,
                            const health_v1::HealthCheckResponse& response) {
  if (status.ok()) {
    return response.status() == health_v1::HealthCheckResponse::SERVING
               ? GroupWatch::Answer::kServing
               : GroupWatch::Answer::kNotServing;
  }
  return status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED
             ? GroupWatch::Answer::kTooLate
             : GroupWatch::Answer::kUnreachable;
}

}  // namespace

health_v1::Health::Stub& KeepaliveClient::StubOf(DaemonId id) {
  std::unique_ptr<health_v1::Health::Stub>& stub = stubs_[static_cast<size_t>(id)];
  if (stub == nullptr) {
    stub = health_v1::Health::NewStub(
        rpc::MakeUnixChannel(rpc::SocketPath(run_dir_, PolicyOf(id).name), "keepalive"));
  }
  return *stub;
}

void KeepaliveClient::Ask(DaemonId id, absl::Duration timeout) {
  auto* const call = new Call{.id = id, .context = {}, .response = {}, .status = {}, .reader = {}};
  call->context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  // A connection that is just being made is waited for: the deadline is what counts.
  call->context.set_wait_for_ready(true);
  call->reader = StubOf(id).AsyncCheck(&call->context, {}, &queue_);
  call->reader->Finish(&call->response, &call->status, call);
}

KeepaliveClient::WaitResult KeepaliveClient::Wait(absl::Time deadline, Event* event) {
  void* tag = nullptr;
  bool is_ok = false;
  switch (queue_.AsyncNext(&tag, &is_ok, absl::ToChronoTime(deadline))) {
    case grpc::CompletionQueue::SHUTDOWN:
    case grpc::CompletionQueue::TIMEOUT:
      return WaitResult::kTimeout;
    case grpc::CompletionQueue::GOT_EVENT:
      break;
  }
  if (tag == nullptr) {
    TakeWake();
    return WaitResult::kTimeout;
  }
  const std::unique_ptr<Call> call(static_cast<Call*>(tag));
  *event = {call->id, AnswerOf(call->status, call->response)};
  return WaitResult::kEvent;
}

void KeepaliveClient::Wake() {
  absl::MutexLock lock(&wake_mutex_);
  if (std::exchange(is_wake_pending_, true)) return;
  alarm_.Set(&queue_, gpr_now(GPR_CLOCK_MONOTONIC), nullptr);
}

void KeepaliveClient::TakeWake() {
  absl::MutexLock lock(&wake_mutex_);
  is_wake_pending_ = false;
}

bool KeepaliveClient::IsWakePending() {
  absl::MutexLock lock(&wake_mutex_);
  return is_wake_pending_;
}

KeepaliveClient::~KeepaliveClient() {
  Event event;
  while (IsWakePending()) Wait(absl::Now() + kLastWakeWait, &event);
}

}  // namespace continuo::supervisor
