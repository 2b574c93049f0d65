// The io_uring engine (kernel 5.19 and later): one io_uring_enter per turn submits what the turn
// produced and fetches what completed.
//
// First reads of all streams take a buffer from one registered ring only when data is there
// (IOSQE_BUFFER_SELECT), so ten thousand idle connections hold no memory. File operations run under
// the user's credentials through a registered personality, one per token in use.
//
// Use EventLoop::Create. Threading: as EventLoop.
#pragma once

#include <liburing.h>

#include <memory>

#include "services/smb-frontend/net/event_loop.h"
#include "services/smb-frontend/net/personality_cache.h"

namespace continuo::net {

// Shared receive buffers of a loop; a power of two.
inline constexpr uint32_t kReceiveRingBuffers = 64;
static_assert((kReceiveRingBuffers & (kReceiveRingBuffers - 1)) == 0);
inline constexpr uint16_t kReceiveRingGroup = 0;

// What a submission's user_data points to.
class UringOp {
 public:
  virtual ~UringOp() = default;
  // `result` and `flags` as in the completion queue entry.
  virtual void OnCompletion(int32_t result, uint32_t flags) = 0;
};

class UringLoop final : public EventLoop {
 public:
  // Errors: Unavailable if the kernel lacks or forbids something the engine needs.
  static absl::StatusOr<std::unique_ptr<EventLoop>> Create(const EventLoopOptions& options);
  ~UringLoop() override;

  IoEngine engine() const override { return IoEngine::kIoUring; }
  std::unique_ptr<StreamSocket> AttachStream(int fd) override;
  std::unique_ptr<AcceptSocket> AttachAcceptor(int fd) override;

  // For the sockets of this engine. An entry to fill in; submits first when the queue is full.
  io_uring_sqe* NextEntry();
  // Counts the operation as in flight until its last completion.
  void Track(io_uring_sqe* entry, UringOp* op);
  // Cancels whatever runs on `fd`; each operation completes with -ECANCELED or its result.
  void CancelDescriptor(int fd);
  void CancelOperation(UringOp* op);
  std::span<const uint8_t> ReceiveBuffer(uint32_t completion_flags, size_t size_bytes) const;
  void RecycleReceiveBuffer(uint32_t completion_flags);

 private:
  class WakeOp;

  explicit UringLoop(const EventLoopOptions& options);
  absl::Status Init();
  absl::Status InitReceiveRing();
  void WaitAndDispatch(absl::Duration timeout) override;
  void OnThreadStart() override;
  void OnThreadStop() override;
  bool StartFileOp(FileOp& op) override;
  void DispatchCompletions();
  void DispatchOne(const io_uring_cqe& completion);
  void ArmWake();

  io_uring ring_{};
  bool has_ring_ = false;
  io_uring_buf_ring* receive_ring_ = nullptr;
  uint8_t* receive_memory_ = nullptr;
  size_t ops_running_ = 0;
  bool is_ending_ = false;
  std::unique_ptr<UringOp> wake_op_;
  uint64_t wake_count_ = 0;
  PersonalityCache personalities_{ring_};
};

}  // namespace continuo::net
