#include <catch2/catch.hpp>

#include "common/security/sddl.h"

namespace continuo::security {

TEST_CASE("SDDL: what is written reads back as the same text", "[unit][security][MS-DTYP:2.5.1]") {
  const std::string text = GENERATE(as<std::string>{},
      "O:BAG:SYD:PAI(A;OICI;FA;;;SY)(D;;0x1200a1;;;WD)",
      "D:NO_ACCESS_CONTROL",
      "O:S-1-5-21-1-2-3-1001D:(A;OICIIOID;GA;;;CO)S:(AU;SAFA;FA;;;WD)",
      "D:", "");
  CAPTURE(text);
  const auto sd = ParseSddl(text, {});
  REQUIRE(sd.ok());
  CHECK(FormatSddl(*sd, {}) == text);
}

TEST_CASE("SDDL: a SID in front of D: ends where it should", "[unit][security]") {
  const auto sd = ParseSddl("O:S-1-5-32-544G:S-1-5-32-545D:(A;;FR;;;S-1-5-18)", {});
  REQUIRE(sd.ok());
  CHECK(sd->owner == kBuiltinAdministratorsSid);
  CHECK(sd->group == kBuiltinUsersSid);
  CHECK(sd->dacl->aces.at(0).sid == kSystemSid);
}

TEST_CASE("SDDL: rights add up and domain aliases need a domain", "[unit][security]") {
  const auto sd = ParseSddl("D:(A;;RCSDWD;;;WD)", {});
  REQUIRE(sd.ok());
  CHECK(sd->dacl->aces.at(0).mask == (kReadControl | kDelete | kWriteDac));
  CHECK_FALSE(ParseSddl("O:DA", {}).ok());
  const Sid domain = *Sid::Parse("S-1-5-21-1-2-3");
  const auto with_domain = ParseSddl("O:DA", {.domain = domain});
  REQUIRE(with_domain.ok());
  CHECK(with_domain->owner == domain.WithRid(512));
}

TEST_CASE("SDDL: anything else is refused with its position", "[unit][security]") {
  const char* text = GENERATE("X:BA", "O", "O:", "O:ZZ", "D:(", "D:(A;;FA;;;WD", "D:(A;;FA;;WD)",
                              "D:(Z;;FA;;;WD)", "D:(A;XX;FA;;;WD)", "D:(A;;QQ;;;WD)",
                              "D:(A;;0x1ffffffff;;;WD)", "D:(A;;FA;guid;;WD)", "D:(A;;F;;;WD)",
                              "S:NO_ACCESS_CONTROL", "D:(A;;FA;;;WD)junk");
  CAPTURE(text);
  const auto sd = ParseSddl(text, {});
  REQUIRE_FALSE(sd.ok());
  CHECK(sd.status().message().find("character") != std::string::npos);
}

}  // namespace continuo::security
