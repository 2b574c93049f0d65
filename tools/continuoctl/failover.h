// continuoctl failover: the trace of a failover from the records of all nodes, and a line of one's own in
// it. Both work on files below runstate_dir: no daemon is asked.
#pragma once

#include <string>

#include "tools/continuoctl/context.h"

namespace continuo::ctl {

// The last `count` failovers, oldest first.
int ShowFailovers(const Context& context, int count);
// `kind` is one of failover_trace's names. Waits for storage for as long as an answer may take.
int NoteFailover(const Context& context, const std::string& kind, const std::string& detail);
// The same without a word about it: a trace is no reason to fail what it is about.
void NoteFence(const Context& context, const std::string& node);

}  // namespace continuo::ctl
