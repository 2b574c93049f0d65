#include "services/tickle-service/registry/connection.h"

#include <arpa/inet.h>

#include <algorithm>

#include <absl/strings/str_format.h>

namespace continuo::tickle {
namespace {

constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr IpAddress kLoopback6 = {true, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

}  // namespace

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(is_ipv6 ? AF_INET6 : AF_INET, bytes.data(), text, sizeof(text));
  return text;
}

std::optional<IpAddress> IpAddressOf(std::span<const uint8_t> bytes) {
  IpAddress address;
  if (bytes.size() == 16 &&
      std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin())) {
    bytes = bytes.subspan(kMappedPrefix.size());
  }
  if (bytes.size() != 4 && bytes.size() != 16) return std::nullopt;
  address.is_ipv6 = bytes.size() == 16;
  std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
  return address;
}

std::optional<IpAddress> ParseIpAddress(std::string_view text) {
  const std::string terminated(text);
  std::array<uint8_t, 16> bytes{};
  if (inet_pton(AF_INET, terminated.c_str(), bytes.data()) == 1) {
    return IpAddressOf(std::span(bytes).first(4));
  }
  if (inet_pton(AF_INET6, terminated.c_str(), bytes.data()) == 1) return IpAddressOf(bytes);
  return std::nullopt;
}

bool CanMove(const IpAddress& address) {
  const auto& b = address.bytes;
  if (!address.is_ipv6) return b[0] != 127 && !(b[0] == 169 && b[1] == 254);
  const bool is_link_local = b[0] == 0xFE && (b[1] & 0xC0) == 0x80;
  return !is_link_local && address != kLoopback6;
}

std::string Connection::ToString() const {
  if (local.is_ipv6) {
    return absl::StrFormat("[%s]:%u [%s]:%u", local.ToString(), local_port, remote.ToString(),
                           remote_port);
  }
  return absl::StrFormat("%s:%u %s:%u", local.ToString(), local_port, remote.ToString(),
                         remote_port);
}

}  // namespace continuo::tickle
