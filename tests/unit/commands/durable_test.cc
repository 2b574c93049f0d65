// Who gets a durable open, for how long, and who may have it back.
#include "services/smb-frontend/commands/durable.h"

#include <catch2/catch.hpp>

#include "common/smbwire/file_flags.h"
#include "common/smbwire/negotiate.h"

namespace continuo::commands {
namespace {

using smbwire::CreateRequest;

CreateRequest ValidRequest() {
  CreateRequest request;
  request.impersonation_level = 2;
  request.desired_access = security::kFileReadData;
  request.share_access = smbwire::kShareAll;
  request.create_disposition = smbwire::kDispositionOpen;
  return request;
}

security::Sid User(uint32_t rid) {
  return *security::Sid::Parse("S-1-5-21-1-2-3-" + std::to_string(rid));
}

TEST_CASE("durable claim: same file, client and user get it back, others learn nothing",
          "[unit][commands][MS-SMB2:3.3.5.9.7][MS-SMB2:3.3.5.9.12]") {
  const security::Sid owner = User(1001);
  const security::Sid other = User(1002);
  const ClaimFacts held{.client_guid = {1},
                        .create_guid = {7},
                        .lease_key = fsa::LeaseKey{9},
                        .name = "dir/File.txt",
                        .share_path = "/srv/data",
                        .owner = &owner};
  CHECK(CheckClaim(held, held, true).ok());
  ClaimFacts by = held;
  SECTION("the name compares without case") {
    by.name = "DIR/file.TXT";
    CHECK(CheckClaim(held, by, true).ok());
  }
  SECTION("another name") {
    by.name = "dir/other.txt";
    CHECK(CheckClaim(held, by, true) == NtStatus::kInvalidParameter);
  }
  SECTION("another user") {
    by.owner = &other;
    CHECK(CheckClaim(held, by, true) == NtStatus::kAccessDenied);
  }
  SECTION("nobody") {
    by.owner = nullptr;
    CHECK(CheckClaim(held, by, true) == NtStatus::kAccessDenied);
  }
  SECTION("another share") {
    by.share_path = "/srv/other";
    CHECK(CheckClaim(held, by, true) == NtStatus::kObjectNameNotFound);
  }
  SECTION("another lease, or none") {
    by.lease_key = fsa::LeaseKey{8};
    CHECK(CheckClaim(held, by, true) == NtStatus::kObjectNameNotFound);
    by.lease_key.reset();
    CHECK(CheckClaim(held, by, true) == NtStatus::kObjectNameNotFound);
  }
  SECTION("another client") {
    by.client_guid = {2};
    CHECK(CheckClaim(held, by, true) == NtStatus::kObjectNameNotFound);
  }
  SECTION("the create GUID counts for version 2 alone") {
    by.create_guid = {};
    CHECK(CheckClaim(held, by, true) == NtStatus::kObjectNameNotFound);
    CHECK(CheckClaim(held, by, false).ok());
  }
}

TEST_CASE("durable claim: without a lease neither client nor name matter",
          "[unit][commands][MS-SMB2:3.3.5.9.7]") {
  const security::Sid owner = User(1001);
  const ClaimFacts held{.client_guid = {1}, .name = "a", .share_path = "/s", .owner = &owner};
  ClaimFacts by = held;
  by.client_guid = {2};
  by.name = "";
  CHECK(CheckClaim(held, by, false).ok());
  by.lease_key = fsa::LeaseKey{9};
  CHECK(CheckClaim(held, by, false) == NtStatus::kObjectNameNotFound);
}

TEST_CASE("durable time-out: what the client asks for within bounds, else the server's",
          "[unit][commands][MS-SMB2:3.3.5.9.10]") {
  config::Global config;
  config.durable_v1_timeout = absl::Seconds(16);
  config.durable_v2_timeout = absl::Seconds(60);
  DurableWish wish;
  wish.wants_v1 = true;
  CHECK(DurableTimeout(wish, config) == absl::Seconds(16));
  wish.wants_v2 = smbwire::DurableV2Request{};
  CHECK(DurableTimeout(wish, config) == absl::Seconds(60));
  wish.wants_v2->timeout_ms = 1500;
  CHECK(DurableTimeout(wish, config) == absl::Milliseconds(1500));
  wish.wants_v2->timeout_ms = UINT32_MAX;
  CHECK(DurableTimeout(wish, config) == kMaxDurableTimeout);
}

TEST_CASE("create plan: durable contexts that exclude one another are refused",
          "[unit][commands][MS-SMB2:3.3.5.9.6][MS-SMB2:3.3.5.9.12]") {
  struct Case {
    const char* why;
    bool dhnq, dhnc, dh2q, dh2c, is_valid;
  };
  const auto c = GENERATE(values<Case>({
      {"DHnQ alone", true, false, false, false, true},
      {"DHnC alone", false, true, false, false, true},
      {"DHnQ is ignored beside DHnC", true, true, false, false, true},
      {"DH2Q alone", false, false, true, false, true},
      {"DH2C alone", false, false, false, true, true},
      {"DHnQ with DH2Q", true, false, true, false, false},
      {"DHnC with DH2C", false, true, false, true, false},
      {"DHnQ with DH2C", true, false, false, true, false},
      {"DHnC with DH2Q", false, true, true, false, false},
      {"DH2Q with DH2C", false, false, true, true, false},
  }));
  CAPTURE(c.why);
  CreateRequest request = ValidRequest();
  request.contexts.durable_request = c.dhnq;
  if (c.dhnc) request.contexts.durable_reconnect = smbwire::FileId{};
  if (c.dh2q) request.contexts.durable_v2_request = smbwire::DurableV2Request{};
  if (c.dh2c) request.contexts.durable_v2_reconnect = smbwire::DurableV2Reconnect{};
  const auto plan = PlanCreate(request, {});
  CHECK(plan.ok() == c.is_valid);
  if (!c.is_valid) {
    CHECK(plan.status() == NtStatus::kInvalidParameter);
    return;
  }
  CHECK(plan->durable.IsReconnect() == (c.dhnc || c.dh2c));
  CHECK(plan->durable.IsRequest() == !(c.dhnc || c.dh2c));
}

TEST_CASE("create plan: a reconnect's other fields are not looked at",
          "[unit][commands][MS-SMB2:3.3.5.9.7]") {
  CreateRequest request;
  request.impersonation_level = 0x12345678;
  request.create_disposition = 0x12345678;
  request.create_options = 0x12345678;
  CHECK(PlanCreate(request, {}).status() == NtStatus::kBadImpersonationLevel);
  request.contexts.durable_reconnect = smbwire::FileId{};
  request.contexts.lease = smbwire::LeaseContext{.key = {5}, .state = fsa::kLeaseAll};
  const auto plan = PlanCreate(request, {});
  REQUIRE(plan.ok());
  REQUIRE(plan->lease);
  CHECK(plan->lease->key == fsa::LeaseKey{5});
}

TEST_CASE("create plan: version 2 contexts need SMB 3", "[unit][commands][MS-SMB2:3.3.5.9.10]") {
  CreateRequest request = ValidRequest();
  request.contexts.durable_v2_request = smbwire::DurableV2Request{};
  const auto plan = PlanCreate(request, {.dialect = smbwire::kDialect210});
  REQUIRE(plan.ok());
  CHECK_FALSE(plan->durable.IsRequest());
}

}  // namespace
}  // namespace continuo::commands
