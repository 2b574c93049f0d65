// Goal: guessing gets slower, attempts take turns, nobody is locked out from elsewhere, and nothing
// grows without bound.
#include "services/auth-service/logon/rate_limiter.h"

#include <catch2/catch.hpp>

namespace continuo::auth {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'000'000);
const std::string kHere = "192.0.2.7";
const std::string kElsewhere = "198.51.100.9";

LogonOrigin Here(std::string account) { return {std::move(account), kHere}; }
LogonOrigin Elsewhere(std::string account) { return {std::move(account), kElsewhere}; }

void FailTimes(RateLimiter& limiter, const LogonOrigin& origin, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) limiter.Failed(origin, kNow);
}

TEST_CASE("rate limiter: the first failures cost nothing, the next ones more and more",
          "[unit][auth]") {
  RateLimiter limiter;
  FailTimes(limiter, Here("a"), RateLimiter::kFreeFailures - 1);
  CHECK(limiter.Admit(Here("a"), kNow) == absl::ZeroDuration());
  limiter.Failed(Here("a"), kNow);
  const auto first = limiter.Admit(Here("A"), kNow);
  REQUIRE(first);
  CHECK(*first == RateLimiter::kFirstDelay);
  limiter.Failed(Here("a"), kNow);
  const auto later = limiter.Admit(Here("a"), kNow + absl::Minutes(1));
  REQUIRE(later);
  CHECK(*later == 2 * RateLimiter::kFirstDelay);
}

TEST_CASE("rate limiter: attempts at once take turns, and too many are refused unseen",
          "[unit][auth]") {
  RateLimiter limiter;
  FailTimes(limiter, Here("a"), RateLimiter::kFreeFailures + 20);
  CHECK(limiter.Admit(Here("a"), kNow) == RateLimiter::kDelayMax);
  CHECK(limiter.Admit(Here("a"), kNow) == 2 * RateLimiter::kDelayMax);
  CHECK_FALSE(limiter.Admit(Here("a"), kNow));
  CHECK(limiter.Admit(Here("b"), kNow) == absl::ZeroDuration());
}

TEST_CASE("rate limiter: a stranger cannot lock a user out from elsewhere", "[unit][auth]") {
  RateLimiter limiter;
  FailTimes(limiter, Elsewhere("alice"), RateLimiter::kFreeAddressFailures + 20);
  for (int i = 0; i < 5; ++i) (void)limiter.Admit(Elsewhere("alice"), kNow);
  CHECK_FALSE(limiter.Admit(Elsewhere("alice"), kNow));
  CHECK(limiter.Admit(Here("alice"), kNow) == absl::ZeroDuration());
  CHECK(limiter.FailureCount(Here("alice")) == 0);
  limiter.Succeeded(Here("alice"));
  CHECK_FALSE(limiter.Admit(Elsewhere("alice"), kNow));  // Her success does not free the stranger.
}

TEST_CASE("rate limiter: one address that tries many accounts is slowed down", "[unit][auth]") {
  RateLimiter limiter;
  for (uint32_t i = 0; i < RateLimiter::kFreeAddressFailures; ++i) {
    CHECK(limiter.Admit(Elsewhere("user" + std::to_string(i)), kNow) == absl::ZeroDuration());
    limiter.Failed(Elsewhere("user" + std::to_string(i)), kNow);
  }
  CHECK(limiter.Admit(Elsewhere("another"), kNow) == RateLimiter::kFirstDelay);
  CHECK(limiter.Admit(Here("another"), kNow) == absl::ZeroDuration());
  SECTION("a success of its own does not forgive it") {
    limiter.Succeeded(Elsewhere("own"));
    CHECK(limiter.Admit(Elsewhere("another"), kNow) == 2 * RateLimiter::kFirstDelay);
  }
  SECTION("time forgives it") {
    const absl::Time later = kNow + RateLimiter::kForgetAfter + absl::Seconds(1);
    CHECK(limiter.Admit(Elsewhere("another"), later) == absl::ZeroDuration());
  }
}

TEST_CASE("rate limiter: which addresses are one", "[unit][auth]") {
  struct Case {
    const char* why;
    const char* first;
    const char* second;
    bool is_same;
  };
  const auto c = GENERATE(values<Case>({
      {"two IPv4 hosts", "192.0.2.1", "192.0.2.2", false},
      {"IPv4 and the same mapped into IPv6", "192.0.2.1", "::ffff:192.0.2.1", true},
      {"two hosts mapped into IPv6", "::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
      {"one IPv6 network of 64 bits", "2001:db8::1", "2001:db8::ffff:2", true},
      {"two IPv6 networks", "2001:db8:0:1::1", "2001:db8:0:2::1", false},
      {"a link's scope is not the client's", "fe80::1%eth0", "fe80::2%eth1", true},
  }));
  CAPTURE(c.why);
  RateLimiter limiter;
  limiter.Failed({"a", c.first}, kNow);
  CHECK(limiter.FailureCount({"a", c.second}) == (c.is_same ? 1 : 0));
}

TEST_CASE("rate limiter: the tally adds up an account's failures from everywhere", "[unit][auth]") {
  RateLimiter limiter;
  FailTimes(limiter, Here("alice"), 2);
  FailTimes(limiter, Elsewhere("ALICE"), 3);
  FailTimes(limiter, Elsewhere("bob"), 1);
  const FailureTally tally = limiter.Tally();
  CHECK(tally.Of("Alice") == 5);
  CHECK(tally.Of("bob") == 1);
  CHECK(tally.Of("carol") == 0);
}

TEST_CASE("rate limiter: success and time forgive", "[unit][auth]") {
  RateLimiter limiter;
  FailTimes(limiter, Here("a"), 10);
  limiter.Succeeded(Here("A"));
  CHECK(limiter.Admit(Here("a"), kNow) == absl::ZeroDuration());
  FailTimes(limiter, Here("b"), 10);
  CHECK(limiter.Admit(Here("b"), kNow + RateLimiter::kForgetAfter + absl::Seconds(1)) ==
        absl::ZeroDuration());
}

TEST_CASE("rate limiter: a flood of names does not free the account under attack",
          "[unit][auth]") {
  RateLimiter limiter;
  FailTimes(limiter, Elsewhere("victim"), 10);
  for (size_t i = 0; i < RateLimiter::kEntriesMax + 10; ++i) {
    limiter.Failed(Elsewhere("name" + std::to_string(i)), kNow);
  }
  CHECK(limiter.FailureCount(Elsewhere("victim")) == 10);
}

}  // namespace
}  // namespace continuo::auth
