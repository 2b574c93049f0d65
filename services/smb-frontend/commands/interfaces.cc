#include "services/smb-frontend/commands/interfaces.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <string>

namespace continuo::commands {
namespace {

// For devices that have no speed, or are down: what Windows assumes, too.
constexpr uint64_t kDefaultSpeedBitsPerSecond = 1'000'000'000;
constexpr uint64_t kBitsPerMegabit = 1'000'000;

uint64_t LinkSpeed(const std::string& name) {
  std::ifstream file("/sys/class/net/" + name + "/speed");
  int64_t megabits = 0;
  if (!(file >> megabits) || megabits <= 0) return kDefaultSpeedBitsPerSecond;
  return static_cast<uint64_t>(megabits) * kBitsPerMegabit;
}

struct Endpoint {
  bool is_ipv6 = false;
  std::array<uint8_t, 16> address{};

  bool IsWildcard() const {
    return std::all_of(address.begin(), address.end(), [](uint8_t byte) { return byte == 0; });
  }
  bool IsLinkLocal() const {
    return is_ipv6 ? address[0] == 0xFE && (address[1] & 0xC0) == 0x80
                   : address[0] == 169 && address[1] == 254;
  }
};

Endpoint EndpointOf(const sockaddr* address) {
  Endpoint endpoint;
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 ipv6{};
    std::memcpy(&ipv6, address, sizeof(ipv6));
    endpoint.is_ipv6 = true;
    std::memcpy(endpoint.address.data(), &ipv6.sin6_addr, sizeof(ipv6.sin6_addr));
  } else {
    sockaddr_in ipv4{};
    std::memcpy(&ipv4, address, sizeof(ipv4));
    std::memcpy(endpoint.address.data(), &ipv4.sin_addr, sizeof(ipv4.sin_addr));
  }
  return endpoint;
}

bool IsServed(const Endpoint& endpoint, const std::vector<net::SocketAddress>& listening) {
  return std::any_of(listening.begin(), listening.end(), [&](const net::SocketAddress& socket) {
    if (socket.storage.ss_family != AF_INET && socket.storage.ss_family != AF_INET6) return false;
    const Endpoint bound = EndpointOf(reinterpret_cast<const sockaddr*>(&socket.storage));
    if (bound.is_ipv6 != endpoint.is_ipv6) return false;
    return bound.IsWildcard() || bound.address == endpoint.address;
  });
}

}  // namespace

std::vector<smbwire::NetworkInterface> FindInterfaces(
    const std::vector<net::SocketAddress>& listening) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  std::vector<smbwire::NetworkInterface> real;
  std::vector<smbwire::NetworkInterface> loopback;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || (entry->ifa_flags & IFF_UP) == 0) continue;
    const int family = entry->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    const Endpoint endpoint = EndpointOf(entry->ifa_addr);
    if (endpoint.IsLinkLocal() || !IsServed(endpoint, listening)) continue;
    smbwire::NetworkInterface interface;
    interface.interface_index = ::if_nametoindex(entry->ifa_name);
    interface.link_speed_bits_per_second = LinkSpeed(entry->ifa_name);
    interface.is_ipv6 = endpoint.is_ipv6;
    interface.address = endpoint.address;
    const bool is_loopback = (entry->ifa_flags & IFF_LOOPBACK) != 0;
    (is_loopback ? loopback : real).push_back(interface);
  }
  ::freeifaddrs(list);
  return real.empty() ? loopback : real;
}

}  // namespace continuo::commands
