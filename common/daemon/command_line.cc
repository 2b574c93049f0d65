#include "common/daemon/command_line.h"

#include <algorithm>

#include <absl/strings/numbers.h>
#include <absl/strings/str_format.h>

namespace continuo::daemon {

namespace {

constexpr int kLogLevelMax = 5;

absl::Status SetValue(const std::string& flag, const std::string& value, CommandLine* line) {
  if (value.empty()) return absl::InvalidArgumentError(absl::StrFormat("%s is empty", flag));
  if (flag == "--config") line->config_path = value;
  if (flag == "--run-dir") line->run_dir = value;
  if (flag == "--metrics-listen") line->metrics_listen = value;
  if (flag == "--log-level") {
    int level = 0;
    if (!absl::SimpleAtoi(value, &level) || level < 0 || level > kLogLevelMax) {
      return absl::InvalidArgumentError(
          absl::StrFormat("--log-level %s: expected a number from 0 to 5", value));
    }
    line->log_level = level;
  }
  return absl::OkStatus();
}

bool IsOneOf(const std::string& text, const std::vector<std::string>& choices) {
  return std::find(choices.begin(), choices.end(), text) != choices.end();
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments,
                                             const std::vector<std::string>& extra_flags) {
  static const std::vector<std::string>* const with_value = new std::vector<std::string>{
      "--config", "--run-dir", "--metrics-listen", "--log-level"};
  CommandLine line;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const size_t equals = argument.find('=');
    const std::string flag = argument.substr(0, equals);
    if (IsOneOf(flag, *with_value)) {
      if (equals == std::string::npos && i + 1 == arguments.size()) {
        return absl::InvalidArgumentError(absl::StrFormat("%s needs a value", flag));
      }
      const std::string value =
          equals == std::string::npos ? arguments[++i] : argument.substr(equals + 1);
      if (const absl::Status status = SetValue(flag, value, &line); !status.ok()) return status;
    } else if (argument == "--check-config") {
      line.action = CommandLine::Action::kCheckConfig;
    } else if (argument == "--version") {
      line.action = CommandLine::Action::kVersion;
    } else if (argument == "--help" || argument == "-h") {
      line.action = CommandLine::Action::kHelp;
    } else if (IsOneOf(argument, extra_flags)) {
      line.extra_arguments.push_back(argument);
    } else {
      return absl::InvalidArgumentError(absl::StrFormat("unknown argument %s", argument));
    }
  }
  return line;
}

std::string HelpText(const MainOptions& options) {
  std::string text = absl::StrFormat(
      "%s: %s\n"
      "  --config FILE            configuration (/etc/tsmb.conf)\n"
      "  --check-config           print every error of the configuration and exit\n"
      "  --run-dir DIR            sockets and lock files (/run/continuo)\n"
      "  --metrics-listen ADDR    loopback address for Prometheus, or off\n"
      "  --log-level N            0 off, 1 error, 2 warning, 3 info, 4 debug\n"
      "  --version                print the version and exit\n",
      options.name, options.description);
  for (const std::string& flag : options.extra_flags) {
    absl::StrAppendFormat(&text, "  %s\n", flag);
  }
  return text;
}

}  // namespace continuo::daemon
