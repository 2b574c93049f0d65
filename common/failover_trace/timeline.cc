#include "common/failover_trace/timeline.h"

#include <algorithm>
#include <map>
#include <utility>

#include <absl/strings/str_format.h>

namespace continuo::failover_trace {
namespace {

// Where a wall clock was when that boot began, by the first event that is known of it.
using BootTimes = std::map<std::pair<std::string, std::string>, absl::Time>;

absl::Time AnchoredTime(const BootTimes& boots, const Event& event) {
  if (event.boot.empty()) return event.wall;
  return boots.at({event.node, event.boot}) + event.since_boot;
}

// Clocks since boot agree within one boot of a node; the earliest event ties them to the wall clock.
BootTimes AnchorsOf(const std::vector<Event>& events) {
  std::map<std::pair<std::string, std::string>, const Event*> earliest;
  for (const Event& event : events) {
    const Event*& first = earliest[{event.node, event.boot}];
    if (first == nullptr || event.since_boot < first->since_boot) first = &event;
  }
  BootTimes boots;
  for (const auto& [key, event] : earliest) boots[key] = event->wall - event->since_boot;
  return boots;
}

// What the failover in hand has seen.
struct Progress {
  bool has_started = false;
  std::string server;  // The node that was started last, over all failovers.
};

bool Begins(const Event& event, const Progress& progress) {
  if (!progress.has_started) return false;
  switch (event.kind) {
    case Kind::kStop:
    case Kind::kDetect:
      // A node that was taken for dead and comes to itself has nothing to end any more.
      return event.node == progress.server;
    case Kind::kFence:
    case Kind::kStart:
      return true;
    default:
      return false;
  }
}

std::string OffsetText(absl::Duration offset) {
  return absl::StrFormat("%+10.3f s", absl::ToDoubleSeconds(offset));
}

std::string ScaleText(absl::Duration offset, absl::Duration length, size_t width) {
  const double share = length > absl::ZeroDuration() ? absl::FDivDuration(offset, length) : 0.0;
  const auto place = static_cast<size_t>(std::clamp(share, 0.0, 1.0) *
                                         static_cast<double>(width - 1));
  return std::string(place, '-') + "o" + std::string(width - 1 - place, ' ');
}

}  // namespace

std::string Failover::from_node() const {
  for (const Step& step : steps) {
    if (step.event.kind == Kind::kDetect || step.event.kind == Kind::kStop) return step.event.node;
    // The detail of a fence is the node that it is about.
    if (step.event.kind == Kind::kFence) return step.event.detail;
  }
  return "";
}

std::string Failover::to_node() const {
  std::string node;
  for (const Step& step : steps) {
    if (step.event.kind == Kind::kStart) node = step.event.node;
  }
  return node;
}

std::vector<Failover> Merge(std::vector<Event> events) {
  const BootTimes boots = AnchorsOf(events);
  std::stable_sort(events.begin(), events.end(), [&boots](const Event& a, const Event& b) {
    return AnchoredTime(boots, a) < AnchoredTime(boots, b);
  });
  std::vector<Failover> failovers;
  Progress progress;
  for (Event& event : events) {
    if (failovers.empty() || Begins(event, progress)) {
      failovers.emplace_back();
      progress.has_started = false;
    }
    if (event.kind == Kind::kStart) {
      progress.has_started = true;
      progress.server = event.node;
    }
    std::vector<Step>& steps = failovers.back().steps;
    const absl::Time begin = AnchoredTime(boots, steps.empty() ? event : steps.front().event);
    const absl::Duration offset = AnchoredTime(boots, event) - begin;
    steps.push_back({std::move(event), offset});
  }
  return failovers;
}

std::string Draw(const Failover& failover, size_t width) {
  size_t node_width = 0;
  size_t kind_width = 0;
  for (const Step& step : failover.steps) {
    node_width = std::max(node_width, step.event.node.size());
    kind_width = std::max(kind_width, NameOf(step.event.kind).size());
  }
  const auto or_dash = [](std::string text) { return text.empty() ? std::string("-") : text; };
  std::string text = absl::StrFormat(
      "%s  %s  %s -> %s  %.3f s\n",
      absl::FormatTime("%Y-%m-%d %H:%M:%E3S UTC", failover.begin().wall, absl::UTCTimeZone()),
      failover.is_planned() ? "planned" : "failover", or_dash(failover.from_node()),
      or_dash(failover.to_node()), absl::ToDoubleSeconds(failover.length()));
  for (const Step& step : failover.steps) {
    const Event& event = step.event;
    std::string line = absl::StrFormat(
        "%s  %s  %-*s  %-*s", OffsetText(step.offset),
        ScaleText(step.offset, failover.length(), width), static_cast<int>(node_width), event.node,
        static_cast<int>(kind_width), NameOf(event.kind));
    if (!event.detail.empty()) line += "  " + event.detail;
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace continuo::failover_trace
