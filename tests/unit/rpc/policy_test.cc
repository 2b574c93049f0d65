#include "common/rpc/policy.h"

#include <catch2/catch.hpp>

namespace continuo::rpc {
namespace {

const std::vector<MethodRule> kRules = {
    {"/a.Service/*", Role::kAny},
    {"/a.Service/Kill", Role::kAdmin},
    {"/b.Service/*", {Role::kRoot, Role::kDaemon}},
    {"/b.Service/Look", Role::kAny},
};

TEST_CASE("policy: the rule of a method decides, else the rule of its service", "[unit][rpc]") {
  struct Case {
    const char* why;
    const char* method;
    RoleSet caller;
    bool is_allowed;
  };
  const auto c = GENERATE(values<Case>({
      {"service rule", "/a.Service/List", Role::kAny, true},
      {"a method rule is stricter", "/a.Service/Kill", Role::kAny, false},
      {"a method rule met", "/a.Service/Kill", {Role::kAny, Role::kAdmin}, true},
      {"stricter service", "/b.Service/Put", Role::kAny, false},
      {"stricter service met", "/b.Service/Put", {Role::kAny, Role::kDaemon}, true},
      {"a method rule is wider", "/b.Service/Look", Role::kAny, true},
      {"no rule at all", "/c.Service/Put", {Role::kRoot, Role::kAdmin, Role::kAny}, false},
      {"a prefix of a service is another one", "/a.Servic/List", Role::kAny, false},
      {"not a method", "garbage", Role::kAny, false},
  }));
  CAPTURE(c.why);
  CHECK(IsAllowed(kRules, c.method, c.caller) == c.is_allowed);
}

TEST_CASE("policy: roles follow from the checked uid and group", "[unit][rpc]") {
  const RoleContext context{1000, {1001}, false};
  RoleContext admin = context;
  admin.is_admin_group_member = true;
  CHECK(RolesOf({0, 0, 1}, context) ==
        RoleSet({Role::kRoot, Role::kDaemon, Role::kAdmin, Role::kAny}));
  CHECK(RolesOf({1000, 0, 1}, context) ==
        RoleSet({Role::kSelf, Role::kDaemon, Role::kAdmin, Role::kAny}));
  CHECK(RolesOf({1001, 0, 1}, context) == RoleSet({Role::kDaemon, Role::kAny}));
  CHECK(RolesOf({1002, 0, 1}, context) == RoleSet(Role::kAny));
  CHECK(RolesOf({1002, 0, 1}, admin) == RoleSet({Role::kAdmin, Role::kAny}));
}

TEST_CASE("policy: malformed and repeated rules are refused", "[unit][rpc]") {
  CHECK(ValidateRules(kRules).ok());
  for (const char* method : {"", "a.Service/M", "/a.Service", "/a.Service/", "/a/b/c", "//M"}) {
    CAPTURE(method);
    CHECK_FALSE(ValidateRules({{method, Role::kAny}}).ok());
  }
  CHECK_FALSE(ValidateRules({{"/a.S/M", Role::kAny}, {"/a.S/M", Role::kRoot}}).ok());
}

}  // namespace
}  // namespace continuo::rpc
