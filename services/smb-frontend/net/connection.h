// One client connection: the direct-TCP framing of [MS-SMB2] 2.1 over a loop's socket.
//
//   Frame = 0x00 ++ 24-bit big-endian length ++ that many bytes of message.
//
// An idle connection holds no receive buffer: a first read of up to kReceiveChunkBytes lands in
// memory the loop shares, and a message that is larger is received straight into one buffer of its
// own size. Sending gathers everything queued in a turn into one system call; buffers are not
// copied.
//
// Threading: the loop's thread, except PostSend and PostClose, and the accessors marked so. After
// OnClosed references may be dropped on any thread, but not used after the loop is gone.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include <absl/time/time.h>
#include <sys/uio.h>

#include "common/base/strong_id.h"
#include "services/smb-frontend/net/buffer_pool.h"
#include "services/smb-frontend/net/event_loop.h"
#include "services/smb-frontend/net/socket.h"
#include "services/smb-frontend/net/socket_address.h"

namespace continuo::net {

// Unique in the process, never reused, never zero.
using ConnectionId = base::StrongId<struct ConnectionIdTag>;

inline constexpr size_t kFrameHeaderBytes = 4;
inline constexpr size_t kMaxFramePayloadBytes = 0xFFFFFF;
// Largest message before authentication.
inline constexpr size_t kMaxUnauthenticatedMessageBytes = 64 * 1024;
static_assert(kMaxUnauthenticatedMessageBytes <= kMaxFramePayloadBytes);

enum class CloseReason : uint8_t {
  kPeerClosed,        // Orderly end of the stream between two frames.
  kTruncatedFrame,    // The stream ended inside a frame.
  kBadFrame,          // First byte not zero.
  kOversizedFrame,    // Longer than the limit in force.
  kHandshakeTimeout,  // Not authenticated in time.
  kHalfOpenLimit,     // Dropped as the oldest of too many unauthenticated connections.
  kSocketError,       // The connection failed: reset, timed out.
  kClosedByOwner,     // Close() or PostClose().
};
std::string_view CloseReasonName(CloseReason reason);

class Connection;

// The owner of what a connection carries. The connection keeps it alive until OnClosed returned.
class ConnectionHandler {
 public:
  virtual ~ConnectionHandler() = default;
  // One complete message, contiguous and mutable, with kBufferHeadroomBytes before it.
  virtual void OnMessage(Connection& connection, Buffer message) = 0;
  // The last call; nothing more is received or sent. Coroutines that still hold the connection may
  // call Send; it does nothing.
  virtual void OnClosed(Connection& connection, CloseReason reason) = 0;
  // The server is about to stop. By default the connection closes once its output is sent.
  virtual void OnDrain(Connection& connection);
};

// The firewall mark of the sockets of served connections. It is taken off before the server itself ends
// one, so that a FIN or RST with it comes from the kernel, for a process that died: the resource agent
// has these dropped, and the client learns of the death from the node that takes over, when that can
// serve it. Such sockets do not linger: what the kernel keeps of a closed one would answer the data that
// still comes with a RST without a mark.
inline constexpr uint32_t kServedMark = 0xC0445;

struct ConnectionOptions {
  // From accept to MarkAuthenticated(). Zero: none.
  absl::Duration handshake_timeout = absl::Seconds(30);
  // Reading stops while this much output waits, and goes on at half of it.
  size_t max_queued_output_bytes = 32 * 1024 * 1024;
  // How long queued output may take after Close(kGraceful), before it is dropped.
  absl::Duration graceful_close_timeout = absl::Seconds(5);
  // TCP_USER_TIMEOUT: how long sent data may stay unacknowledged before the kernel ends the
  // connection. Zero leaves the system's default of about 15 minutes.
  absl::Duration user_timeout = absl::Seconds(60);
  // SO_KEEPALIVE: idle time before the first probe, and between probes; 5 probes.
  absl::Duration keepalive_idle = absl::Seconds(60);
  absl::Duration keepalive_interval = absl::Seconds(10);
  // 0: none. Without CAP_NET_ADMIN there is none either.
  uint32_t mark = 0;
};

enum class CloseMode : uint8_t {
  kGraceful,  // Sends what is queued, then ends the stream.
  kAbort,     // Drops what is queued; the peer sees a reset.
};

// Told about a connection's life by the one who accepted it; null where nobody keeps count.
class ConnectionObserver {
 public:
  virtual ~ConnectionObserver() = default;
  virtual void OnAuthenticated(Connection& connection) = 0;
  virtual void OnGone(Connection& connection) = 0;
};

class Connection final : public StreamHandler,
                         private EndOfTurnHook,
                         public std::enable_shared_from_this<Connection> {
 public:
  // Takes ownership of connected `fd`. Nothing is delivered before Start.
  static std::shared_ptr<Connection> Create(EventLoop& loop, int fd,
                                            const ConnectionOptions& options);
  ~Connection() override;

  // Sets the handler and starts to receive.
  void Start(std::shared_ptr<ConnectionHandler> handler, ConnectionObserver* observer = nullptr);

  // Frames and queues one message; everything queued in a turn leaves together, in this order.
  // Requires: the buffer has kFrameHeaderBytes of headroom, at most kMaxFramePayloadBytes. After
  // close it does nothing.
  void Send(Buffer message);
  // Any thread: hops to the loop first. Needs a shared_ptr to the connection.
  void PostSend(Buffer message);

  // Ends the connection; OnClosed follows in a later turn. Repeated calls do nothing, but kAbort
  // overrides a graceful close that is under way.
  void Close(CloseMode mode, CloseReason reason = CloseReason::kClosedByOwner);
  // Any thread.
  void PostClose(CloseMode mode);

  // Tells the handler OnDrain.
  void Drain();

  // Ends the handshake deadline and the half-open accounting.
  void MarkAuthenticated();
  bool is_authenticated() const { return is_authenticated_; }
  // Largest message accepted from the next frame on. Initially kMaxUnauthenticatedMessageBytes.
  void SetMaxMessageSize(size_t size_bytes);

  // The handler's brake: no further message is delivered until ResumeReading(). Messages that were
  // already received together with the current one wait too. Counts nothing: one Resume ends any
  // number of Pauses. After close Resume does nothing.
  void PauseReading();
  void ResumeReading();

  bool is_open() const { return state_ == State::kOpen; }
  size_t queued_output_bytes() const { return queued_output_bytes_; }

  // Any thread: fixed at creation.
  ConnectionId id() const { return id_; }
  EventLoop& loop() const { return loop_; }
  const SocketAddress& peer_address() const { return peer_address_; }
  const SocketAddress& local_address() const { return local_address_; }
  // Any thread: counters.
  uint64_t received_bytes() const { return received_bytes_.load(std::memory_order_relaxed); }
  uint64_t sent_bytes() const { return sent_bytes_.load(std::memory_order_relaxed); }
  uint64_t received_messages() const { return received_messages_.load(std::memory_order_relaxed); }
  uint64_t sent_messages() const { return sent_messages_.load(std::memory_order_relaxed); }

 private:
  // | state     | Close graceful | Close abort | output sent | socket closed |
  // | kOpen     | kDraining      | kClosing    | kOpen       | never         |
  // | kDraining | kDraining      | kClosing    | kClosing    | never         |
  // | kClosing  | kClosing       | kClosing    | kClosing    | kClosed       |
  enum class State : uint8_t { kOpen, kDraining, kClosing, kClosed };

  struct PrivateTag {};

 public:
  Connection(PrivateTag, EventLoop& loop, int fd, const ConnectionOptions& options);

 private:
  // StreamHandler:
  void OnChunk(int64_t result, std::span<const uint8_t> data) override;
  void OnReceived(int64_t result) override;
  void OnSent(int64_t result) override;
  void OnSocketClosed() override;
  // EndOfTurnHook:
  void OnEndOfTurn() override;

  void ApplySocketOptions();
  void TakeMarkOff();
  bool MayDeliver();
  void ContinueReceiving();
  void Feed(std::span<const uint8_t> data);
  bool TakeHeader(std::span<const uint8_t>& data);
  void DeliverIfComplete();
  void EndOfStream(int64_t result);
  void FlushOutput();
  bool TakeSent(int64_t result);
  bool has_output() const { return output_head_ < output_.size(); }
  void FinishDraining();
  void BeginClosing(CloseReason reason, StreamSocket::CloseMode mode);
  void CancelTimer(TimerId& id);

  EventLoop& loop_;
  const ConnectionOptions options_;
  const ConnectionId id_;
  std::unique_ptr<StreamSocket> socket_;
  std::shared_ptr<ConnectionHandler> handler_;
  ConnectionObserver* observer_ = nullptr;
  SocketAddress peer_address_;
  SocketAddress local_address_;

  State state_ = State::kOpen;
  CloseReason close_reason_ = CloseReason::kClosedByOwner;
  bool is_authenticated_ = false;
  TimerId handshake_timer_;
  TimerId drain_timer_;

  // Receiving: header bytes seen so far, then the message under way.
  size_t max_message_bytes_ = kMaxUnauthenticatedMessageBytes;
  std::array<uint8_t, kFrameHeaderBytes> header_{};
  size_t header_filled_ = 0;
  Buffer message_;
  size_t message_filled_ = 0;
  // What was received but not parsed because reading was paused in the middle of a chunk.
  Buffer held_chunk_;
  bool is_paused_by_handler_ = false;
  bool is_paused_by_output_ = false;
  bool is_receiving_ = false;
  bool is_delivering_ = false;
  TimerId saturation_timer_;

  // Sending.
  std::vector<Buffer> output_;  // From output_head_ on; vectors, because idle ones take nothing.
  size_t output_head_ = 0;
  size_t queued_output_bytes_ = 0;
  std::vector<iovec> pieces_;
  bool is_sending_ = false;
  bool is_send_shut_down_ = false;
  bool has_peer_ended_ = false;

  std::atomic<uint64_t> received_bytes_{0};
  std::atomic<uint64_t> sent_bytes_{0};
  std::atomic<uint64_t> received_messages_{0};
  std::atomic<uint64_t> sent_messages_{0};
};

}  // namespace continuo::net
