#include "services/tickle-service/addresses/socket_reset.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstring>
#include <vector>

#include "common/base/check.h"
#include "common/rpc/unique_fd.h"

namespace continuo::tickle {
namespace {

constexpr size_t kAnswerMaxBytes = 64 * 1024;
constexpr int kConnectedStates = (1 << TCP_ESTABLISHED) | (1 << TCP_SYN_RECV) |
                                 (1 << TCP_FIN_WAIT1) | (1 << TCP_FIN_WAIT2) |
                                 (1 << TCP_CLOSE_WAIT) | (1 << TCP_LAST_ACK) | (1 << TCP_CLOSING);
constexpr timeval kAnswerTimeout = {2, 0};

struct Request {
  nlmsghdr header;
  inet_diag_req_v2 body;
};

Request MakeRequest(uint16_t type, uint16_t flags, int family) {
  Request request{};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = type;
  request.header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  request.body.sdiag_family = static_cast<uint8_t>(family);
  request.body.sdiag_protocol = IPPROTO_TCP;
  request.body.idiag_states = static_cast<uint32_t>(kConnectedStates);
  return request;
}

absl::Status Send(int fd, const Request& request) {
  if (send(fd, &request, sizeof(request), 0) < 0) {
    return absl::ErrnoToStatus(errno, "ask the kernel for connections");
  }
  return absl::OkStatus();
}

absl::Status ErrorOf(const nlmsghdr& header, const uint8_t* payload) {
  nlmsgerr error{};
  if (header.nlmsg_len < NLMSG_LENGTH(sizeof(error.error))) {
    return absl::InternalError("a malformed answer of sock_diag");
  }
  std::memcpy(&error.error, payload, sizeof(error.error));
  if (error.error == 0) return absl::OkStatus();
  if (error.error == -EOPNOTSUPP) {
    return absl::UnimplementedError(
        "this kernel cannot reset connections (CONFIG_INET_DIAG_DESTROY)");
  }
  return absl::ErrnoToStatus(-error.error, "reset a connection");
}

// Receives one datagram and gives each message to `handle`, which returns false at the last one.
template <typename Handle>
absl::StatusOr<bool> ReceiveOnce(int fd, std::vector<uint8_t>& buffer, Handle handle) {
  const ssize_t size = recv(fd, buffer.data(), buffer.size(), 0);
  if (size < 0) return absl::ErrnoToStatus(errno, "read the kernel's connections");
  size_t at = 0;
  const auto end = static_cast<size_t>(size);
  while (end - at >= sizeof(nlmsghdr)) {
    nlmsghdr header{};
    std::memcpy(&header, buffer.data() + at, sizeof(header));
    if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > end - at) break;
    CONTINUO_ASSIGN_OR_RETURN(const bool goes_on,
                              handle(header, buffer.data() + at + NLMSG_HDRLEN));
    if (!goes_on) return false;
    at += std::min<size_t>(NLMSG_ALIGN(header.nlmsg_len), end - at);
  }
  return true;
}

bool IsMeant(const inet_diag_sockid& id, const IpAddress& local, const std::set<uint16_t>& ports) {
  return std::memcmp(id.idiag_src, local.bytes.data(), local.size()) == 0 &&
         ports.contains(ntohs(id.idiag_sport));
}

absl::StatusOr<std::vector<inet_diag_sockid>> ListConnectionsOf(int fd, const IpAddress& local,
                                                                const std::set<uint16_t>& ports) {
  const int family = local.is_ipv6 ? AF_INET6 : AF_INET;
  CONTINUO_RETURN_IF_ERROR(Send(fd, MakeRequest(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, family)));
  std::vector<inet_diag_sockid> found;
  std::vector<uint8_t> buffer(kAnswerMaxBytes);
  const auto handle = [&](const nlmsghdr& header, const uint8_t* payload) -> absl::StatusOr<bool> {
    if (header.nlmsg_type == NLMSG_DONE) return false;
    if (header.nlmsg_type == NLMSG_ERROR) {
      CONTINUO_RETURN_IF_ERROR(ErrorOf(header, payload));
      return false;
    }
    inet_diag_msg message{};
    if (header.nlmsg_len < NLMSG_LENGTH(sizeof(message))) return true;
    std::memcpy(&message, payload, sizeof(message));
    if (message.idiag_family == family && IsMeant(message.id, local, ports)) {
      found.push_back(message.id);
    }
    return true;
  };
  for (bool goes_on = true; goes_on;) {
    CONTINUO_ASSIGN_OR_RETURN(goes_on, ReceiveOnce(fd, buffer, handle));
  }
  return found;
}

// NotFound: it has ended by itself meanwhile.
absl::Status Destroy(int fd, int family, const inet_diag_sockid& id) {
  Request request = MakeRequest(SOCK_DESTROY, NLM_F_ACK, family);
  request.body.id = id;  // With the socket's cookie: never another connection of the same ports.
  CONTINUO_RETURN_IF_ERROR(Send(fd, request));
  std::vector<uint8_t> buffer(kAnswerMaxBytes);
  absl::Status outcome;
  const auto handle = [&](const nlmsghdr& header, const uint8_t* payload) -> absl::StatusOr<bool> {
    if (header.nlmsg_type != NLMSG_ERROR) return true;
    outcome = ErrorOf(header, payload);
    return false;
  };
  for (bool goes_on = true; goes_on;) {
    CONTINUO_ASSIGN_OR_RETURN(goes_on, ReceiveOnce(fd, buffer, handle));
  }
  return outcome;
}

}  // namespace

absl::StatusOr<uint32_t> ResetConnectionsOf(const IpAddress& local,
                                            const std::set<uint16_t>& ports) {
  const rpc::UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!fd.ok()) return absl::ErrnoToStatus(errno, "open a sock_diag socket");
  (void)setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kAnswerTimeout, sizeof(kAnswerTimeout));
  CONTINUO_ASSIGN_OR_RETURN(const std::vector<inet_diag_sockid> found,
                            ListConnectionsOf(fd.get(), local, ports));
  uint32_t reset_count = 0;
  for (const inet_diag_sockid& id : found) {
    const absl::Status status = Destroy(fd.get(), local.is_ipv6 ? AF_INET6 : AF_INET, id);
    if (status.ok()) ++reset_count;
    if (!status.ok() && !absl::IsNotFound(status)) return status;
  }
  return reset_count;
}

}  // namespace continuo::tickle
