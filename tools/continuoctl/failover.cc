#include "tools/continuoctl/failover.h"

#include <algorithm>
#include <iostream>

#include <absl/strings/str_format.h>
#include <nlohmann/json.hpp>

#include "common/base/check.h"
#include "common/config/parser.h"
#include "common/failover_trace/recorder.h"
#include "common/failover_trace/timeline.h"

namespace continuo::ctl {
namespace {

using failover_trace::Failover;
using failover_trace::Kind;

constexpr char kDaemon[] = "continuoctl";
// Who fences waits for the next step, not for its trace.
constexpr absl::Duration kFenceNoteLimit = absl::Milliseconds(500);

// runstate_dir of the configuration, or an exit code.
std::string RunstateOf(const Context& context, int* exit_code) {
  const config::ParseResult parsed =
      config::LoadConfigFile(context.config_path, config::ParseOptions());
  if (parsed.ok()) return parsed.config.global.runstate_dir;
  std::cerr << parsed.DescribeErrors();
  *exit_code = kExitBadConfig;
  return "";
}

absl::Status Note(const std::string& runstate_dir, Kind kind, const std::string& detail,
                  absl::Duration limit) {
  failover_trace::Recorder recorder({.runstate_dir = runstate_dir, .daemon = kDaemon});
  recorder.Note(kind, detail);
  return recorder.Flush(limit);
}

nlohmann::ordered_json ToJson(const Failover& failover) {
  nlohmann::ordered_json json = {
      {"begin", absl::FormatTime(absl::RFC3339_full, failover.begin().wall, absl::UTCTimeZone())},
      {"is_planned", failover.is_planned()},
      {"from_node", failover.from_node()},
      {"to_node", failover.to_node()},
      {"length_s", absl::ToDoubleSeconds(failover.length())},
      {"steps", nlohmann::json::array()}};
  for (const failover_trace::Step& step : failover.steps) {
    json["steps"].push_back(
        {{"offset_s", absl::ToDoubleSeconds(step.offset)},
         {"time", absl::FormatTime(absl::RFC3339_full, step.event.wall, absl::UTCTimeZone())},
         {"node", step.event.node},
         {"daemon", step.event.daemon},
         {"epoch", step.event.epoch},
         {"kind", failover_trace::NameOf(step.event.kind)},
         {"detail", step.event.detail}});
  }
  return json;
}

}  // namespace

int ShowFailovers(const Context& context, int count) {
  int exit_code = kExitOk;
  const std::string runstate_dir = RunstateOf(context, &exit_code);
  if (exit_code != kExitOk) return exit_code;
  std::vector<failover_trace::Event> events;
  const absl::Status read = failover_trace::ReadEvents(runstate_dir, &events);
  if (!read.ok()) return Fail(kExitFailure, std::string(read.message()));
  std::vector<Failover> failovers = failover_trace::Merge(std::move(events));
  const size_t kept = std::min(failovers.size(), static_cast<size_t>(count));
  failovers.erase(failovers.begin(), failovers.end() - static_cast<std::ptrdiff_t>(kept));
  if (context.is_json) {
    nlohmann::ordered_json json = {{"failovers", nlohmann::json::array()}};
    for (const Failover& failover : failovers) json["failovers"].push_back(ToJson(failover));
    std::cout << json.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
    return kExitOk;
  }
  if (failovers.empty()) std::cout << "no failover is on record\n";
  for (size_t i = 0; i < failovers.size(); ++i) {
    std::cout << (i == 0 ? "" : "\n") << failover_trace::Draw(failovers[i]);
  }
  return kExitOk;
}

int NoteFailover(const Context& context, const std::string& kind, const std::string& detail) {
  const std::optional<Kind> known = failover_trace::KindOf(kind);
  if (!known) return Fail(kExitUsage, "there is no step " + kind);
  int exit_code = kExitOk;
  const std::string runstate_dir = RunstateOf(context, &exit_code);
  if (exit_code != kExitOk) return exit_code;
  const absl::Status noted = Note(runstate_dir, *known, detail, context.timeout);
  return noted.ok() ? kExitOk : Fail(kExitFailure, std::string(noted.message()));
}

void NoteFence(const Context& context, const std::string& node) {
  const config::ParseResult parsed =
      config::LoadConfigFile(context.config_path, config::ParseOptions());
  if (!parsed.ok()) return;
  (void)Note(parsed.config.global.runstate_dir, Kind::kFence, node, kFenceNoteLimit);
}

}  // namespace continuo::ctl
