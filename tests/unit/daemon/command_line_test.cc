#include "common/daemon/command_line.h"

#include <catch2/catch.hpp>

namespace continuo::daemon {

TEST_CASE("command line: flags with and without an equals sign", "[unit][daemon]") {
  const auto line = ParseCommandLine({"--config=/a", "--run-dir", "/b", "--log-level", "4",
                                      "--metrics-listen", "off", "--attach"},
                                     {"--attach"});
  REQUIRE(line.ok());
  CHECK(line->config_path == "/a");
  CHECK(line->run_dir == "/b");
  CHECK(line->log_level == 4);
  CHECK(line->metrics_listen == "off");
  CHECK(line->extra_arguments == std::vector<std::string>{"--attach"});
  CHECK(line->action == CommandLine::Action::kServe);
}

TEST_CASE("command line: what is not understood is refused", "[unit][daemon]") {
  using Arguments = std::vector<std::string>;
  const auto arguments = GENERATE(values<Arguments>({{"--bogus"},
                                                     {"--config"},
                                                     {"--config="},
                                                     {"--log-level", "6"},
                                                     {"--log-level", "x"},
                                                     {"--attach"},
                                                     {"file"}}));
  CHECK_FALSE(ParseCommandLine(arguments, {}).ok());
}

TEST_CASE("command line: --check-config and --version serve nothing", "[unit][daemon]") {
  CHECK(ParseCommandLine({"--check-config"}, {})->action == CommandLine::Action::kCheckConfig);
  CHECK(ParseCommandLine({"--version"}, {})->action == CommandLine::Action::kVersion);
  CHECK(ParseCommandLine({}, {})->config_path == "/etc/tsmb.conf");
}

}  // namespace continuo::daemon
