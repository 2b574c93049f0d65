#include "services/watchdog-supervisor/children/ready_socket.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <absl/strings/escaping.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>

namespace continuo::supervisor {

namespace {

constexpr size_t kMessageMaxBytes = 4096;

constexpr std::string_view kStatus = "STATUS=";

ReadyMessage Parse(pid_t pid, const std::string& text) {
  ReadyMessage message{.pid = pid};
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(text, '\n'))) {
    if (line == "READY=1") message.is_ready = true;
    if (line.starts_with(kStatus)) message.status = absl::CEscape(line.substr(kStatus.size()));
  }
  return message;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ReadySocket>> ReadySocket::Open() {
  std::unique_ptr<ReadySocket> ready(new ReadySocket);
  uint64_t nonce = 0;
  if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce)) {
    return absl::ErrnoToStatus(errno, "random bytes");
  }
  ready->address_ = absl::StrFormat("@continuo/supervisor-%d-%016x", getpid(), nonce);
  ready->fd_.Reset(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, ready->address_.data(), ready->address_.size());
  address.sun_path[0] = '\0';
  const auto size =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + ready->address_.size());
  const int on = 1;
  if (!ready->fd_.ok() ||
      setsockopt(ready->fd_.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0 ||
      bind(ready->fd_.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    return absl::ErrnoToStatus(errno, "make the readiness socket");
  }
  return ready;
}

std::optional<ReadyMessage> ReadySocket::Next() {
  for (;;) {
    std::array<char, kMessageMaxBytes> text{};
    iovec data{text.data(), text.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> control{};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = recvmsg(fd_.get(), &message, MSG_CMSG_CLOEXEC);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return std::nullopt;
    const cmsghdr* const header = CMSG_FIRSTHDR(&message);
    if (header == nullptr || header->cmsg_level != SOL_SOCKET ||
        header->cmsg_type != SCM_CREDENTIALS) {
      continue;
    }
    ucred sender{};
    std::memcpy(&sender, CMSG_DATA(header), sizeof(sender));
    return Parse(sender.pid, std::string(text.data(), static_cast<size_t>(size)));
  }
}

}  // namespace continuo::supervisor
