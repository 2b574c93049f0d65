// The epoll engine. Sockets are registered once, edge-triggered; file operations are tried from the
// page cache (RWF_NOWAIT) and go to the worker pool otherwise.
//
// Use EventLoop::Create. Threading: as EventLoop.
#pragma once

#include <memory>
#include <vector>

#include "services/smb-frontend/net/event_loop.h"

namespace continuo::net {

class EpollStream;

// What an epoll registration points to.
class EpollSource {
 public:
  virtual ~EpollSource() = default;
  virtual void OnEvents(uint32_t events) = 0;
};

class EpollLoop final : public EventLoop {
 public:
  static absl::StatusOr<std::unique_ptr<EventLoop>> Create(const EventLoopOptions& options);
  ~EpollLoop() override;

  IoEngine engine() const override { return IoEngine::kEpoll; }
  std::unique_ptr<StreamSocket> AttachStream(int fd) override;
  std::unique_ptr<AcceptSocket> AttachAcceptor(int fd) override;

  // For the sockets of this engine.
  void Register(int fd, uint32_t events, EpollSource* source);
  void Unregister(int fd);
  // The stream wants to receive and its socket may have data.
  void AddReady(EpollStream* stream) { ready_.push_back(stream); }
  void RemoveReady(EpollStream* stream);
  // Where first reads of all streams land.
  std::span<uint8_t> chunk() { return chunk_; }

 private:
  EpollLoop(const EventLoopOptions& options, int epoll_fd);

  void WaitAndDispatch(absl::Duration timeout) override;
  void OnThreadStart() override {}
  void OnThreadStop() override {}
  bool StartFileOp(FileOp& op) override;

  const int epoll_fd_;
  std::vector<EpollStream*> ready_;
  std::vector<EpollStream*> running_ready_;
  std::array<uint8_t, kReceiveChunkBytes> chunk_{};
};

}  // namespace continuo::net
