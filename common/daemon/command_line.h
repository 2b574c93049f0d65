// The command line that every daemon has.
//
// Threading: pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "common/daemon/daemon.h"

namespace continuo::daemon {

struct CommandLine {
  enum class Action { kServe, kCheckConfig, kVersion, kHelp };
  Action action = Action::kServe;
  std::string config_path = "/etc/tsmb.conf";
  std::string run_dir = "/run/continuo";
  std::optional<std::string> metrics_listen;  // "off" or an address.
  std::optional<int> log_level;
  std::vector<std::string> extra_arguments;
};

// `arguments` without the program's name.
// Errors: InvalidArgument naming the argument.
absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments,
                                             const std::vector<std::string>& extra_flags);

std::string HelpText(const MainOptions& options);

}  // namespace continuo::daemon
