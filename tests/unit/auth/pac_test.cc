// Goal: a PAC of a domain controller decodes whole; damaged ones never yield a SID.
// The golden one was issued by a Samba 4.17 domain controller to a user in 302 groups.
#include "services/auth-service/kerberos/pac_logon_info.h"

#include <catch2/catch.hpp>

#include "tests/unit/auth/auth_test_support.h"

namespace continuo::auth::kerberos {
namespace {

TEST_CASE("PAC logon info: a user with 302 groups decodes", "[unit][auth][MS-PAC:2.5]") {
  const auto golden = testing::ReadGolden("pac_302_groups.hex");
  const auto info = DecodePacLogonInfo(golden[0]);
  REQUIRE(info);
  CAPTURE(info->user_name, info->domain_name, info->user_sid.ToString());
  CHECK(info->group_sids.size() >= 301);
  CHECK_FALSE(info->user_name.empty());
  CHECK(info->user_sid.sub_authorities().size() == 5);
  CHECK(info->primary_group_sid.rid() == 513);
  CHECK(info->kick_off_filetime == 0x7FFFFFFFFFFFFFFF);
}

TEST_CASE("PAC logon info: truncations are refused", "[unit][auth][MS-PAC:2.5]") {
  const auto golden = testing::ReadGolden("pac_302_groups.hex");
  for (size_t size = 0; size + 8 < golden[0].size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(DecodePacLogonInfo(std::span(golden[0]).first(size)));
  }
}

TEST_CASE("PAC logon info: no changed byte crashes or asks for much", "[unit][auth][MS-PAC:2.5]") {
  const auto golden = testing::ReadGolden("pac_302_groups.hex");
  for (size_t i = 0; i < golden[0].size(); ++i) {
    Bytes damaged = golden[0];
    damaged[i] = 0xFF;
    const auto info = DecodePacLogonInfo(damaged);
    if (info) CHECK(info->group_sids.size() <= kPacGroupsMax + 1);
  }
}

}  // namespace
}  // namespace continuo::auth::kerberos
