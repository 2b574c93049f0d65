#include "services/tickle-service/packet/raw_sender.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include <absl/strings/str_format.h>

#include "common/base/check.h"

namespace continuo::tickle {
namespace {

constexpr int kSendBufferBytes = 4 * 1024 * 1024;

struct SocketName {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

SocketName NameOf(const IpAddress& address) {
  SocketName name;
  if (address.is_ipv6) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    std::memcpy(&v6.sin6_addr, address.bytes.data(), sizeof(v6.sin6_addr));
    std::memcpy(&name.storage, &v6, sizeof(v6));
    name.length = sizeof(v6);
  } else {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    std::memcpy(&v4.sin_addr, address.bytes.data(), sizeof(v4.sin_addr));
    std::memcpy(&name.storage, &v4, sizeof(v4));
    name.length = sizeof(v4);
  }
  return name;
}

const sockaddr* AsSockaddr(const sockaddr_storage& storage) {
  return reinterpret_cast<const sockaddr*>(&storage);
}

// Protocol IPPROTO_RAW: whole packets, and none are received.
rpc::UniqueFd OpenRaw(int family, absl::Status& status) {
  rpc::UniqueFd fd(socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW));
  if (!fd.ok()) {
    status.Update(absl::ErrnoToStatus(errno, "open a raw socket for tickles"));
    return fd;
  }
  // Best effort: with the default size a large burst waits for the device a few times.
  (void)setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kSendBufferBytes,
                   sizeof(kSendBufferBytes));
  return fd;
}

bool WaitUntilWritable(int fd) {
  pollfd wait{fd, POLLOUT, 0};
  return poll(&wait, 1, kSendWaitMaxMs) == 1;
}

// The source decides about the route where rules say so.
template <typename PacketInfo>
ssize_t SendFrom(int fd, const Bytes& packet, SocketName to, int level, int type,
                 const PacketInfo& info) {
  iovec piece{const_cast<uint8_t*>(packet.data()), packet.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(PacketInfo))] = {};
  msghdr message{};
  message.msg_name = &to.storage;
  message.msg_namelen = to.length;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(sizeof(PacketInfo));
  std::memcpy(CMSG_DATA(header), &info, sizeof(info));
  return sendmsg(fd, &message, MSG_NOSIGNAL);
}

ssize_t SendOnce(int fd, const Connection& connection, const Bytes& packet) {
  const SocketName to = NameOf(connection.remote);
  if (connection.local.is_ipv6) {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, connection.local.bytes.data(), sizeof(info.ipi6_addr));
    return SendFrom(fd, packet, to, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
  in_pktinfo info{};
  std::memcpy(&info.ipi_spec_dst, connection.local.bytes.data(), sizeof(info.ipi_spec_dst));
  return SendFrom(fd, packet, to, IPPROTO_IP, IP_PKTINFO, info);
}

}  // namespace

RawSender::RawSender() {
  ipv4_ = OpenRaw(AF_INET, status_);
  ipv6_ = OpenRaw(AF_INET6, status_);
  // Protocol 0: nothing is received.
  link_ = rpc::UniqueFd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!link_.ok()) status_.Update(absl::ErrnoToStatus(errno, "open a packet socket"));
}

absl::Status RawSender::SendTickle(const Connection& connection) {
  const int fd = connection.local.is_ipv6 ? ipv6_.get() : ipv4_.get();
  if (fd < 0) return status_;
  const Bytes packet = MakeTickle(connection);
  ssize_t sent = SendOnce(fd, connection, packet);
  if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS) && WaitUntilWritable(fd)) {
    sent = SendOnce(fd, connection, packet);
  }
  if (sent >= 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrFormat("send a tickle for %s", connection.ToString()));
}

absl::Status RawSender::Announce(const IpAddress& address, uint32_t interface_index,
                                 const std::string& interface) {
  if (!link_.ok()) return status_;
  ifreq request{};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  if (ioctl(ipv4_.get(), SIOCGIFHWADDR, &request) != 0) {
    return absl::ErrnoToStatus(errno, "ask for the hardware address of " + interface);
  }
  if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER) return absl::OkStatus();
  HardwareAddress hardware{};
  std::memcpy(hardware.data(), request.ifr_hwaddr.sa_data, hardware.size());
  const Bytes frame = MakeAnnouncement(address, hardware);
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = static_cast<int>(interface_index);
  to.sll_halen = static_cast<uint8_t>(hardware.size());
  to.sll_protocol = htons(address.is_ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_ARP);
  std::copy_n(frame.begin(), hardware.size(), to.sll_addr);
  if (sendto(link_.get(), frame.data(), frame.size(), MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&to), sizeof(to)) < 0) {
    return absl::ErrnoToStatus(errno, "announce " + address.ToString() + " on " + interface);
  }
  return absl::OkStatus();
}

bool IsLocalAddress(const IpAddress& address) {
  const rpc::UniqueFd fd(
      socket(address.is_ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const SocketName name = NameOf(address);
  return fd.ok() && bind(fd.get(), AsSockaddr(name.storage), name.length) == 0;
}

}  // namespace continuo::tickle
