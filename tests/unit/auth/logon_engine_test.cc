// Goal: whole logons as the frontend asks for them: real captures, policies, refusals, limits.
#include "services/auth-service/logon/logon_engine.h"

#include <catch2/catch.hpp>

#include "tests/unit/auth/auth_test_support.h"

namespace continuo::auth {
namespace {

using security::Sid;
using testing::NtlmClient;
using testing::ReadGolden;

struct Fixture {
  Fixture() { engine.SetDirectory(directory); }

  LogonResult Step(uint64_t context_id, const Bytes& token, uint64_t connection_key = 1) {
    return engine.Step({.context_id = context_id,
                        .token = token,
                        .client_address = client_address,
                        .connection_key = connection_key});
  }
  LogonResult Logon(NtlmClient client) {
    const LogonResult first = Step(0, client.Negotiate());
    CONTINUO_CHECK(first.status == NtStatus::kMoreProcessingRequired);
    return Step(first.context_id, client.Authenticate(first.token));
  }
  LogonResult Replay(const std::string& golden_name) {
    const auto golden = ReadGolden(golden_name);
    const LogonResult first = Step(0, golden[0]);
    CONTINUO_CHECK(first.status == NtStatus::kMoreProcessingRequired);
    return Step(first.context_id, golden[1]);
  }
  NtlmClient As(const std::string& user, const std::string& password) {
    NtlmClient client;
    client.user = user;
    client.password = password;
    return client;
  }

  std::string client_address = "192.0.2.1";
  testing::CountingRandom random;
  testing::FakeClock clock;
  std::shared_ptr<Directory> directory = testing::MakeDirectory();
  LogonEngine engine{random, clock};
};

bool Has(const std::vector<Sid>& sids, const Sid& sid) {
  return std::find(sids.begin(), sids.end(), sid) != sids.end();
}

TEST_CASE_METHOD(Fixture, "logon: a captured logon of smbclient is accepted and its MIC answered",
                 "[unit][auth]") {
  const LogonResult result = Replay("smbclient_4_17_ntlmv2.txt");
  REQUIRE(result.status.ok());
  CHECK(result.outcome.session_key == testing::FromHex("e37097578dfda74ad4e2c709c34099d2"));
  CHECK(result.outcome.identity.user_name == "alice");
  CHECK(result.outcome.identity.user_sid == Sid(5, {21, 1, 2, 3, 1000}));
  // smbclient accepted this token.
  CHECK(result.token ==
        testing::FromHex("a11b3019a0030a0100a3120410010000008fcfa7af8a0ed4a100000000"));
  CHECK(engine.pending().size() == 0);
}

TEST_CASE_METHOD(Fixture, "logon: a token has the well-known groups of a real user",
                 "[unit][auth]") {
  const LogonResult result = Logon(NtlmClient());
  REQUIRE(result.status.ok());
  const Identity& identity = result.outcome.identity;
  CHECK(Has(identity.group_sids, security::kEveryoneSid));
  CHECK(Has(identity.group_sids, security::kNetworkSid));
  CHECK(Has(identity.group_sids, security::kAuthenticatedUsersSid));
  CHECK(Has(identity.group_sids, security::kBuiltinUsersSid));
  CHECK(Has(identity.group_sids, security::kBuiltinAdministratorsSid));
  CHECK(identity.supplementary_gids.size() == 2);
  CHECK_FALSE(identity.is_guest);
}

TEST_CASE_METHOD(Fixture, "logon: a flag of the account shows only with the right password",
                 "[unit][auth]") {
  CHECK(Logon(As("dora", "x")).status == NtStatus::kAccountDisabled);
  CHECK(Logon(As("dora", "wrong")).status == NtStatus::kLogonFailure);
}

TEST_CASE_METHOD(Fixture, "logon: expired accounts and passwords have their own status",
                 "[unit][auth]") {
  userdb::UserDatabase db = *directory->users;
  userdb::UserChange change;
  NtStatus expected;
  SECTION("account") {
    change.account_expiry = clock.now - absl::Seconds(1);
    expected = NtStatus::kAccountExpired;
  }
  SECTION("password") {
    change.password_expiry = clock.now - absl::Seconds(1);
    expected = NtStatus::kPasswordExpired;
  }
  REQUIRE(db.UpdateUser("alice", change).ok());
  directory->users = std::make_shared<const userdb::UserDatabase>(db);
  CHECK(Logon(As("alice", "Secret-1")).status == expected);
  CHECK(Logon(As("alice", "wrong")).status == NtStatus::kLogonFailure);
}

TEST_CASE_METHOD(Fixture, "logon: an unknown user and a bad password look the same",
                 "[unit][auth][hostile-9]") {
  for (int i = 0; i < 8; ++i) {
    CAPTURE(i);
    const LogonResult unknown = Logon(As("nobody", "x"));
    const LogonResult wrong = Logon(As("alice", "x"));
    CHECK(unknown.status == NtStatus::kLogonFailure);
    CHECK(wrong.status == unknown.status);
    CHECK(wrong.token == unknown.token);
    CHECK(wrong.delay == unknown.delay);
    clock.now += absl::Seconds(30);
  }
}

TEST_CASE_METHOD(Fixture, "logon: after five failures the right password waits too",
                 "[unit][auth]") {
  for (int i = 0; i < 5; ++i) {
    CHECK(Logon(As("alice", "x")).delay == absl::ZeroDuration());
  }
  const LogonResult result = Logon(As("ALICE", "Secret-1"));
  CHECK(result.status.ok());
  CHECK(result.delay == RateLimiter::kFirstDelay);
  CHECK(Logon(As("alice", "Secret-1")).delay == absl::ZeroDuration());
}

TEST_CASE_METHOD(Fixture, "logon: failures at one address cost another nothing", "[unit][auth]") {
  for (int i = 0; i < 30; ++i) (void)Logon(As("alice", "x"));
  CHECK_FALSE(Logon(As("alice", "Secret-1")).status.ok());
  client_address = "198.51.100.9";
  const LogonResult result = Logon(As("alice", "Secret-1"));
  CHECK(result.status.ok());
  CHECK(result.delay == absl::ZeroDuration());
}

TEST_CASE_METHOD(Fixture, "logon: anonymous is refused, anonymous or guest as configured",
                 "[unit][auth]") {
  SECTION("refused") {
    CHECK(Replay("smbclient_4_17_anonymous.txt").status == NtStatus::kAccessDenied);
  }
  SECTION("anonymous") {
    directory->policy.anonymous = AnonymousPolicy::kAnonymous;
    const LogonResult result = Replay("smbclient_4_17_anonymous.txt");
    REQUIRE(result.status.ok());
    CHECK(result.outcome.identity.is_anonymous);
    CHECK(result.outcome.identity.user_sid == security::kAnonymousSid);
    CHECK(result.outcome.session_key.empty());
    CHECK_FALSE(Has(result.outcome.identity.group_sids, security::kAuthenticatedUsersSid));
  }
  SECTION("as guest") {
    directory->policy.anonymous = AnonymousPolicy::kAsGuest;
    const LogonResult result = Replay("smbclient_4_17_anonymous.txt");
    REQUIRE(result.status.ok());
    CHECK(result.outcome.identity.is_guest);
  }
}

TEST_CASE_METHOD(Fixture, "logon: guests are unknown users, never known ones with a bad password",
                 "[unit][auth]") {
  directory->policy.allow_guest = true;
  const LogonResult guest = Logon(As("nobody", "x"));
  REQUIRE(guest.status.ok());
  CHECK(guest.outcome.identity.is_guest);
  CHECK(guest.outcome.session_key.empty());
  CHECK(Has(guest.outcome.identity.group_sids, security::kBuiltinGuestsSid));
  CHECK_FALSE(Has(guest.outcome.identity.group_sids, security::kAuthenticatedUsersSid));
  CHECK(Logon(As("alice", "x")).status == NtStatus::kLogonFailure);
}

TEST_CASE_METHOD(Fixture, "logon: a context is used once and forgotten after 30 seconds",
                 "[unit][auth][hostile-3]") {
  NtlmClient client;
  const LogonResult first = Step(0, client.Negotiate());
  const Bytes answer = client.Authenticate(first.token);
  SECTION("too late") {
    clock.now += PendingLogons::kAgeMax + absl::Seconds(1);
    CHECK(Step(first.context_id, answer).status == NtStatus::kInvalidParameter);
  }
  SECTION("twice") {
    CHECK(Step(first.context_id, answer).status.ok());
    CHECK(Step(first.context_id, answer).status == NtStatus::kInvalidParameter);
  }
  SECTION("abandoned") {
    engine.Abandon(first.context_id);
    CHECK(Step(first.context_id, answer).status == NtStatus::kInvalidParameter);
  }
  SECTION("invented") {
    CHECK(Step(first.context_id + 1, answer).status == NtStatus::kInvalidParameter);
  }
}

TEST_CASE_METHOD(Fixture, "logon: unfinished logons are bounded per connection and in total",
                 "[unit][auth][hostile-3]") {
  NtlmClient client;
  const Bytes token = client.Negotiate();
  const uint64_t oldest = Step(0, token, 7).context_id;
  for (size_t i = 0; i < PendingLogons::kPerConnectionMax; ++i) Step(0, token, 7);
  CHECK(engine.pending().size() == PendingLogons::kPerConnectionMax);
  CHECK(engine.pending().dropped_count() == 1);
  CHECK(Step(oldest, token, 7).status == NtStatus::kInvalidParameter);
  for (uint64_t i = 0; i < PendingLogons::kMax + 100; ++i) Step(0, token, 1'000 + i);
  CHECK(engine.pending().size() == PendingLogons::kMax);
}

}  // namespace
}  // namespace continuo::auth
