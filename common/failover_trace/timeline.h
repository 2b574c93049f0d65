// Failovers, put together from the records of all nodes, and their drawing.
//
// One failover begins with what ended the service before, and has everything until the next begins:
//
// | event  | begins a failover                                                                  |
// | ------ | ---------------------------------------------------------------------------------- |
// | detect | of the node that serves; a second one before anything was started does not         |
// | stop   | of the node that serves: a planned move                                            |
// | fence  | when nothing ended, or what ended has been followed by a start: a node lost power  |
// | start  | the same                                                                           |
//
// Offsets count from its first event. Times are each node's wall clock; among the events of one boot of
// a node the clock since boot decides, so a wall clock that is set in the middle distorts nothing (but
// for a process that may not read which boot it is).
// Between nodes the clocks are compared as they are.
//
// Threading: pure.
#pragma once

#include <string>
#include <vector>

#include "common/failover_trace/event.h"

namespace continuo::failover_trace {

struct Step {
  Event event;
  absl::Duration offset;
};

struct Failover {
  std::vector<Step> steps;  // Not empty, in order.

  const Event& begin() const { return steps.front().event; }
  absl::Duration length() const { return steps.back().offset; }
  bool is_planned() const { return begin().kind == Kind::kStop; }
  std::string from_node() const;  // Where it was served before.
  std::string to_node() const;    // Where it is served now; empty: nowhere.
};

// Oldest first.
std::vector<Failover> Merge(std::vector<Event> events);

// Several lines, with a line's end each; `width` is that of the scale.
std::string Draw(const Failover& failover, size_t width = 32);

}  // namespace continuo::failover_trace
