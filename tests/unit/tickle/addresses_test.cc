#include <catch2/catch.hpp>

#include "services/tickle-service/addresses/address_table.h"
#include "services/tickle-service/addresses/netlink_messages.h"
#include "services/tickle-service/addresses/watcher.h"

namespace continuo::tickle {
namespace {

// What `ip addr add 192.0.2.7/24 dev eth0` made the kernel send: header (RTM_NEWADDR), ifaddrmsg,
// IFA_ADDRESS, IFA_LOCAL. Layout from rtnetlink(7).
Bytes NewAddress() {
  return {
      0x28, 0, 0, 0,           // nlmsg_len 40
      0x14, 0,                 // RTM_NEWADDR
      0,    0,                 // flags
      0,    0, 0, 0,           // sequence
      0,    0, 0, 0,           // pid
      2,    24, 0x80, 0,       // AF_INET, /24, IFA_F_PERMANENT, global
      3,    0, 0, 0,           // interface 3
      8,    0, 1, 0, 192, 0, 2, 9,  // IFA_ADDRESS (the peer)
      8,    0, 2, 0, 192, 0, 2, 7,  // IFA_LOCAL (our own)
  };
}

TEST_CASE("netlink: an address that arrives is its local one", "[unit][tickle]") {
  const auto messages = ParseAddressMessages(NewAddress());
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].kind == AddressMessage::Kind::kArrived);
  CHECK(messages[0].key == AddressKey{"192.0.2.7", 24, 3});
}

TEST_CASE("netlink: an address that nobody can use yet has not arrived", "[unit][tickle]") {
  Bytes tentative = NewAddress();
  tentative[18] = 0xC0;  // IFA_F_PERMANENT | IFA_F_TENTATIVE
  CHECK(ParseAddressMessages(tentative).empty());
  tentative[4] = 0x15;  // RTM_DELADDR
  CHECK(ParseAddressMessages(tentative).size() == 1);
}

TEST_CASE("netlink: every truncation and wild length is survived", "[unit][tickle]") {
  const Bytes valid = NewAddress();
  for (size_t size = 0; size < valid.size(); ++size) {
    CAPTURE(size);
    CHECK(ParseAddressMessages(std::span(valid).first(size)).empty());
  }
  for (const size_t place : {0u, 24u, 32u}) {
    for (const uint8_t length : Bytes{0, 1, 3, 255}) {
      Bytes damaged = valid;
      damaged[place] = length;
      CHECK(ParseAddressMessages(damaged).size() <= 1);
    }
  }
}

TEST_CASE("address table: arrivals and departures are counted once", "[unit][tickle]") {
  AddressTable table;
  const AddressKey a{"192.0.2.7", 24, 3};
  const AddressKey b{"2001:db8::1", 64, 3};
  const absl::Time now = absl::FromUnixSeconds(1);
  CHECK(table.Add(a, "eth0", now));
  CHECK_FALSE(table.Add(a, "eth0", now + absl::Seconds(1)));
  CHECK(table.Add(b, "eth0", now));
  CHECK(table.RetainOnly({b}) == std::vector<AddressKey>{a});
  CHECK_FALSE(table.Remove(a));
  REQUIRE(table.Entries().size() == 1);
  CHECK(table.arrival_count() == 2);
  CHECK(table.departure_count() == 1);
}

TEST_CASE("address watcher: finds the loopback address of this node", "[unit][tickle]") {
  std::atomic<int> turn_count{0};
  const auto watcher = *AddressWatcher::Start([&turn_count] { ++turn_count; });
  const absl::Time give_up = absl::Now() + absl::Seconds(5);
  const auto has_loopback = [&watcher] {
    for (const AddressEntry& entry : watcher->Read().addresses) {
      if (entry.key.address == "127.0.0.1") return true;
    }
    return false;
  };
  while (!has_loopback() && absl::Now() < give_up) absl::SleepFor(absl::Milliseconds(1));
  CHECK(has_loopback());
  const int before = turn_count;
  watcher->Wake();
  while (turn_count == before && absl::Now() < give_up) absl::SleepFor(absl::Milliseconds(1));
  CHECK(turn_count > before);
}

}  // namespace
}  // namespace continuo::tickle
