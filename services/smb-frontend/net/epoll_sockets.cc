#include "services/smb-frontend/net/epoll_sockets.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/base/check.h"

namespace continuo::net {

namespace {

// What one receive takes per turn before other connections have theirs.
constexpr size_t kReceiveBudgetBytes = 2 * 1024 * 1024;
constexpr int kAcceptsPerTurn = 32;

void SetNonBlocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  CONTINUO_CHECK(flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0);
}

int64_t SendNow(int fd, std::span<const iovec> pieces) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());  // sendmsg does not write to it.
  message.msg_iovlen = pieces.size();
  ssize_t sent = 0;
  do {
    sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? -int64_t{errno} : sent;
}

}  // namespace

EpollStream::EpollStream(EpollLoop& loop, int fd) : loop_(loop), fd_(fd) {
  SetNonBlocking(fd);
  loop_.Register(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, this);
}

EpollStream::~EpollStream() {
  loop_.RemoveReady(this);
  if (fd_ >= 0) close(fd_);
}

void EpollStream::SetHandler(std::shared_ptr<StreamHandler> handler) {
  handler_ = std::move(handler);
}

void EpollStream::QueueReceive() {
  if (!may_read_ || is_ready_queued_ || is_closing_) return;
  is_ready_queued_ = true;
  loop_.AddReady(this);
}

void EpollStream::StartReceiveChunk() {
  CONTINUO_CHECK(receiving_ == Receiving::kNothing);
  receiving_ = Receiving::kChunk;
  QueueReceive();
}

void EpollStream::StartReceiveInto(std::span<uint8_t> out) {
  CONTINUO_CHECK(receiving_ == Receiving::kNothing);
  receiving_ = Receiving::kInto;
  out_ = out;
  out_filled_ = 0;
  QueueReceive();
}

void EpollStream::OnEvents(uint32_t events) {
  if (is_closing_) return;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) has_ended_ = true;
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
    may_read_ = true;
    if (receiving_ != Receiving::kNothing) QueueReceive();
  }
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0 && !sending_.empty()) {
    const int64_t sent = SendNow(fd_, sending_);
    if (sent == -EAGAIN) return;
    sending_ = {};
    handler_->OnSent(sent);
  }
}

void EpollStream::Receive() {
  is_ready_queued_ = false;
  if (is_closing_) return;
  if (receiving_ == Receiving::kChunk) {
    ReceiveChunk();
  } else if (receiving_ == Receiving::kInto) {
    ReceiveInto();
  }
}

void EpollStream::ReceiveChunk() {
  const std::span<uint8_t> chunk = loop_.chunk();
  const ssize_t got = recv(fd_, chunk.data(), chunk.size(), MSG_DONTWAIT);
  if (got < 0 && errno == EINTR) return QueueReceive();
  if (got < 0 && errno == EAGAIN) {
    may_read_ = has_ended_;
    return QueueReceive();
  }
  const int64_t result = got < 0 ? -int64_t{errno} : got;
  // Less than asked for: the socket is empty, and the next data brings a new event.
  if (result < static_cast<int64_t>(chunk.size())) may_read_ = has_ended_;
  receiving_ = Receiving::kNothing;
  handler_->OnChunk(result, chunk.first(result > 0 ? static_cast<size_t>(result) : 0));
}

void EpollStream::ReceiveInto() {
  int64_t error = 0;
  size_t budget = kReceiveBudgetBytes;
  while (out_filled_ < out_.size() && budget > 0) {
    const std::span<uint8_t> rest = out_.subspan(out_filled_);
    const ssize_t got = recv(fd_, rest.data(), std::min(rest.size(), budget), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) {
      may_read_ = has_ended_;
      return QueueReceive();
    }
    if (got < 0) error = -int64_t{errno};
    if (got <= 0) break;
    out_filled_ += static_cast<size_t>(got);
    budget -= static_cast<size_t>(got);
  }
  if (budget == 0 && out_filled_ < out_.size()) return QueueReceive();
  receiving_ = Receiving::kNothing;
  handler_->OnReceived(error != 0 ? error : static_cast<int64_t>(out_filled_));
}

std::optional<int64_t> EpollStream::StartSend(std::span<const iovec> pieces) {
  CONTINUO_CHECK(sending_.empty());
  CONTINUO_CHECK(!is_closing_);
  const int64_t sent = SendNow(fd_, pieces);
  if (sent != -EAGAIN) return sent;
  sending_ = pieces;
  return std::nullopt;
}

void EpollStream::ShutdownSend() { shutdown(fd_, SHUT_WR); }

void EpollStream::Close(CloseMode mode) {
  if (is_closing_) return;
  is_closing_ = true;
  loop_.RemoveReady(this);
  if (mode == CloseMode::kReset) {
    const linger reset{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  }
  close(fd_);
  fd_ = -1;
  loop_.Post([this] { FinishClose(); });
}

void EpollStream::FinishClose() {
  const std::shared_ptr<StreamHandler> handler = std::move(handler_);
  const Receiving receiving = std::exchange(receiving_, Receiving::kNothing);
  if (receiving == Receiving::kChunk) handler->OnChunk(-ECANCELED, {});
  if (receiving == Receiving::kInto) handler->OnReceived(-ECANCELED);
  if (!std::exchange(sending_, {}).empty()) handler->OnSent(-ECANCELED);
  handler->OnSocketClosed();  // `this` may go with the handler.
}

EpollAcceptor::EpollAcceptor(EpollLoop& loop, int fd) : loop_(loop), fd_(fd) { SetNonBlocking(fd); }

EpollAcceptor::~EpollAcceptor() { close(fd_); }

void EpollAcceptor::Start(AcceptHandler* handler) {
  if (handler_ == nullptr) loop_.Register(fd_, EPOLLIN, this);
  handler_ = handler;
}

void EpollAcceptor::Pause() {
  if (handler_ == nullptr) return;
  handler_ = nullptr;
  loop_.Unregister(fd_);
}

void EpollAcceptor::OnEvents(uint32_t) {
  for (int i = 0; i < kAcceptsPerTurn && handler_ != nullptr; ++i) {
    const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      handler_->OnAccepted(fd);
      continue;
    }
    if (errno == EAGAIN) return;
    if (IsTransientAcceptError(errno)) continue;
    const int error = errno;
    AcceptHandler* const handler = handler_;
    Pause();
    handler->OnAcceptFailed(error);
    return;
  }
}

}  // namespace continuo::net
