// The signals a daemon handles, taken by waiting and never in a handler.
//
// Threading: BlockHandledSignals before any thread exists; then one thread waits at a time.
#pragma once

#include <absl/time/time.h>

namespace continuo::daemon {

// Blocks SIGTERM, SIGINT and SIGHUP for this and all later threads, and ignores SIGPIPE.
void BlockHandledSignals();

// Undoes it in a child between fork and exec. Async-signal-safe.
void UnblockHandledSignals();

// SIGHUP, SIGTERM or SIGINT.
int WaitForSignal();

// True when SIGTERM or SIGINT waits to be taken: a start that takes long asks this and gives up.
bool IsStopPending();

// SIGTERM or SIGINT, or 0 once `deadline` has passed.
int WaitForSignalUntil(absl::Time deadline);

}  // namespace continuo::daemon
