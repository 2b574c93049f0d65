// Sockets of the io_uring engine; see socket.h.
#pragma once

#include <sys/socket.h>

#include "services/smb-frontend/net/socket.h"
#include "services/smb-frontend/net/uring_loop.h"

namespace continuo::net {

class UringStream final : public StreamSocket {
 public:
  UringStream(UringLoop& loop, int fd);
  ~UringStream() override;

  void SetHandler(std::shared_ptr<StreamHandler> handler) override;
  void StartReceiveChunk() override;
  void StartReceiveInto(std::span<uint8_t> out) override;
  std::optional<int64_t> StartSend(std::span<const iovec> pieces) override;
  void ShutdownSend() override;
  void Close(CloseMode mode) override;
  int fd() const override { return fd_; }

 private:
  // Gives each of the operations its own address to complete to.
  template <void (UringStream::*kComplete)(int32_t, uint32_t)>
  class Op final : public UringOp {
   public:
    explicit Op(UringStream& stream) : stream_(stream) {}
    void OnCompletion(int32_t result, uint32_t flags) override {
      (stream_.*kComplete)(result, flags);
    }

   private:
    UringStream& stream_;
  };

  void SubmitReceiveChunk();
  void SubmitReceiveInto();
  void OnChunkCompletion(int32_t result, uint32_t flags);
  void OnIntoCompletion(int32_t result, uint32_t flags);
  void OnSendCompletion(int32_t result, uint32_t flags);
  void FinishCloseIfIdle();

  UringLoop& loop_;
  int fd_;
  std::shared_ptr<StreamHandler> handler_;
  Op<&UringStream::OnChunkCompletion> chunk_op_{*this};
  Op<&UringStream::OnIntoCompletion> into_op_{*this};
  Op<&UringStream::OnSendCompletion> send_op_{*this};
  std::span<uint8_t> out_;
  size_t out_filled_ = 0;
  msghdr send_message_{};
  uint32_t ops_running_ = 0;
  bool may_have_data_ = true;
  bool is_closing_ = false;
  bool is_close_posted_ = false;
};

class UringAcceptor final : public AcceptSocket {
 public:
  UringAcceptor(UringLoop& loop, int fd);
  ~UringAcceptor() override;

  void Start(AcceptHandler* handler) override;
  void Pause() override;
  int fd() const override { return fd_; }

 private:
  // Outlives the acceptor until the kernel's last completion.
  class Op;

  UringLoop& loop_;
  const int fd_;
  Op* op_ = nullptr;  // Deletes itself.
};

}  // namespace continuo::net
