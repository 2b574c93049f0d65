#include <catch2/catch.hpp>

#include "services/tickle-service/packet/campaign.h"

namespace continuo::tickle {
namespace {

const absl::Time kBegin = absl::FromUnixSeconds(1000);
constexpr size_t kAny = 1000;

Connection From(const char* remote, uint16_t port) {
  return {*ParseIpAddress("192.0.2.7"), 445, *ParseIpAddress(remote), port};
}

TEST_CASE("campaign: each client is tried four times within a second", "[unit][tickle]") {
  Campaign campaign;
  const Connection one = From("192.0.2.100", 50000);
  CHECK(campaign.Add(one, kBegin));
  CHECK_FALSE(campaign.Add(one, kBegin));
  std::vector<absl::Duration> tries;
  for (absl::Duration at; at <= absl::Seconds(2); at += absl::Milliseconds(10)) {
    for (const Connection& due : campaign.TakeDue(kBegin + at, kAny)) {
      CHECK(due == one);
      tries.push_back(at);
    }
  }
  CHECK(tries == std::vector<absl::Duration>(kTickleTimes.begin(), kTickleTimes.end()));
  CHECK(campaign.TakeDone() == std::vector<Connection>{one});
  CHECK(campaign.size() == 0);
  CHECK(campaign.next_due() == absl::InfiniteFuture());
  CHECK(campaign.Add(one, kBegin));
}

TEST_CASE("campaign: a turn takes no more than it is asked for", "[unit][tickle]") {
  Campaign campaign;
  for (uint16_t port = 1; port <= 5; ++port) campaign.Add(From("192.0.2.100", port), kBegin);
  CHECK(campaign.TakeDue(kBegin, 3).size() == 3);
  CHECK(campaign.next_due() == kBegin);
  CHECK(campaign.TakeDue(kBegin, 3).size() == 2);
  CHECK(campaign.next_due() == kBegin + kTickleTimes[1]);
}

TEST_CASE("campaign: the same connection that is open again is left alone", "[unit][tickle]") {
  Campaign campaign;
  const Connection one = From("192.0.2.100", 50000);
  campaign.Add(one, kBegin);
  campaign.Add(From("192.0.2.100", 50001), kBegin);
  (void)campaign.TakeDue(kBegin, kAny);
  campaign.ClientConnected(one);
  CHECK(campaign.TakeDone() == std::vector<Connection>{one});
  CHECK(campaign.size() == 1);
}

TEST_CASE("campaign: a client is back when it has as many connections as before",
          "[unit][tickle]") {
  Campaign campaign;
  for (const uint16_t port : {uint16_t{1}, uint16_t{2}}) campaign.Add(From("192.0.2.100", port), kBegin);
  campaign.Add(From("192.0.2.101", 1), kBegin);
  (void)campaign.TakeDue(kBegin, kAny);
  campaign.ClientConnected(From("192.0.2.100", 60000));
  CHECK(campaign.size() == 3);  // It may be another client behind the same address.
  campaign.ClientConnected(From("192.0.2.100", 60001));
  CHECK(campaign.TakeDone().size() == 2);
  const auto due = campaign.TakeDue(kBegin + kTickleTimes[1], kAny);
  CHECK(due == std::vector<Connection>{From("192.0.2.101", 1)});
}

TEST_CASE("campaign: what is added again after it was done starts from the beginning",
          "[unit][tickle]") {
  Campaign campaign;
  const Connection one = From("192.0.2.100", 50000);
  campaign.Add(one, kBegin);
  (void)campaign.TakeDue(kBegin, kAny);
  campaign.ClientConnected(one);
  const absl::Time again = kBegin + absl::Milliseconds(50);
  CHECK(campaign.Add(one, again));
  CHECK(campaign.TakeDue(again, kAny).size() == 1);
  CHECK(campaign.TakeDue(kBegin + kTickleTimes[1], kAny).empty());
  CHECK(campaign.TakeDue(again + kTickleTimes[1], kAny).size() == 1);
}

}  // namespace
}  // namespace continuo::tickle
