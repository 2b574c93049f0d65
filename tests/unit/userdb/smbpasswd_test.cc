// Goal: lines as pdbedit of Samba 4.17 prints them, and what is skipped with its reason.
#include "common/userdb/smbpasswd.h"

#include <catch2/catch.hpp>

namespace continuo::userdb {
namespace {

TEST_CASE("smbpasswd: a user of pdbedit -Lw is taken with hash and time", "[unit][userdb]") {
  const auto file = ParseSmbpasswd(
      "alice:1001:XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX:A4F49C406510BDCAB6824EE7C30FD852:[U          ]:"
      "LCT-5F0A0000:\r\n");
  REQUIRE(file.entries.size() == 1);
  const SmbpasswdEntry& entry = file.entries[0];
  CHECK(entry.name == "alice");
  CHECK(entry.uid == 1001);
  CHECK(entry.nt_hash == *NtHashOfPassword("Password"));
  CHECK_FALSE(entry.is_disabled);
  CHECK(absl::ToUnixSeconds(entry.last_change) == 0x5F0A0000);
}

TEST_CASE("smbpasswd: what cannot be a user is skipped with the reason", "[unit][userdb]") {
  struct Case {
    const char* line;
    const char* reason;
  };
  const auto c = GENERATE(values<Case>({
      {"alice:1001", "fewer than six fields"},
      {"a/b:1:X:X:[U]:LCT-0:", "not a user name"},
      {"alice:x:X:X:[U]:LCT-0:", "no uid"},
      {"alice:1:XX:1234:[U]:LCT-0:", "no NT hash"},
      {"pc$:1:XX:XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX:[W]:LCT-0:", "a machine or trust account"},
  }));
  const auto file = ParseSmbpasswd(std::string("# comment\n\n") + c.line);
  CHECK(file.entries.empty());
  REQUIRE(file.skipped.size() == 1);
  CHECK(file.skipped[0] == std::string("line 3: ") + c.reason);
}

}  // namespace
}  // namespace continuo::userdb
