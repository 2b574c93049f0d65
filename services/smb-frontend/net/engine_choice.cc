// Which engine a loop gets.
#include "services/smb-frontend/net/epoll_loop.h"
#include "services/smb-frontend/net/event_loop.h"
#include "services/smb-frontend/net/uring_loop.h"

namespace continuo::net {

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create(const EventLoopOptions& options) {
  if (options.engine == IoEngine::kEpoll) return EpollLoop::Create(options);
  absl::StatusOr<std::unique_ptr<EventLoop>> loop = UringLoop::Create(options);
  if (loop.ok() || options.engine == IoEngine::kIoUring) return loop;
  return EpollLoop::Create(options);
}

}  // namespace continuo::net
