#include "services/smb-frontend/net/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <bit>
#include <cstring>

#include <absl/strings/str_format.h>

namespace continuo::net {

namespace {

template <typename Sockaddr>
Sockaddr As(const sockaddr_storage& storage) {
  Sockaddr address{};
  static_assert(sizeof(address) <= sizeof(storage));
  std::memcpy(&address, &storage, sizeof(address));
  return address;
}

using NameCall = int (*)(int, sockaddr*, socklen_t*);

SocketAddress NameOf(int fd, NameCall call) {
  SocketAddress address;
  socklen_t length = sizeof(address.storage);
  // The socket interface's own cast: sockaddr is the common prefix of sockaddr_storage.
  if (call(fd, reinterpret_cast<sockaddr*>(&address.storage), &length) != 0) return {};
  address.length = length;
  return address;
}

}  // namespace

SocketAddress SocketAddress::PeerOf(int fd) {
  return NameOf(fd, [](int f, sockaddr* a, socklen_t* n) { return getpeername(f, a, n); });
}

SocketAddress SocketAddress::LocalOf(int fd) {
  return NameOf(fd, [](int f, sockaddr* a, socklen_t* n) { return getsockname(f, a, n); });
}

std::string SocketAddress::HostString() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage.ss_family == AF_INET) {
    const auto v4 = As<sockaddr_in>(storage);
    inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  } else if (storage.ss_family == AF_INET6) {
    const auto v6 = As<sockaddr_in6>(storage);
    inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  }
  return text.data();
}

Bytes SocketAddress::HostBytes() const {
  if (storage.ss_family == AF_INET) {
    const in_addr host = As<sockaddr_in>(storage).sin_addr;
    const auto bytes = std::bit_cast<std::array<uint8_t, sizeof(host)>>(host);
    return {bytes.begin(), bytes.end()};
  }
  if (storage.ss_family == AF_INET6) {
    const in6_addr host = As<sockaddr_in6>(storage).sin6_addr;
    const auto bytes = std::bit_cast<std::array<uint8_t, sizeof(host)>>(host);
    return {bytes.begin(), bytes.end()};
  }
  return {};
}

uint16_t SocketAddress::port() const {
  if (storage.ss_family == AF_INET) return ntohs(As<sockaddr_in>(storage).sin_port);
  if (storage.ss_family == AF_INET6) return ntohs(As<sockaddr_in6>(storage).sin6_port);
  return 0;
}

std::string SocketAddress::ToString() const {
  return is_ipv6() ? absl::StrFormat("[%s]:%u", HostString(), port())
                   : absl::StrFormat("%s:%u", HostString(), port());
}

}  // namespace continuo::net
