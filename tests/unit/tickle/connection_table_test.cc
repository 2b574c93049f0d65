#include <catch2/catch.hpp>

#include "services/tickle-service/registry/connection_table.h"

namespace continuo::tickle {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1000);

Connection Client(uint16_t port) {
  return {*ParseIpAddress("192.0.2.7"), 445, *ParseIpAddress("192.0.2.100"), port};
}

TEST_CASE("connection table: a close that comes after the same client's next connect",
          "[unit][tickle]") {
  ConnectionTable table;
  table.Add(1, Client(1), kNow);
  table.Add(2, Client(1), kNow);
  CHECK_FALSE(table.Remove(1).has_value());
  CHECK(table.Contains(Client(1)));
  CHECK(table.Remove(2) == Client(1));
  CHECK_FALSE(table.Contains(Client(1)));
  CHECK_FALSE(table.Remove(3).has_value());
}

TEST_CASE("connection table: after a snapshot only what it named is left", "[unit][tickle]") {
  ConnectionTable table;
  table.Add(1, Client(1), kNow);
  table.Add(2, Client(2), kNow);
  table.BeginSnapshot();
  CHECK(table.size() == 2);  // Until the frontend has told of all.
  table.Add(1, Client(2), kNow + absl::Seconds(5));  // Another process, ids of its own.
  table.Add(7, Client(3), kNow);
  CHECK(table.EndSnapshot() == std::vector<Connection>{Client(1)});
  CHECK(table.size() == 2);
  CHECK(table.Page(std::nullopt, 1).front().connected == kNow);
  CHECK(table.Remove(1) == Client(2));
}

TEST_CASE("connection table: pages in order", "[unit][tickle]") {
  ConnectionTable table;
  for (uint16_t port = 5; port > 0; --port) table.Add(port, Client(port), kNow);
  const auto first = table.Page(std::nullopt, 2);
  REQUIRE(first.size() == 2);
  CHECK(first[0].connection == Client(1));
  const auto second = table.Page(first[1].connection, 10);
  REQUIRE(second.size() == 3);
  CHECK(second[0].connection == Client(3));
}

}  // namespace
}  // namespace continuo::tickle
