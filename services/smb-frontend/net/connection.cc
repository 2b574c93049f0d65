#include "services/smb-frontend/net/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/base/check.h"

namespace continuo::net {

namespace {

// How often a connection asks whether an overloaded worker pool has recovered.
constexpr absl::Duration kSaturationRetry = absl::Milliseconds(5);
constexpr int kKeepaliveProbes = 5;

std::atomic<uint64_t> last_connection_id{0};

void SetOption(int fd, int level, int name, int value) {
  // Best effort: a socket that just died refuses, and its next operation says so.
  (void)setsockopt(fd, level, name, &value, sizeof(value));
}

void SetLinger(int fd, linger value) {
  (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof(value));
}

}  // namespace

std::string_view CloseReasonName(CloseReason reason) {
  switch (reason) {
    case CloseReason::kPeerClosed:
      return "peer_closed";
    case CloseReason::kTruncatedFrame:
      return "truncated_frame";
    case CloseReason::kBadFrame:
      return "bad_frame";
    case CloseReason::kOversizedFrame:
      return "oversized_frame";
    case CloseReason::kHandshakeTimeout:
      return "handshake_timeout";
    case CloseReason::kHalfOpenLimit:
      return "half_open_limit";
    case CloseReason::kSocketError:
      return "socket_error";
    case CloseReason::kClosedByOwner:
      return "closed_by_owner";
  }
  return "unknown";
}

void ConnectionHandler::OnDrain(Connection& connection) { connection.Close(CloseMode::kGraceful); }

std::shared_ptr<Connection> Connection::Create(EventLoop& loop, int fd,
                                               const ConnectionOptions& options) {
  CONTINUO_CHECK(loop.InLoopThread());
  return std::make_shared<Connection>(PrivateTag{}, loop, fd, options);
}

Connection::Connection(PrivateTag, EventLoop& loop, int fd, const ConnectionOptions& options)
    : loop_(loop),
      options_(options),
      id_(last_connection_id.fetch_add(1, std::memory_order_relaxed) + 1),
      socket_(loop.AttachStream(fd)),
      peer_address_(SocketAddress::PeerOf(fd)),
      local_address_(SocketAddress::LocalOf(fd)) {
  ApplySocketOptions();
}

Connection::~Connection() {
  // Once closed the last reference may go on any thread; before that it belongs to the loop.
  if (state_ != State::kClosed) loop_.ForgetEndOfTurn(this);
}

void Connection::ApplySocketOptions() {
  const int fd = socket_->fd();
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPIDLE,
            static_cast<int>(absl::ToInt64Seconds(options_.keepalive_idle)));
  SetOption(fd, IPPROTO_TCP, TCP_KEEPINTVL,
            static_cast<int>(absl::ToInt64Seconds(options_.keepalive_interval)));
  SetOption(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveProbes);
  if (options_.user_timeout > absl::ZeroDuration()) {
    SetOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
              static_cast<int>(absl::ToInt64Milliseconds(options_.user_timeout)));
  }
  if (options_.mark != 0) {
    SetOption(fd, SOL_SOCKET, SO_MARK, static_cast<int>(options_.mark));
    SetLinger(fd, {1, 0});
  }
}

// Before anything that sends a FIN or RST.
void Connection::TakeMarkOff() {
  if (options_.mark == 0) return;
  SetOption(socket_->fd(), SOL_SOCKET, SO_MARK, 0);
  SetLinger(socket_->fd(), {0, 0});
}

void Connection::Start(std::shared_ptr<ConnectionHandler> handler, ConnectionObserver* observer) {
  CONTINUO_CHECK(handler_ == nullptr);
  handler_ = std::move(handler);
  observer_ = observer;
  socket_->SetHandler(shared_from_this());
  if (options_.handshake_timeout > absl::ZeroDuration()) {
    handshake_timer_ = loop_.RunAfter(options_.handshake_timeout, [this] {
      handshake_timer_ = {};
      BeginClosing(CloseReason::kHandshakeTimeout, StreamSocket::CloseMode::kReset);
    });
  }
  ContinueReceiving();
}

void Connection::MarkAuthenticated() {
  if (is_authenticated_ || state_ == State::kClosed) return;
  is_authenticated_ = true;
  CancelTimer(handshake_timer_);
  if (observer_ != nullptr) observer_->OnAuthenticated(*this);
}

void Connection::SetMaxMessageSize(size_t size_bytes) {
  CONTINUO_CHECK(size_bytes <= kMaxFramePayloadBytes);
  max_message_bytes_ = size_bytes;
}

void Connection::CancelTimer(TimerId& id) {
  if (id != TimerId()) loop_.CancelTimer(std::exchange(id, TimerId()));
}

// --- Receiving ---

void Connection::PauseReading() { is_paused_by_handler_ = true; }

void Connection::ResumeReading() {
  if (!std::exchange(is_paused_by_handler_, false) || state_ == State::kClosed) return;
  loop_.AtEndOfTurn(this);
}

// Whether a message may go to the handler now. When the worker pool is overloaded, asks again.
bool Connection::MayDeliver() {
  if (is_paused_by_handler_ || is_paused_by_output_) return false;
  if (!loop_.workers().saturated()) return true;
  if (saturation_timer_ == TimerId()) {
    saturation_timer_ = loop_.RunAfter(kSaturationRetry, [this] {
      saturation_timer_ = {};
      ContinueReceiving();
    });
  }
  return false;
}

void Connection::ContinueReceiving() {
  if (is_receiving_ || is_delivering_) return;
  if (state_ == State::kDraining) {
    if (has_peer_ended_) return;
    is_receiving_ = true;
    socket_->StartReceiveChunk();
    return;
  }
  if (state_ != State::kOpen || !MayDeliver()) return;
  // What arrived while the handler was not ready comes first.
  if (message_.valid() && message_filled_ == message_.size()) DeliverIfComplete();
  if (held_chunk_.valid() && state_ == State::kOpen && MayDeliver()) {
    const Buffer chunk = std::move(held_chunk_);
    return Feed(chunk.payload());
  }
  if (is_receiving_ || state_ != State::kOpen || !MayDeliver()) return;
  is_receiving_ = true;
  if (message_.valid()) {
    socket_->StartReceiveInto(message_.payload().subspan(message_filled_));
  } else {
    socket_->StartReceiveChunk();
  }
}

void Connection::OnChunk(int64_t result, std::span<const uint8_t> data) {
  is_receiving_ = false;
  if (result <= 0) return EndOfStream(result);
  received_bytes_.fetch_add(data.size(), std::memory_order_relaxed);
  if (state_ == State::kOpen) return Feed(data);
  ContinueReceiving();  // Draining: what still comes is dropped.
}

void Connection::OnReceived(int64_t result) {
  is_receiving_ = false;
  const size_t wanted = message_.valid() ? message_.size() - message_filled_ : 0;
  if (result > 0) {
    received_bytes_.fetch_add(static_cast<uint64_t>(result), std::memory_order_relaxed);
    message_filled_ += static_cast<size_t>(result);
  }
  if (state_ != State::kOpen) {
    if (state_ == State::kDraining) message_ = {};
    return result > 0 ? ContinueReceiving() : EndOfStream(result);
  }
  if (result < 0 || static_cast<size_t>(result) < wanted) {
    return EndOfStream(result < 0 ? result : 0);
  }
  ContinueReceiving();
}

void Connection::Feed(std::span<const uint8_t> data) {
  while (state_ == State::kOpen) {
    if (message_.valid() && message_filled_ == message_.size()) {
      if (!MayDeliver()) break;
      DeliverIfComplete();
      continue;
    }
    if (data.empty()) break;
    if (!message_.valid() && !TakeHeader(data)) continue;
    const size_t count = std::min(data.size(), message_.size() - message_filled_);
    if (count > 0) {
      std::memcpy(message_.payload().data() + message_filled_, data.data(), count);
      message_filled_ += count;
      data = data.subspan(count);
    }
  }
  if (state_ == State::kOpen && !data.empty()) held_chunk_ = Buffer::CopyOf(data);
  ContinueReceiving();
}

// Takes header bytes from `data`. True once a message is under way; false when more bytes are
// needed, the frame was empty, or the connection had to be closed.
// Source: [MS-SMB2] 2.1: StreamProtocolLength is big endian and follows a zero byte.
bool Connection::TakeHeader(std::span<const uint8_t>& data) {
  while (header_filled_ < kFrameHeaderBytes && !data.empty()) {
    header_[header_filled_++] = data.front();
    data = data.subspan(1);
  }
  if (header_filled_ < kFrameHeaderBytes) return false;
  header_filled_ = 0;
  if (header_[0] != 0) {
    BeginClosing(CloseReason::kBadFrame, StreamSocket::CloseMode::kNormal);
    return false;
  }
  const size_t size_bytes = size_t{header_[1]} << 16 | size_t{header_[2]} << 8 | header_[3];
  if (size_bytes > max_message_bytes_) {
    BeginClosing(CloseReason::kOversizedFrame, StreamSocket::CloseMode::kNormal);
    return false;
  }
  if (size_bytes == 0) return false;  // An empty frame only proves that the peer is there.
  message_ = Buffer::Allocate(size_bytes);
  message_filled_ = 0;
  return true;
}

void Connection::DeliverIfComplete() {
  if (!message_.valid() || message_filled_ < message_.size()) return;
  Buffer message = std::move(message_);
  message_filled_ = 0;
  received_messages_.fetch_add(1, std::memory_order_relaxed);
  is_delivering_ = true;
  handler_->OnMessage(*this, std::move(message));
  is_delivering_ = false;
}

void Connection::EndOfStream(int64_t result) {
  if (state_ == State::kClosing || state_ == State::kClosed) return;
  if (state_ == State::kDraining) {
    has_peer_ended_ = true;
    // A peer that ended only its own direction still waits for what is queued.
    if (result == 0 && has_output()) return;
    return BeginClosing(close_reason_, StreamSocket::CloseMode::kNormal);
  }
  CloseReason reason = CloseReason::kPeerClosed;
  if (header_filled_ > 0 || message_.valid()) reason = CloseReason::kTruncatedFrame;
  if (result < 0) reason = CloseReason::kSocketError;
  BeginClosing(reason, StreamSocket::CloseMode::kNormal);
}

// --- Sending ---

void Connection::Send(Buffer message) {
  CONTINUO_CHECK(loop_.InLoopThread());
  if (state_ != State::kOpen) return;
  const size_t size_bytes = message.size();
  CONTINUO_CHECK(size_bytes <= kMaxFramePayloadBytes);
  const std::span<uint8_t> header = message.Prepend(kFrameHeaderBytes);
  header[0] = 0;
  header[1] = static_cast<uint8_t>(size_bytes >> 16);
  header[2] = static_cast<uint8_t>(size_bytes >> 8);
  header[3] = static_cast<uint8_t>(size_bytes);
  queued_output_bytes_ += message.size();
  if (queued_output_bytes_ > options_.max_queued_output_bytes) is_paused_by_output_ = true;
  output_.push_back(std::move(message));
  sent_messages_.fetch_add(1, std::memory_order_relaxed);
  loop_.AtEndOfTurn(this);
}

void Connection::PostSend(Buffer message) {
  if (loop_.InLoopThread()) return Send(std::move(message));
  loop_.Post([self = shared_from_this(), message = std::move(message)]() mutable {
    self->Send(std::move(message));
  });
}

void Connection::OnEndOfTurn() {
  FlushOutput();
  ContinueReceiving();
}

void Connection::FlushOutput() {
  while (!is_sending_ && has_output() && (state_ == State::kOpen || state_ == State::kDraining)) {
    const size_t count = std::min(output_.size() - output_head_, kMaxSendPieces);
    pieces_.clear();
    for (size_t i = 0; i < count; ++i) {
      const std::span<uint8_t> piece = output_[output_head_ + i].payload();
      pieces_.push_back({piece.data(), piece.size()});
    }
    is_sending_ = true;
    const std::optional<int64_t> sent = socket_->StartSend(pieces_);
    if (!sent) return;
    is_sending_ = false;
    if (!TakeSent(*sent)) return;
  }
  if (state_ == State::kDraining && !has_output()) FinishDraining();
}

// Drops what was sent from the queue. False if sending failed and the connection is closing.
bool Connection::TakeSent(int64_t result) {
  if (result < 0) {
    if (state_ == State::kOpen) close_reason_ = CloseReason::kSocketError;
    BeginClosing(close_reason_, StreamSocket::CloseMode::kReset);
    return false;
  }
  auto rest = static_cast<size_t>(result);
  sent_bytes_.fetch_add(rest, std::memory_order_relaxed);
  CONTINUO_CHECK(rest <= queued_output_bytes_);
  queued_output_bytes_ -= rest;
  while (rest > 0) {
    Buffer& front = output_[output_head_];
    if (rest < front.size()) {
      front.TrimFront(rest);
      break;
    }
    rest -= front.size();
    front = {};
    ++output_head_;
  }
  if (!has_output()) {
    output_.clear();
    output_head_ = 0;
  } else if (output_head_ > kMaxSendPieces) {
    output_.erase(output_.begin(), output_.begin() + static_cast<std::ptrdiff_t>(output_head_));
    output_head_ = 0;
  }
  if (queued_output_bytes_ <= options_.max_queued_output_bytes / 2) is_paused_by_output_ = false;
  return true;
}

void Connection::OnSent(int64_t result) {
  is_sending_ = false;
  if (state_ == State::kClosing || state_ == State::kClosed) return;
  const bool was_paused = is_paused_by_output_;
  if (!TakeSent(result)) return;
  // What was queued meanwhile, or did not fit, goes with the other output of this turn.
  if (has_output() || state_ == State::kDraining) loop_.AtEndOfTurn(this);
  if (was_paused && !is_paused_by_output_) loop_.AtEndOfTurn(this);
}

// --- Closing ---

void Connection::Close(CloseMode mode, CloseReason reason) {
  if (state_ == State::kClosing || state_ == State::kClosed) return;
  if (mode == CloseMode::kAbort) return BeginClosing(reason, StreamSocket::CloseMode::kReset);
  if (state_ == State::kDraining) return;
  state_ = State::kDraining;
  close_reason_ = reason;
  if (!is_receiving_) message_ = {};  // Else it may be written to until OnReceived.
  held_chunk_ = {};
  drain_timer_ = loop_.RunAfter(options_.graceful_close_timeout, [this] {
    drain_timer_ = {};
    BeginClosing(close_reason_, StreamSocket::CloseMode::kReset);
  });
  loop_.AtEndOfTurn(this);
}

void Connection::PostClose(CloseMode mode) {
  loop_.Post([self = shared_from_this(), mode] { self->Close(mode); });
}

void Connection::Drain() {
  if (handler_ != nullptr && state_ == State::kOpen) handler_->OnDrain(*this);
}

// All output is sent: ends the stream, and waits (until drain_timer_) for the peer to end its own.
// Closing at once could reset the connection and take the last response away from the peer.
void Connection::FinishDraining() {
  if (std::exchange(is_send_shut_down_, true)) return;
  TakeMarkOff();
  socket_->ShutdownSend();
  if (has_peer_ended_) BeginClosing(close_reason_, StreamSocket::CloseMode::kNormal);
}

void Connection::BeginClosing(CloseReason reason, StreamSocket::CloseMode mode) {
  if (state_ == State::kClosing || state_ == State::kClosed) return;
  // The reason of a graceful close stays, whatever ends it.
  if (state_ == State::kOpen) close_reason_ = reason;
  state_ = State::kClosing;
  CancelTimer(handshake_timer_);
  CancelTimer(drain_timer_);
  CancelTimer(saturation_timer_);
  TakeMarkOff();
  socket_->Close(mode);
}

void Connection::OnSocketClosed() {
  state_ = State::kClosed;
  loop_.ForgetEndOfTurn(this);
  output_.clear();
  output_head_ = 0;
  queued_output_bytes_ = 0;
  message_ = {};
  held_chunk_ = {};
  socket_.reset();
  const std::shared_ptr<ConnectionHandler> handler = std::move(handler_);
  if (observer_ != nullptr) std::exchange(observer_, nullptr)->OnGone(*this);
  if (handler != nullptr) handler->OnClosed(*this, close_reason_);
}

}  // namespace continuo::net
