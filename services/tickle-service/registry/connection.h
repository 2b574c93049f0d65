// One TCP connection of a client, as everything in this service names it.
//
// Threading: values.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace continuo::tickle {

struct IpAddress {
  bool is_ipv6 = false;
  std::array<uint8_t, 16> bytes{};  // Network order; an IPv4 address is the first four, then zeros.

  size_t size() const { return is_ipv6 ? 16 : 4; }
  std::span<const uint8_t> view() const { return std::span(bytes).first(size()); }
  std::string ToString() const;
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

// Numeric text, without a zone. An IPv4 address in IPv6 form becomes the IPv4 address.
std::optional<IpAddress> ParseIpAddress(std::string_view text);
// 4 or 16 bytes in network order; the same.
std::optional<IpAddress> IpAddressOf(std::span<const uint8_t> bytes);

// False for loopback and link-local addresses: they belong to one node or link for good.
bool CanMove(const IpAddress& address);

// `local` is the server's end. Both addresses are of one family.
struct Connection {
  IpAddress local;
  uint16_t local_port = 0;
  IpAddress remote;
  uint16_t remote_port = 0;

  std::string ToString() const;  // "192.0.2.7:445 192.0.2.100:50000"
  friend auto operator<=>(const Connection&, const Connection&) = default;
};

}  // namespace continuo::tickle
