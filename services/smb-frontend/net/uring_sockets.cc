#include "services/smb-frontend/net/uring_sockets.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/base/check.h"

namespace continuo::net {

namespace {

// io_uring waits for a socket by itself; for a non-blocking one it would return EAGAIN instead.
void SetBlocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  CONTINUO_CHECK(flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0);
}

bool IsTransient(int64_t negative_errno) {
  return negative_errno == -EINTR || negative_errno == -EAGAIN;
}

}  // namespace

UringStream::UringStream(UringLoop& loop, int fd) : loop_(loop), fd_(fd) { SetBlocking(fd); }

UringStream::~UringStream() {
  CONTINUO_CHECK(ops_running_ == 0);
  if (fd_ >= 0) close(fd_);
}

void UringStream::SetHandler(std::shared_ptr<StreamHandler> handler) {
  handler_ = std::move(handler);
}

void UringStream::StartReceiveChunk() {
  CONTINUO_CHECK(!is_closing_);
  SubmitReceiveChunk();
}

void UringStream::SubmitReceiveChunk() {
  io_uring_sqe* const entry = loop_.NextEntry();
  io_uring_prep_recv(entry, fd_, nullptr, kReceiveChunkBytes, 0);
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = kReceiveRingGroup;
  // An attempt that finds nothing is wasted: wait first unless the last receive said there is more.
  if (!may_have_data_) entry->ioprio |= IORING_RECVSEND_POLL_FIRST;
  loop_.Track(entry, &chunk_op_);
  ++ops_running_;
}

void UringStream::OnChunkCompletion(int32_t result, uint32_t flags) {
  --ops_running_;
  may_have_data_ = (flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
  const bool has_buffer = (flags & IORING_CQE_F_BUFFER) != 0;
  if (!is_closing_ && (result == -ENOBUFS || IsTransient(result))) {
    // More connections had data at once than there are buffers; those are free again by now.
    if (has_buffer) loop_.RecycleReceiveBuffer(flags);
    return SubmitReceiveChunk();
  }
  std::span<const uint8_t> data;
  if (has_buffer && result > 0) data = loop_.ReceiveBuffer(flags, static_cast<size_t>(result));
  handler_->OnChunk(result, data);
  if (has_buffer) loop_.RecycleReceiveBuffer(flags);
  FinishCloseIfIdle();
}

void UringStream::StartReceiveInto(std::span<uint8_t> out) {
  CONTINUO_CHECK(!is_closing_);
  out_ = out;
  out_filled_ = 0;
  SubmitReceiveInto();
}

void UringStream::SubmitReceiveInto() {
  io_uring_sqe* const entry = loop_.NextEntry();
  const std::span<uint8_t> rest = out_.subspan(out_filled_);
  io_uring_prep_recv(entry, fd_, rest.data(), rest.size(), MSG_WAITALL);
  loop_.Track(entry, &into_op_);
  ++ops_running_;
}

void UringStream::OnIntoCompletion(int32_t result, uint32_t flags) {
  --ops_running_;
  may_have_data_ = (flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
  if (result > 0) out_filled_ += static_cast<size_t>(result);
  const bool may_continue = !is_closing_ && out_filled_ < out_.size();
  if (may_continue && (result > 0 || IsTransient(result))) return SubmitReceiveInto();
  handler_->OnReceived(result < 0 ? result : static_cast<int64_t>(out_filled_));
  FinishCloseIfIdle();
}

std::optional<int64_t> UringStream::StartSend(std::span<const iovec> pieces) {
  CONTINUO_CHECK(!is_closing_);
  io_uring_sqe* const entry = loop_.NextEntry();
  // MSG_WAITALL: the kernel goes on by itself when the socket's buffer was full.
  constexpr int kFlags = MSG_NOSIGNAL | MSG_WAITALL;
  if (pieces.size() == 1) {
    io_uring_prep_send(entry, fd_, pieces[0].iov_base, pieces[0].iov_len, kFlags);
  } else {
    send_message_ = {};
    send_message_.msg_iov = const_cast<iovec*>(pieces.data());  // The kernel only reads it.
    send_message_.msg_iovlen = pieces.size();
    io_uring_prep_sendmsg(entry, fd_, &send_message_, kFlags);
  }
  loop_.Track(entry, &send_op_);
  ++ops_running_;
  return std::nullopt;
}

void UringStream::OnSendCompletion(int32_t result, uint32_t) {
  --ops_running_;
  handler_->OnSent(IsTransient(result) ? 0 : result);
  FinishCloseIfIdle();
}

void UringStream::ShutdownSend() { shutdown(fd_, SHUT_WR); }

void UringStream::Close(CloseMode mode) {
  if (is_closing_) return;
  is_closing_ = true;
  if (mode == CloseMode::kReset) {
    const linger reset{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  } else {
    shutdown(fd_, SHUT_RDWR);
  }
  if (ops_running_ > 0) loop_.CancelDescriptor(fd_);
  // Handlers may be on the stack: the end comes in a turn of its own.
  loop_.Post([this] {
    is_close_posted_ = true;
    FinishCloseIfIdle();
  });
}

void UringStream::FinishCloseIfIdle() {
  if (!is_close_posted_ || ops_running_ > 0 || fd_ < 0) return;
  close(fd_);
  fd_ = -1;
  loop_.Post([this] {
    const std::shared_ptr<StreamHandler> handler = std::move(handler_);
    handler->OnSocketClosed();  // `this` may go with the handler.
  });
}

class UringAcceptor::Op final : public UringOp {
 public:
  Op(UringLoop& loop, int fd, AcceptHandler* handler) : loop_(loop), fd_(fd), handler_(handler) {}

  void Submit() {
    io_uring_sqe* const entry = loop_.NextEntry();
    io_uring_prep_multishot_accept(entry, fd_, nullptr, nullptr, SOCK_CLOEXEC);
    loop_.Track(entry, this);
  }

  // Accepts no more; goes with the kernel's last completion.
  void Abandon() {
    handler_ = nullptr;
    loop_.CancelOperation(this);
  }

  void SetHome(Op** home) { home_ = home; }

  void OnCompletion(int32_t result, uint32_t flags) override {
    const bool is_last = (flags & IORING_CQE_F_MORE) == 0;
    if (result >= 0) {
      if (handler_ == nullptr) {
        close(result);
      } else {
        handler_->OnAccepted(result);
      }
    }
    if (!is_last) return;
    AcceptHandler* const handler = handler_;
    if (handler != nullptr && (result >= 0 || IsTransientAcceptError(-result))) return Submit();
    if (handler != nullptr) *home_ = nullptr;
    delete this;
    if (handler != nullptr) handler->OnAcceptFailed(-result);
  }

 private:
  UringLoop& loop_;
  const int fd_;
  AcceptHandler* handler_;
  Op** home_ = nullptr;
};

UringAcceptor::UringAcceptor(UringLoop& loop, int fd) : loop_(loop), fd_(fd) { SetBlocking(fd); }

UringAcceptor::~UringAcceptor() {
  Pause();
  // A listening socket that is only closed goes on listening while an accept holds it.
  shutdown(fd_, SHUT_RDWR);
  close(fd_);
}

void UringAcceptor::Start(AcceptHandler* handler) {
  if (op_ != nullptr) return;
  op_ = new Op(loop_, fd_, handler);
  op_->SetHome(&op_);
  op_->Submit();
}

void UringAcceptor::Pause() {
  if (op_ == nullptr) return;
  std::exchange(op_, nullptr)->Abandon();
}

}  // namespace continuo::net
