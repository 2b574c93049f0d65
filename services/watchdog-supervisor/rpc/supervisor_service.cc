#include "services/watchdog-supervisor/rpc/supervisor_service.h"

#include <string>

namespace continuo::supervisor {

namespace {

v1::WatchState ToProto(WatchState state) {
  switch (state) {
    case WatchState::kIdle:
      return v1::WATCH_STATE_UNSPECIFIED;
    case WatchState::kStarting:
      return v1::WATCH_STATE_STARTING;
    case WatchState::kServing:
      return v1::WATCH_STATE_SERVING;
    case WatchState::kStopping:
      return v1::WATCH_STATE_STOPPING;
    case WatchState::kStopped:
      return v1::WATCH_STATE_STOPPED;
    case WatchState::kFailed:
      return v1::WATCH_STATE_FAILED;
  }
  return v1::WATCH_STATE_UNSPECIFIED;
}

void SetTime(absl::Time time, google::protobuf::Timestamp* out) {
  const timespec parts = absl::ToTimespec(time);
  out->set_seconds(parts.tv_sec);
  out->set_nanos(static_cast<int32_t>(parts.tv_nsec));
}

grpc::ServerUnaryReactor* FinishOk(grpc::CallbackServerContext* context) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace

grpc::ServerUnaryReactor* SupervisorServiceImpl::ListDaemons(grpc::CallbackServerContext* context,
                                                             const v1::ListDaemonsRequest*,
                                                             v1::ListDaemonsResponse* response) {
  const GroupSnapshot snapshot = source_->Snapshot();
  response->set_watchdog_interval_ms(absl::ToInt64Milliseconds(snapshot.limits.interval));
  response->set_watchdog_timeout_ms(absl::ToInt64Milliseconds(snapshot.limits.timeout));
  for (size_t i = 0; i < kDaemonCount; ++i) {
    const GroupSnapshot::Entry& entry = snapshot.daemons[i];
    v1::Daemon* const daemon = response->add_daemons();
    daemon->set_name(std::string(kPolicies[i].name));
    if (entry.pid > 0) daemon->set_pid(static_cast<uint32_t>(entry.pid));
    daemon->set_state(ToProto(entry.view.state));
    if (entry.view.last_serving != absl::InfinitePast()) {
      SetTime(entry.view.last_serving, daemon->mutable_last_serving_time());
    }
    daemon->set_last_latency_us(absl::ToInt64Microseconds(entry.view.last_latency));
    daemon->set_worst_latency_us(absl::ToInt64Microseconds(entry.view.worst_latency));
    daemon->set_keepalive_count(entry.view.keepalive_count);
  }
  return FinishOk(context);
}

grpc::ServerUnaryReactor* SupervisorServiceImpl::ListHistory(grpc::CallbackServerContext* context,
                                                             const v1::ListHistoryRequest* request,
                                                             v1::ListHistoryResponse* response) {
  for (const HistoryEvent& event : source_->History(request->max_entries())) {
    v1::HistoryEntry* const entry = response->add_entries();
    SetTime(event.time, entry->mutable_time());
    entry->set_event(event.event);
    entry->set_daemon(event.daemon);
    entry->set_reason(event.reason);
  }
  return FinishOk(context);
}

}  // namespace continuo::supervisor
