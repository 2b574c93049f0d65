// The tiny outer process that ends the group when the supervisor itself stops or dies, where no
// systemd does it.
//
// It starts the real supervisor, passes signals on to it, expects its heartbeats and is the
// subreaper of everything below: whatever outlives the supervisor is found and killed. It ends with
// the supervisor's exit code (1 when that was killed).
//
// Threading: one thread; no gRPC, no allocation that matters after the start.
#pragma once

#include <string>
#include <vector>

namespace continuo::supervisor {

// `arguments` is the whole command line of this process. Returns the exit code.
int RunGuard(const std::vector<std::string>& arguments, const std::string& run_dir);

}  // namespace continuo::supervisor
