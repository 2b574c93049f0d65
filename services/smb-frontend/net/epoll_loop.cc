#include "services/smb-frontend/net/epoll_loop.h"

#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <absl/strings/str_format.h>

#include "common/base/check.h"
#include "services/smb-frontend/net/epoll_sockets.h"

namespace continuo::net {

namespace {

constexpr size_t kEventsPerWait = 256;

// Only from the page cache; -EAGAIN if that would wait.
int64_t ReadWithoutWaiting(const FileOp& op) {
  const iovec whole{op.data, op.size_bytes};
  const std::span<const iovec> vectors =
      op.kind == FileOp::Kind::kRead ? std::span<const iovec>(&whole, 1) : op.vectors;
  size_t wanted = 0;
  for (const iovec& vector : vectors) wanted += vector.iov_len;
  const ssize_t got = preadv2(op.fd, vectors.data(), static_cast<int>(vectors.size()),
                              static_cast<off_t>(op.offset), RWF_NOWAIT);
  if (got == 0 || (got > 0 && static_cast<size_t>(got) == wanted)) return got;
  // A short count may mean that the rest is not cached, so the pool asks again.
  return -EAGAIN;
}

int ToMilliseconds(absl::Duration timeout) {
  if (timeout <= absl::ZeroDuration()) return 0;
  // Rounded up: a timer that is almost due must not make the loop spin.
  return static_cast<int>(absl::ToInt64Milliseconds(timeout + absl::Microseconds(999)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<EventLoop>> EpollLoop::Create(const EventLoopOptions& options) {
  const int fd = epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) {
    return absl::UnavailableError(absl::StrFormat("epoll_create1: %s", std::strerror(errno)));
  }
  return std::unique_ptr<EventLoop>(new EpollLoop(options, fd));
}

EpollLoop::EpollLoop(const EventLoopOptions& options, int epoll_fd)
    : EventLoop(options), epoll_fd_(epoll_fd) {
  Register(wake_fd(), EPOLLIN, nullptr);
}

EpollLoop::~EpollLoop() { close(epoll_fd_); }

void EpollLoop::Register(int fd, uint32_t events, EpollSource* source) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = source;
  CONTINUO_CHECK(epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0);
}

void EpollLoop::Unregister(int fd) {
  CONTINUO_CHECK(epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr) == 0);
}

void EpollLoop::RemoveReady(EpollStream* stream) {
  std::replace(ready_.begin(), ready_.end(), stream, static_cast<EpollStream*>(nullptr));
  std::replace(running_ready_.begin(), running_ready_.end(), stream,
               static_cast<EpollStream*>(nullptr));
}

std::unique_ptr<StreamSocket> EpollLoop::AttachStream(int fd) {
  return std::make_unique<EpollStream>(*this, fd);
}

std::unique_ptr<AcceptSocket> EpollLoop::AttachAcceptor(int fd) {
  return std::make_unique<EpollAcceptor>(*this, fd);
}

void EpollLoop::WaitAndDispatch(absl::Duration timeout) {
  std::array<epoll_event, kEventsPerWait> events;
  const int timeout_ms = ready_.empty() ? ToMilliseconds(timeout) : 0;
  const int count = epoll_wait(epoll_fd_, events.data(), kEventsPerWait, timeout_ms);
  CONTINUO_CHECK(count >= 0 || errno == EINTR);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    if (event.data.ptr == nullptr) {
      uint64_t wakes = 0;
      (void)!read(wake_fd(), &wakes, sizeof(wakes));
      continue;
    }
    static_cast<EpollSource*>(event.data.ptr)->OnEvents(event.events);
  }
  // Receives that were started while data was known to be there, and what the events made ready.
  running_ready_.swap(ready_);
  for (size_t i = 0; i < running_ready_.size(); ++i) {
    if (running_ready_[i] != nullptr) running_ready_[i]->Receive();
  }
  running_ready_.clear();
}

bool EpollLoop::StartFileOp(FileOp& op) {
  if (op.kind == FileOp::Kind::kRead || op.kind == FileOp::Kind::kReadVector) {
    const int64_t result = ReadWithoutWaiting(op);
    if (result >= 0) {
      op.result = result;
      return false;
    }
  }
  StartOnWorkers(op);
  return true;
}

}  // namespace continuo::net
