#include "tools/continuoctl/status.h"

#include <array>
#include <iostream>
#include <optional>
#include <vector>

#include <absl/strings/str_format.h>
#include <nlohmann/json.hpp>

#include "continuo/admin/v1/admin_service.grpc.pb.h"
#include "continuo/frontend/v1/frontend_admin_service.grpc.pb.h"
#include "continuo/supervisor/v1/supervisor_service.grpc.pb.h"
#include "tools/continuoctl/output.h"

namespace continuo::ctl {
namespace {

namespace admin = continuo::admin::v1;
namespace frontend = continuo::frontend::v1;
namespace supervisor = continuo::supervisor::v1;

constexpr std::array<const char*, 6> kDaemons = {"watchdog-supervisor", "smb-frontend",
                                                 "auth-service",        "fsa-state-service",
                                                 "ca-store-service",    "tickle-service"};
constexpr absl::Duration kPollInterval = absl::Milliseconds(20);

struct DaemonStatus {
  std::string name;
  bool is_reachable = false;
  admin::GetStatusResponse status;
  std::optional<supervisor::Daemon> keepalive;

  bool IsServing() const {
    return is_reachable && (status.state() == admin::DAEMON_STATE_SERVING ||
                            status.state() == admin::DAEMON_STATE_DEGRADED);
  }
};

struct NodeStatus {
  std::vector<DaemonStatus> daemons;
  std::optional<frontend::GetThroughputResponse> first;
  std::optional<frontend::GetThroughputResponse> second;

  size_t CountReachable() const {
    size_t count = 0;
    for (const DaemonStatus& daemon : daemons) count += daemon.is_reachable ? 1u : 0u;
    return count;
  }
  bool AreAllServing() const {
    for (const DaemonStatus& daemon : daemons) {
      if (!daemon.IsServing()) return false;
    }
    return true;
  }
};

void AskDaemons(const Context& context, NodeStatus& node) {
  node.daemons.clear();
  for (const char* name : kDaemons) {
    DaemonStatus daemon;
    daemon.name = name;
    const auto stub = admin::AdminService::NewStub(context.Channel(name));
    daemon.is_reachable = Call(context, *stub, &admin::AdminService::Stub::GetStatus,
                               admin::GetStatusRequest(), daemon.status)
                              .ok();
    node.daemons.push_back(std::move(daemon));
  }
}

void AskSupervisor(const Context& context, NodeStatus& node) {
  supervisor::ListDaemonsResponse response;
  const auto stub = supervisor::SupervisorService::NewStub(context.Channel("watchdog-supervisor"));
  if (!Call(context, *stub, &supervisor::SupervisorService::Stub::ListDaemons,
            supervisor::ListDaemonsRequest(), response)
           .ok()) {
    return;
  }
  for (DaemonStatus& daemon : node.daemons) {
    for (const supervisor::Daemon& watched : response.daemons()) {
      if (watched.name() == daemon.name) daemon.keepalive = watched;
    }
  }
}

std::optional<frontend::GetThroughputResponse> AskThroughput(const Context& context) {
  frontend::GetThroughputResponse response;
  const auto stub = frontend::FrontendAdminService::NewStub(context.Channel("smb-frontend"));
  if (!Call(context, *stub, &frontend::FrontendAdminService::Stub::GetThroughput,
            frontend::GetThroughputRequest(), response)
           .ok()) {
    return std::nullopt;
  }
  return response;
}

std::string StateText(const DaemonStatus& daemon) {
  if (!daemon.is_reachable) return "DOWN";
  switch (daemon.status.state()) {
    case admin::DAEMON_STATE_SERVING: return "serving";
    case admin::DAEMON_STATE_DEGRADED: return "degraded";
    default: return "not serving";
  }
}

std::string KeepaliveText(const DaemonStatus& daemon) {
  if (!daemon.keepalive || daemon.keepalive->keepalive_count() == 0) return "-";
  return absl::StrFormat("%.1f ms (worst %.1f)",
                         static_cast<double>(daemon.keepalive->last_latency_us()) / 1000.0,
                         static_cast<double>(daemon.keepalive->worst_latency_us()) / 1000.0);
}

struct Rates {
  double read_bytes_per_s = 0;
  double written_bytes_per_s = 0;
  double requests_per_s = 0;
};

std::optional<Rates> RatesOf(const NodeStatus& node) {
  if (!node.first || !node.second) return std::nullopt;
  const double seconds =
      static_cast<double>(node.second->uptime_us() - node.first->uptime_us()) / 1e6;
  if (seconds <= 0) return std::nullopt;  // Started anew in between.
  const auto rate = [seconds](uint64_t before, uint64_t after) {
    return after < before ? 0.0 : static_cast<double>(after - before) / seconds;
  };
  return Rates{rate(node.first->file_bytes_read(), node.second->file_bytes_read()),
               rate(node.first->file_bytes_written(), node.second->file_bytes_written()),
               rate(node.first->requests_completed(), node.second->requests_completed())};
}

void PrintScreen(const NodeStatus& node) {
  Table table({"DAEMON", "STATE", "PID", "UP", "KEEP-ALIVE", "VERSION"});
  for (const DaemonStatus& daemon : node.daemons) {
    table.Add({daemon.name, StateText(daemon),
               daemon.is_reachable ? absl::StrFormat("%u", daemon.status.pid()) : "-",
               daemon.is_reachable ? AgeText(daemon.status.uptime_ms() / 1000) : "-",
               KeepaliveText(daemon), OrDash(daemon.status.version())});
  }
  std::cout << table.Text() << '\n';
  const auto& totals = node.second ? node.second : node.first;
  if (totals) {
    std::cout << absl::StrFormat("%u connections, %u sessions, %u tree connects, %u opens\n",
                                 totals->connection_count(), totals->session_count(),
                                 totals->tree_connect_count(), totals->open_count());
  }
  if (const auto rates = RatesOf(node)) {
    std::cout << absl::StrFormat("%s/s read, %s/s written, %.0f requests/s\n",
                                 BytesText(rates->read_bytes_per_s),
                                 BytesText(rates->written_bytes_per_s), rates->requests_per_s);
  }
  for (const DaemonStatus& daemon : node.daemons) {
    for (const std::string& reason : daemon.status.degraded_reasons()) {
      std::cout << daemon.name << ": " << reason << '\n';
    }
  }
}

void PrintStatusJson(const NodeStatus& node) {
  nlohmann::ordered_json json;
  json["is_serving"] = node.AreAllServing();
  json["daemons"] = nlohmann::ordered_json::array();
  for (const DaemonStatus& daemon : node.daemons) {
    nlohmann::ordered_json entry = nlohmann::ordered_json::parse(ToJson(daemon.status));
    entry["daemon"] = daemon.name;
    entry["is_reachable"] = daemon.is_reachable;
    entry["is_serving"] = daemon.IsServing();
    if (daemon.keepalive) {
      entry["keepalive"] = nlohmann::ordered_json::parse(ToJson(*daemon.keepalive));
    }
    json["daemons"].push_back(std::move(entry));
  }
  const auto& totals = node.second ? node.second : node.first;
  if (totals) json["totals"] = nlohmann::ordered_json::parse(ToJson(*totals));
  if (const auto rates = RatesOf(node)) {
    json["rates"] = {{"file_bytes_read_per_s", rates->read_bytes_per_s},
                     {"file_bytes_written_per_s", rates->written_bytes_per_s},
                     {"requests_per_s", rates->requests_per_s}};
  }
  std::cout << json.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
}

}  // namespace

int ShowStatus(const Context& context, const StatusOptions& options) {
  const absl::Time give_up = absl::Now() + options.wait;
  NodeStatus node;
  AskDaemons(context, node);
  while (!node.AreAllServing() && absl::Now() < give_up) {
    absl::SleepFor(kPollInterval);
    AskDaemons(context, node);
  }
  const int exit_code = node.CountReachable() == 0 ? kExitUnreachable
                        : node.AreAllServing()     ? kExitOk
                                                   : kExitFailure;
  if (options.is_quiet) return exit_code;
  AskSupervisor(context, node);
  node.first = AskThroughput(context);
  if (node.first && options.rate_interval > absl::ZeroDuration()) {
    absl::SleepFor(options.rate_interval);
    node.second = AskThroughput(context);
  }
  if (context.is_json) {
    PrintStatusJson(node);
  } else {
    PrintScreen(node);
  }
  return exit_code;
}

}  // namespace continuo::ctl
