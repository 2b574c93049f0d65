// An IPv4 or IPv6 endpoint.
#pragma once

#include <cstdint>
#include <string>

#include <sys/socket.h>

#include "common/base/bytes.h"

namespace continuo::net {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  // The ends of a socket; empty (length 0) if the kernel does not know them any more.
  static SocketAddress PeerOf(int fd);
  static SocketAddress LocalOf(int fd);

  // "192.0.2.1:445", "[2001:db8::1]:445".
  std::string ToString() const;
  // Without port.
  std::string HostString() const;
  // 4 or 16 bytes in network order; empty for an empty one.
  Bytes HostBytes() const;
  uint16_t port() const;
  bool is_ipv6() const { return storage.ss_family == AF_INET6; }
};

}  // namespace continuo::net
