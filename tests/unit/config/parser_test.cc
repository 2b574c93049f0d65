// Goal: tsmb.conf text becomes the typed struct, and every way to write it wrong is named with its
// place. Method: short texts in tables; expected places are counted by hand.
#include <catch2/catch.hpp>

#include "common/config/parser.h"

namespace continuo::config {
namespace {

std::string WithGlobal(const std::string& lines) { return "[global]\n" + lines + "\n[/global]\n"; }

std::string WithShare(const std::string& lines) {
  return "[global]\n[/global]\n[share]\nnetname = a\npath = /a\n" + lines + "\n[/share]\n";
}

bool Mentions(const std::vector<Diagnostic>& list, const std::string& text) {
  return std::any_of(list.begin(), list.end(), [&](const Diagnostic& diagnostic) {
    return diagnostic.ToString().find(text) != std::string::npos;
  });
}

TEST_CASE("tsmb.conf: values, comments, blanks and quotes are read", "[unit][config]") {
  const ParseResult result = ParseConfig(
      "\xEF\xBB\xBF# top\r\n"
      "  [global]  # block\r\n"
      "\tserver_name=files#tight\r\n"
      "userdb_file = \"/srv/a #1/users.db\" # quoted\r\n"
      "encrypt_data = YES\r\n"
      "[/global]\r\n"
      "[share]\r\n"
      "netname = \"a#b\"\r\n"
      "path = /srv/b/\r\n"
      "remark =\r\n"
      "[/share]",
      "t.conf");
  INFO(result.Describe());
  REQUIRE(result.ok());
  CHECK(result.config.global.server_name == "files");
  CHECK(result.config.global.userdb_file == "/srv/a #1/users.db");
  REQUIRE(result.config.shares.size() == 1);
  CHECK(result.config.shares[0].netname == "a#b");
  CHECK(result.config.shares[0].path == "/srv/b");
  CHECK(result.config.shares[0].encrypt_data);  // Starts as the global value.
  REQUIRE(result.warnings.size() == 1);
  CHECK(result.warnings[0].line == 3);
  CHECK(result.warnings[0].column == 19);
}

TEST_CASE("tsmb.conf: without listen lines there is one listener", "[unit][config]") {
  const ParseResult result = ParseConfig("[global]\n[/global]\n", "t.conf");
  REQUIRE(result.ok());
  REQUIRE(result.config.global.listen.size() == 1);
  CHECK(result.config.global.listen[0] == Listen{});
}

TEST_CASE("tsmb.conf: each error names its line, column and key", "[unit][config]") {
  struct Case {
    const char* why;
    const char* text;
    int line;
    int column;
    const char* key;
    const char* message;
  };
  const auto c = GENERATE(values<Case>({
      {"empty file", "", 0, 0, "", "expected a [global]"},
      {"key outside a block", "a = b\n[global]\n[/global]", 1, 1, "a", "inside [global]"},
      {"unknown block", "[globl]\n[global]\n[/global]", 1, 1, "", "found '[globl]'"},
      {"unclosed global", "\n  [global]\nca = no\n", 2, 3, "", "never closed: expected [/global]"},
      {"share inside global", "[global]\n[share]\nnetname=a\npath=/a\n[/share]", 1, 1, "",
       "[global] is never closed"},
      {"wrong end", "[global]\n[/share]\n", 2, 1, "", "expected [/global], which ends"},
      {"end without begin", "[global]\n[/global]\n[/share]", 3, 1, "", "without [share]"},
      {"share first", "[share]\nnetname=a\npath=/a\n[/share]", 1, 1, "", "before the first"},
      {"two globals", "[global]\n[/global]\n[global]\n[/global]", 3, 1, "", "only one [global]"},
      {"no equals sign", "[global]\n hello\n[/global]", 2, 2, "", "expected key = value"},
      {"no key", "[global]\n= x\n[/global]", 2, 1, "", "expected key = value"},
      {"unknown key", "[global]\n  watchdog_intervall = 1\n[/global]", 2, 3, "watchdog_intervall",
       "did you mean watchdog_interval?"},
      {"upper case and dash", "[global]\nCA-PATH = /x\n[/global]", 2, 1, "CA-PATH",
       "did you mean ca_path?"},
      {"nothing near", "[global]\nqqqqqqqqqq = 1\n[/global]", 2, 1, "qqqqqqqqqq", "unknown key"},
      {"share key in global", "[global]\nnetname = a\n[/global]", 2, 1, "netname",
       "expected in a [share] block"},
      {"global key in share",
       "[global]\n[/global]\n[share]\nnetname=a\npath=/a\nca_path=/x\n[/share]", 6, 1, "ca_path",
       "expected in a [global] block"},
      {"twice", "[global]\nca_path = /a\nca_path = /b\n[/global]", 3, 1, "ca_path",
       "line 2 sets it too"},
      {"bad value", "[global]\nencrypt_data =   maybe # hm\n[/global]", 2, 18, "encrypt_data",
       "expected true or false (yes, no, 1 and 0 too), found 'maybe'"},
      {"value missing", "[global]\nencrypt_data =\n[/global]", 2, 15, "encrypt_data", "found ''"},
      {"open quote", "[global]\nserver_name = \"abc\n[/global]", 2, 15, "server_name",
       "closing quote"},
      {"text behind the quote", "[global]\nserver_name = \"abc\" d\n[/global]", 2, 15,
       "server_name", "closing quote"},
      {"control character", "[global]\nserver_name = a\x01\n[/global]", 2, 16, "", "control"},
      {"not UTF-8", "[global]\nserver_name = \xC0\x80\n[/global]", 2, 15, "server_name", "UTF-8"},
      {"share without name", "[global]\n[/global]\n[share]\npath=/a\n[/share]", 3, 1, "netname",
       "expected in every [share]"},
      {"share without path", "[global]\n[/global]\n[share]\nnetname=a\n[/share]", 3, 1, "path",
       "expected in every [share]"},
      {"one name twice",
       "[global]\n[/global]\n[share]\nnetname=Aé\npath=/a\n[/share]\n[share]\npath=/b\n"
       "netname = aÉ\n[/share]",
       9, 1, "netname", "line 4 has the same"},
      {"ca without its path", "[global]\n\nca = true\n[/global]", 3, 1, "ca", "expected ca_path"},
      {"tickle without its path", "[global]\ntcp_tickle = true\n[/global]", 2, 1, "tcp_tickle",
       "tcp_tickle_params"},
      {"ad without a domain", "[global]\nuserdb_type = ad\n[/global]", 2, 1, "userdb_type",
       "domain"},
      {"metrics ports past the end", "[global]\nmetrics_listen = 127.0.0.1:65533\n[/global]", 2, 1,
       "metrics_listen", "five more"},
  }));
  CAPTURE(c.why);
  const ParseResult result = ParseConfig(c.text, "t.conf");
  INFO(result.Describe());
  REQUIRE(result.errors.size() == 1);
  CHECK(result.errors[0].line == c.line);
  CHECK(result.errors[0].column == c.column);
  CHECK(result.errors[0].key == c.key);
  CHECK(result.errors[0].ToString().find(c.message) != std::string::npos);
}

TEST_CASE("tsmb.conf: all errors are reported, in the order of the file", "[unit][config]") {
  const ParseResult result = ParseConfig(
      "[global]\nca = true\nlog_level = 9\nwhat = 1\n[/global]\n[share]\nvfs = zfs\n[/share]\n",
      "/etc/tsmb.conf");
  REQUIRE(result.errors.size() == 7);
  CHECK(result.DescribeErrors() ==
        "/etc/tsmb.conf:2:1: ca: expected ca_path with it\n"
        "/etc/tsmb.conf:3:13: log_level: expected a whole number, 0 to 5, found '9'\n"
        "/etc/tsmb.conf:4:1: what: unknown key\n"
        "/etc/tsmb.conf:6:1: netname: expected in every [share]\n"
        "/etc/tsmb.conf:6:1: path: expected in every [share]\n"
        "/etc/tsmb.conf:6:1: ca: expected ca_path in [global] with it\n"
        "/etc/tsmb.conf:7:7: vfs: expected the backend libc, found 'zfs'\n");
}

TEST_CASE("tsmb.conf: a secret is in no message", "[unit][config]") {
  const auto text = GENERATE(values<std::string>({
      "ldap_bind_pw = hunter2\nldap_bind_pw = hunter2",
      "ldap_bind_pw = \"hunter2",
      "ldap_bind_pw : hunter2",
      "ldap_bind_pw hunter2",
  }));
  CAPTURE(text);
  const ParseResult result = ParseConfig(WithGlobal(text), "t.conf");
  CHECK_FALSE(result.ok());
  CHECK(result.Describe().find("hunter2") == std::string::npos);
}

TEST_CASE("tsmb.conf: what is not built is accepted with a warning", "[unit][config]") {
  struct Case {
    const char* why;
    std::string text;
    const char* expected;  // "" : no warning.
  };
  const auto c = GENERATE(values<Case>({
      {"switched on", WithGlobal("scale_out = true"), "scale_out: accepted, but not built yet"},
      {"switched off", WithGlobal("scale_out = false"), ""},
      {"a value of a built key", WithGlobal("listen = ANY,0.0.0.0,IPv4,139,NBSS"), "listen"},
      {"the usual value", WithGlobal("listen = ANY,0.0.0.0,IPv4,445,DIRECT_TCP"), ""},
      {"in a share", WithShare("audit_level = 1"), "audit_level"},
  }));
  CAPTURE(c.why);
  const ParseResult result = ParseConfig(c.text, "t.conf");
  INFO(result.Describe());
  REQUIRE(result.ok());
  CHECK(result.warnings.empty() == std::string(c.expected).empty());
  CHECK((result.warnings.empty() || Mentions(result.warnings, c.expected)));
}

TEST_CASE("tsmb.conf: the meaning taken for a bare watchdog_timeout is said", "[unit][config]") {
  const ParseResult bare = ParseConfig(WithGlobal("watchdog_timeout = 200"), "t.conf");
  CHECK(bare.config.global.watchdog_timeout == absl::Milliseconds(200));
  CHECK(Mentions(bare.notes, "200 means 200 milliseconds"));
  const ParseResult outright = ParseConfig(WithGlobal("watchdog_timeout = 5s"), "t.conf");
  CHECK(outright.config.global.watchdog_timeout == absl::Seconds(5));
  CHECK(outright.notes.empty());
}

TEST_CASE("tsmb.conf: a descriptor is checked by the hook and excludes permissions",
          "[unit][config]") {
  ParseOptions options;
  options.validate_sddl = [](std::string_view text) {
    return text == "O:BA" ? absl::OkStatus() : absl::InvalidArgumentError("expected SDDL");
  };
  const ParseResult good =
      ParseConfig(WithShare("security_descriptor = O:BA"), "t.conf", options);
  REQUIRE(good.ok());
  CHECK(good.config.shares[0].security_descriptor == "O:BA");
  CHECK(good.config.shares[0].permissions.empty());
  CHECK_FALSE(ParseConfig(WithShare("security_descriptor = O:XX"), "t.conf", options).ok());
  const ParseResult both = ParseConfig(
      WithShare("security_descriptor = O:BA\npermissions = everyone:full"), "t.conf", options);
  CHECK(Mentions(both.errors, "either permissions or security_descriptor"));
}

TEST_CASE("tsmb.conf: share paths are resolved when the block ends", "[unit][config]") {
  const ParseResult result = ParseConfig(
      "[global]\nca = true\nca_path = /mnt/_ca\n[/global]\n"
      "[share]\nnetname = Data\npath = /mnt/x/data\nvss = true\n"
      "vss_params = path=${share.path.dirname}/.snap/${share.netname},"
      "share_root=${share.path.basename}\n[/share]\n"
      "[share]\nnetname = Root\npath = /\nca = false\nca_params = durable,path=/else\n"
      "vss_params = path=${share.host}\n[/share]\n",
      "t.conf");
  REQUIRE(result.config.shares.size() == 2);
  const Share& data = result.config.shares[0];
  CHECK(data.ca);
  CHECK(data.ca_params.path == "/mnt/_ca/Data");
  CHECK(data.vss_params.path == "/mnt/x/.snap/Data");
  CHECK(data.vss_params.share_root == "data");
  const Share& root = result.config.shares[1];
  CHECK_FALSE(root.ca);
  CHECK(root.ca_params == CaParams{"/else", true});
  REQUIRE(result.errors.size() == 1);
  CHECK(Mentions(result.errors, "vss_params: expected no variable but"));
}

TEST_CASE("tsmb.conf: a file beyond the limits is refused", "[unit][config]") {
  const ParseResult huge = ParseConfig(std::string(kMaxConfigSizeBytes + 1, '#'), "t.conf");
  CHECK(Mentions(huge.errors, "larger than"));
  std::string noisy = "[global]\n";
  for (size_t i = 0; i < kMaxDiagnostics + 100; ++i) noisy += "nonsense\n";
  CHECK(ParseConfig(noisy, "t.conf").errors.size() == kMaxDiagnostics);
}

TEST_CASE("tsmb.conf: every prefix of a good file ends without harm", "[unit][config]") {
  const std::string valid = WithShare("permissions = everyone:full, @g:read, *S-1-5-11:no\n"
                                      "map_attributes = xattr:v4, filename:H:.*\n"
                                      "remark = \"a \\\" # b\"");
  REQUIRE(ParseConfig(valid, "t.conf").ok());
  for (size_t size = 0; size + 10 < valid.size(); ++size) {
    CAPTURE(size);
    const ParseResult result = ParseConfig(valid.substr(0, size), "t.conf");
    // "[global]\n[/global]" alone is a good file.
    if (size < 18 || size > 20) CHECK_FALSE(result.ok());
  }
}

TEST_CASE("tsmb.conf: a file that is not there is an error", "[unit][config]") {
  const ParseResult result = LoadConfigFile("/nonexistent/tsmb.conf");
  REQUIRE(result.errors.size() == 1);
  CHECK(result.DescribeErrors() == "/nonexistent/tsmb.conf: cannot be read: No such file or "
                                   "directory\n");
}

}  // namespace
}  // namespace continuo::config
