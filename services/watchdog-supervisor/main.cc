// watchdog-supervisor: starts and watches the other five, and ends the node's group on a failure.
#include <stdlib.h>

#include <string>
#include <vector>

#include "common/daemon/command_line.h"
#include "common/daemon/daemon.h"
#include "services/watchdog-supervisor/app.h"
#include "services/watchdog-supervisor/guard/guard.h"

namespace {

using continuo::daemon::CommandLine;

// A guard is needed unless systemd watches us or we are told that somebody else does.
bool NeedsGuard(const CommandLine& line) {
  if (line.action != CommandLine::Action::kServe) return false;
  for (const std::string& argument : line.extra_arguments) {
    if (argument == "--guard") return true;
    if (argument == "--no-guard" || argument == "--attach") return false;
  }
  return getenv("NOTIFY_SOCKET") == nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  const continuo::daemon::MainOptions options = {
      .name = "watchdog-supervisor",
      .description =
          "starts the other daemons, or with --attach watches those that run, and ends them all "
          "when one fails. Without systemd a guard process watches the supervisor (--no-guard).",
      .start = continuo::supervisor::SupervisorApp::Start,
      .extra_flags = {"--attach", "--guard", "--no-guard"}};
  const absl::StatusOr<CommandLine> line = continuo::daemon::ParseCommandLine(
      std::vector<std::string>(argv + 1, argv + argc), options.extra_flags);
  if (line.ok() && NeedsGuard(*line)) {
    return continuo::supervisor::RunGuard(std::vector<std::string>(argv, argv + argc),
                                          line->run_dir);
  }
  return continuo::daemon::Main(argc, argv, options);
}
