#include "common/rpc/admin_service.h"

#include <unistd.h>

#include <utility>

#include <absl/strings/match.h>
#include <absl/time/clock.h>

#include "common/logging/log.h"
#include "common/rpc/version.h"

namespace continuo::rpc {

namespace {

constexpr int kLogLevelMax = 5;

grpc::ServerUnaryReactor* FinishOk(grpc::CallbackServerContext* context) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace

AdminServiceImpl::AdminServiceImpl(Options options)
    : options_(std::move(options)), start_time_(absl::Now()) {}

grpc::ServerUnaryReactor* AdminServiceImpl::GetStatus(grpc::CallbackServerContext* context,
                                                      const admin::v1::GetStatusRequest*,
                                                      admin::v1::GetStatusResponse* response) {
  response->set_daemon(options_.daemon_name);
  response->set_version(std::string(Version()));
  response->set_pid(static_cast<uint32_t>(getpid()));
  response->mutable_start_time()->set_seconds(absl::ToUnixSeconds(start_time_));
  response->set_uptime_ms(absl::ToInt64Milliseconds(absl::Now() - start_time_));
  response->set_log_level(static_cast<int>(logging::Level()));
  for (const LoopMonitor::LoopBeats& loop : options_.health->monitor.Loops()) {
    admin::v1::Loop* const entry = response->add_loops();
    entry->set_name(loop.name);
    entry->set_beat_count(loop.beats);
  }
  if (options_.registry != nullptr) {
    for (const metrics::Sample& sample : options_.registry->Samples()) {
      admin::v1::Metric* const entry = response->add_counters();
      entry->set_name(sample.name);
      entry->set_value(sample.value);
    }
  }
  if (options_.fill_status) options_.fill_status(response);
  if (!options_.health->is_serving.load()) {
    response->set_state(admin::v1::DAEMON_STATE_STARTING);
  } else {
    response->set_state(response->degraded_reasons().empty() ? admin::v1::DAEMON_STATE_SERVING
                                                             : admin::v1::DAEMON_STATE_DEGRADED);
  }
  return FinishOk(context);
}

grpc::ServerUnaryReactor* AdminServiceImpl::GetMetrics(grpc::CallbackServerContext* context,
                                                       const admin::v1::GetMetricsRequest* request,
                                                       admin::v1::GetMetricsResponse* response) {
  if (options_.registry != nullptr) {
    for (const metrics::Sample& sample : options_.registry->Samples()) {
      if (!absl::StartsWith(sample.name, request->name_prefix())) continue;
      admin::v1::Metric* const entry = response->add_metrics();
      entry->set_name(sample.name);
      entry->set_value(sample.value);
    }
  }
  return FinishOk(context);
}

grpc::ServerUnaryReactor* AdminServiceImpl::SetLogLevel(
    grpc::CallbackServerContext* context, const admin::v1::SetLogLevelRequest* request,
    admin::v1::SetLogLevelResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  if (request->log_level() < 0 || request->log_level() > kLogLevelMax) {
    reactor->Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "log_level is 0 to 5"));
    return reactor;
  }
  response->set_previous_log_level(static_cast<int>(logging::Level()));
  logging::SetLevel(logging::SeverityFromLevel(request->log_level()));
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace continuo::rpc
