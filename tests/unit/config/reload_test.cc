// Goal: a reload knows what changed and what of it waits for a restart.
#include <catch2/catch.hpp>

#include "common/config/parser.h"
#include "common/config/reload.h"

namespace continuo::config {
namespace {

Config Parsed(const std::string& text) {
  const ParseResult result = ParseConfig(text, "t.conf");
  INFO(result.Describe());
  REQUIRE(result.ok());
  return result.config;
}

TEST_CASE("reload: changed keys are listed with what they need", "[unit][config]") {
  const Config before = Parsed(
      "[global]\nlog_level = 3\nldap_bind_pw = a\n[/global]\n"
      "[share]\nnetname = A\npath = /a\n[/share]\n[share]\nnetname = B\npath = /b\n[/share]\n");
  const Config after = Parsed(
      "[global]\nlog_level = 4\nldap_bind_pw = b\nlisten = ANY,::,IPv6,445,DIRECT_TCP\n"
      "[/global]\n"
      "[share]\nnetname = a\npath = /a2\n[/share]\n[share]\nnetname = C\npath = /c\n[/share]\n");
  CHECK(DiffConfig(before, before).empty());
  std::vector<std::string> seen;
  for (const ConfigChange& change : DiffConfig(before, after)) {
    seen.push_back(change.description + (change.needs_restart ? " (restart)" : ""));
  }
  CHECK(seen == std::vector<std::string>{"global ldap_bind_pw", "global listen (restart)",
                                         "global log_level", "share a netname", "share a path",
                                         "share B removed", "share C added"});
}

TEST_CASE("metrics: each daemon has a fixed port above the base", "[unit][config]") {
  Config config;
  CHECK(MetricsAddressOf(config, "smb-frontend") == HostPort{"127.0.0.1", 9445});
  CHECK(MetricsAddressOf(config, "watchdog-supervisor") == HostPort{"127.0.0.1", 9450});
  CHECK_FALSE(MetricsAddressOf(config, "nobody").has_value());
  config.global.metrics_listen = {};
  CHECK_FALSE(MetricsAddressOf(config, "smb-frontend").has_value());
}

TEST_CASE("shares are found whatever the case of the name", "[unit][config]") {
  const Config config =
      Parsed("[global]\n[/global]\n[share]\nnetname = Büro\npath = /a\n[/share]\n");
  REQUIRE(FindShare(config, "BÜRO") != nullptr);
  CHECK(FindShare(config, "büro")->path == "/a");
  CHECK(FindShare(config, "buero") == nullptr);
}

}  // namespace
}  // namespace continuo::config
