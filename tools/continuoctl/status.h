// status: one screen about the node.
#pragma once

#include <absl/time/time.h>

#include "tools/continuoctl/context.h"

namespace continuo::ctl {

struct StatusOptions {
  absl::Duration rate_interval = absl::Milliseconds(500);  // Between the two counts of a rate.
  absl::Duration wait = absl::ZeroDuration();  // How long to wait for all daemons to serve.
  bool is_quiet = false;                       // Only the exit code.
};

// kExitOk when all six daemons serve (degraded counts as serving), kExitFailure when some do,
// kExitUnreachable when none answers.
int ShowStatus(const Context& context, const StatusOptions& options);

}  // namespace continuo::ctl
