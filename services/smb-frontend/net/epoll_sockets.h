// Sockets of the epoll engine; see socket.h.
#pragma once

#include "services/smb-frontend/net/epoll_loop.h"
#include "services/smb-frontend/net/socket.h"

namespace continuo::net {

class EpollStream final : public StreamSocket, public EpollSource {
 public:
  EpollStream(EpollLoop& loop, int fd);
  ~EpollStream() override;

  void SetHandler(std::shared_ptr<StreamHandler> handler) override;
  void StartReceiveChunk() override;
  void StartReceiveInto(std::span<uint8_t> out) override;
  std::optional<int64_t> StartSend(std::span<const iovec> pieces) override;
  void ShutdownSend() override;
  void Close(CloseMode mode) override;
  int fd() const override { return fd_; }

  void OnEvents(uint32_t events) override;
  // One attempt at the receive that is under way.
  void Receive();

 private:
  enum class Receiving : uint8_t { kNothing, kChunk, kInto };

  void QueueReceive();
  void ReceiveChunk();
  void ReceiveInto();
  void FinishClose();

  EpollLoop& loop_;
  int fd_;
  std::shared_ptr<StreamHandler> handler_;
  Receiving receiving_ = Receiving::kNothing;
  std::span<uint8_t> out_;
  size_t out_filled_ = 0;
  std::span<const iovec> sending_;  // Not empty while a send waits for room.
  // What edge-triggered events told last.
  bool may_read_ = true;
  bool has_ended_ = false;  // The peer's end was seen: reads never wait any more.
  bool is_ready_queued_ = false;
  bool is_closing_ = false;
};

class EpollAcceptor final : public AcceptSocket, public EpollSource {
 public:
  EpollAcceptor(EpollLoop& loop, int fd);
  ~EpollAcceptor() override;

  void Start(AcceptHandler* handler) override;
  void Pause() override;
  int fd() const override { return fd_; }

  void OnEvents(uint32_t events) override;

 private:
  EpollLoop& loop_;
  const int fd_;
  AcceptHandler* handler_ = nullptr;
};

}  // namespace continuo::net
