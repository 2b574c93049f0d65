// Goal: the files that people start from load, and the documentation is the key table.
#include <catch2/catch.hpp>

#include <fstream>
#include <sstream>

#include "common/config/key_docs.h"
#include "common/config/key_table.h"
#include "common/config/parser.h"

namespace continuo::config {
namespace {

TEST_CASE("conf: the example configurations load as they are", "[unit][config]") {
  const auto name = GENERATE(values<std::string>(
      {"conf/single-node.conf", "conf/active-passive.conf", "conf/scale-out.conf"}));
  const ParseResult result = LoadConfigFile(name);
  INFO(result.Describe());
  CHECK(result.ok());
  CHECK_FALSE(result.config.shares.empty());
}

TEST_CASE("conf: the single-node example asks for nothing that is not built", "[unit][config]") {
  const ParseResult result = LoadConfigFile("conf/single-node.conf");
  CHECK(result.warnings.empty());
}

TEST_CASE("conf: the scale-out reference means what its comments say", "[unit][config]") {
  const Config config = LoadConfigFile("conf/scale-out.conf").config;
  CHECK(config.global.watchdog_interval == absl::Seconds(10));
  CHECK(config.global.watchdog_timeout == absl::Milliseconds(200));
  CHECK(config.global.scale_out);
  CHECK(config.global.tcp_tickle_path == "/mnt/shared/_recovery");
  REQUIRE(config.shares.size() == 1);
  CHECK(config.shares[0].ca_params.path == "/mnt/shared/_ca/Data");
}

TEST_CASE("conf: what is shown of a configuration reads back as the same", "[unit][config]") {
  const auto name = GENERATE(values<std::string>(
      {"conf/single-node.conf", "conf/active-passive.conf", "conf/scale-out.conf"}));
  const std::string shown = ShowConfig(LoadConfigFile(name).config);
  const ParseResult again = ParseConfig(shown, "shown");
  INFO(shown << again.Describe());
  REQUIRE(again.ok());
  CHECK(ShowConfig(again.config) == shown);
}

TEST_CASE("conf: values with # and quotes are shown so that they read back", "[unit][config]") {
  Config config;
  config.global.listen = {Listen{}};
  Share share;
  share.netname = "a#b";
  share.path = "/srv/\\a \"#";
  share.remark = "  blanks ";
  config.shares = {share};
  const ParseResult again = ParseConfig(ShowConfig(config), "shown");
  INFO(again.Describe());
  REQUIRE(again.ok());
  CHECK(again.config.shares[0].netname == share.netname);
  CHECK(again.config.shares[0].path == share.path);
  CHECK(again.config.shares[0].remark == share.remark);
}

TEST_CASE("deploy/tsmb.conf.md is what the key table says", "[unit][config]") {
  std::ifstream file("deploy/tsmb.conf.md");
  std::ostringstream text;
  text << file.rdbuf();
  // To renew it: continuoctl config keys --markdown > deploy/tsmb.conf.md
  CHECK(text.str() == KeyDocsMarkdown());
}

TEST_CASE("key documentation: secrets are not shown", "[unit][config]") {
  Config config;
  config.global.ldap.bind_pw = Secret("hunter2");
  CHECK(ShowConfig(config).find("hunter2") == std::string::npos);
}

}  // namespace
}  // namespace continuo::config
