// What an event loop offers to Connection and Listener: completion-based sockets. Each engine has
// its own implementation. Nobody else uses this.
//
// Threading: the loop's thread.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include <sys/uio.h>

namespace continuo::net {

// Most pieces that one send operation gathers.
inline constexpr size_t kMaxSendPieces = 64;
// A first read takes at most this much, so that the rest of a large message goes straight into a
// buffer of its own.
inline constexpr size_t kReceiveChunkBytes = 8192;

// Receives the outcome of a StreamSocket's operations. `result` is bytes (0: the peer closed) or
// -errno.
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  // Of StartReceiveChunk: `data` is borrowed until the call returns.
  virtual void OnChunk(int64_t result, std::span<const uint8_t> data) = 0;
  // Of StartReceiveInto.
  virtual void OnReceived(int64_t result) = 0;
  virtual void OnSent(int64_t result) = 0;
  // After Close(): the last call; it may destroy the socket.
  virtual void OnSocketClosed() = 0;
};

// At most one receive and one send operation at a time.
class StreamSocket {
 public:
  virtual ~StreamSocket() = default;

  // Sets who is told; kept alive until OnSocketClosed has returned.
  virtual void SetHandler(std::shared_ptr<StreamHandler> handler) = 0;

  // Waits for data without holding any memory for it, then hands out what is there.
  virtual void StartReceiveChunk() = 0;
  // Fills `out` completely, unless the stream ends or fails first.
  virtual void StartReceiveInto(std::span<uint8_t> out) = 0;
  // Sends the pieces in order; may end short. Returns the outcome if it is known at once, else
  // OnSent follows; until then `pieces` and their memory stay valid.
  virtual std::optional<int64_t> StartSend(std::span<const iovec> pieces) = 0;

  // No more data out; the peer sees the end of the stream.
  virtual void ShutdownSend() = 0;
  // Ends running operations (their handlers run, with an error) and closes the descriptor.
  // OnSocketClosed follows in a later turn. kReset drops unsent data and sends RST.
  enum class CloseMode : uint8_t { kNormal, kReset };
  virtual void Close(CloseMode mode) = 0;

  virtual int fd() const = 0;
};

class AcceptHandler {
 public:
  virtual ~AcceptHandler() = default;
  // Owns `fd`: connected, close-on-exec.
  virtual void OnAccepted(int fd) = 0;
  // Accepting has stopped: EMFILE and the like. Call Start again later.
  virtual void OnAcceptFailed(int error) = 0;
};

class AcceptSocket {
 public:
  // Closes the socket. Not from inside a handler's call.
  virtual ~AcceptSocket() = default;
  virtual void Start(AcceptHandler* handler) = 0;
  virtual void Pause() = 0;
  virtual int fd() const = 0;
};

// Of accept: a connection that died before it was accepted, or a signal; the next call may well
// succeed. The others (no descriptors, no memory) need a pause.
inline bool IsTransientAcceptError(int error) {
  return error != EMFILE && error != ENFILE && error != ENOMEM && error != ENOBUFS;
}

}  // namespace continuo::net
