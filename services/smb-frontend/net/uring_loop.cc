#include "services/smb-frontend/net/uring_loop.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <absl/strings/str_format.h>

#include "common/base/check.h"
#include "services/smb-frontend/net/uring_sockets.h"

namespace continuo::net {

namespace {

constexpr unsigned kSubmissionEntries = 256;
constexpr unsigned kCompletionEntries = 4096;
constexpr size_t kCompletionsPerBatch = 64;
constexpr uint64_t kMaxOpBytes = 0x7FFFF000;  // What the kernel transfers at most in one call.

// user_data is a pointer to a UringOp, or to a FileOp with the lowest bit set, or zero for entries
// whose completion nobody wants.
constexpr uint64_t kFileOpTag = 1;
static_assert(alignof(FileOp) >= 2);
static_assert(alignof(UringOp) >= 2);

absl::Status Refused(const char* call, int negative_errno) {
  return absl::UnavailableError(absl::StrFormat("%s: %s", call, std::strerror(-negative_errno)));
}

// liburing 2.3 declares io_uring_enable_rings but its shared library does not export it.
long EnableRing(int ring_fd) {
  return syscall(__NR_io_uring_register, ring_fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
}

// The newest set of flags that the kernel takes.
int InitRing(io_uring& ring) {
  constexpr std::array<unsigned, 3> kFlagSets = {
      IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,  // 6.1
      IORING_SETUP_COOP_TASKRUN,                                // 5.19
      0,
  };
  int result = -EINVAL;
  for (const unsigned flags : kFlagSets) {
    io_uring_params params{};
    // Disabled until the loop's own thread enables it, which makes that thread the one issuer.
    params.flags = flags | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL |
                   IORING_SETUP_R_DISABLED;
    params.cq_entries = kCompletionEntries;
    result = io_uring_queue_init_params(kSubmissionEntries, &ring, &params);
    if (result != -EINVAL) break;
  }
  return result;
}

}  // namespace

// Completes when another thread calls Wake().
class UringLoop::WakeOp final : public UringOp {
 public:
  explicit WakeOp(UringLoop& loop) : loop_(loop) {}
  void OnCompletion(int32_t, uint32_t) override {
    if (!loop_.is_ending_) loop_.ArmWake();
  }

 private:
  UringLoop& loop_;
};

absl::StatusOr<std::unique_ptr<EventLoop>> UringLoop::Create(const EventLoopOptions& options) {
  std::unique_ptr<UringLoop> loop(new UringLoop(options));
  CONTINUO_RETURN_IF_ERROR(loop->Init());
  return std::unique_ptr<EventLoop>(std::move(loop));
}

UringLoop::UringLoop(const EventLoopOptions& options)
    : EventLoop(options), wake_op_(std::make_unique<WakeOp>(*this)) {}

UringLoop::~UringLoop() {
  if (has_ring_) io_uring_queue_exit(&ring_);
  if (receive_ring_ != nullptr) munmap(receive_ring_, kReceiveRingBuffers * sizeof(io_uring_buf));
  if (receive_memory_ != nullptr) munmap(receive_memory_, kReceiveRingBuffers * kReceiveChunkBytes);
}

absl::Status UringLoop::Init() {
  const int result = InitRing(ring_);
  if (result < 0) return Refused("io_uring_setup", result);
  has_ring_ = true;
  constexpr unsigned kNeeded = IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_FAST_POLL;
  if ((ring_.features & kNeeded) != kNeeded) return Refused("io_uring features", -ENOSYS);
  return InitReceiveRing();
}

absl::Status UringLoop::InitReceiveRing() {
  const auto map = [](size_t size_bytes) -> void* {
    void* const memory =
        mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? nullptr : memory;
  };
  receive_ring_ = static_cast<io_uring_buf_ring*>(map(kReceiveRingBuffers * sizeof(io_uring_buf)));
  receive_memory_ = static_cast<uint8_t*>(map(kReceiveRingBuffers * kReceiveChunkBytes));
  if (receive_ring_ == nullptr || receive_memory_ == nullptr) return Refused("mmap", -ENOMEM);

  io_uring_buf_reg registration{};
  std::memcpy(&registration.ring_addr, &receive_ring_, sizeof(receive_ring_));
  registration.ring_entries = kReceiveRingBuffers;
  registration.bgid = kReceiveRingGroup;
  const int result = io_uring_register_buf_ring(&ring_, &registration, 0);
  if (result < 0) return Refused("io_uring_register(PBUF_RING)", result);

  io_uring_buf_ring_init(receive_ring_);
  for (uint16_t id = 0; id < kReceiveRingBuffers; ++id) {
    io_uring_buf_ring_add(receive_ring_, receive_memory_ + id * kReceiveChunkBytes,
                          kReceiveChunkBytes, id, io_uring_buf_ring_mask(kReceiveRingBuffers), id);
  }
  io_uring_buf_ring_advance(receive_ring_, kReceiveRingBuffers);
  return absl::OkStatus();
}

std::unique_ptr<StreamSocket> UringLoop::AttachStream(int fd) {
  return std::make_unique<UringStream>(*this, fd);
}

std::unique_ptr<AcceptSocket> UringLoop::AttachAcceptor(int fd) {
  return std::make_unique<UringAcceptor>(*this, fd);
}

void UringLoop::OnThreadStart() {
  CONTINUO_CHECK(EnableRing(ring_.ring_fd) == 0);
  io_uring_register_ring_fd(&ring_);  // Only saves a descriptor lookup per call; may be refused.
  ArmWake();
}

void UringLoop::OnThreadStop() {
  // What still runs refers to memory of its owners, so it has to end before they go.
  is_ending_ = true;
  io_uring_sqe* const entry = NextEntry();
  io_uring_prep_cancel(entry, nullptr, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
  io_uring_sqe_set_data64(entry, 0);
  constexpr int kMaxRounds = 100;
  for (int round = 0; round < kMaxRounds && ops_running_ > 0; ++round) {
    WaitAndDispatch(absl::Milliseconds(10));
  }
}

io_uring_sqe* UringLoop::NextEntry() {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  while (entry == nullptr) {
    const int submitted = io_uring_submit(&ring_);
    CONTINUO_CHECK(submitted >= 0 || submitted == -EAGAIN || submitted == -EBUSY ||
                   submitted == -EINTR);
    entry = io_uring_get_sqe(&ring_);
  }
  return entry;
}

void UringLoop::Track(io_uring_sqe* entry, UringOp* op) {
  ++ops_running_;
  io_uring_sqe_set_data(entry, op);
}

void UringLoop::CancelDescriptor(int fd) {
  io_uring_sqe* const entry = NextEntry();
  io_uring_prep_cancel_fd(entry, fd, IORING_ASYNC_CANCEL_ALL);
  io_uring_sqe_set_data64(entry, 0);
}

void UringLoop::CancelOperation(UringOp* op) {
  io_uring_sqe* const entry = NextEntry();
  io_uring_prep_cancel(entry, op, 0);
  io_uring_sqe_set_data64(entry, 0);
}

std::span<const uint8_t> UringLoop::ReceiveBuffer(uint32_t completion_flags,
                                                  size_t size_bytes) const {
  const size_t id = completion_flags >> IORING_CQE_BUFFER_SHIFT;
  CONTINUO_CHECK(id < kReceiveRingBuffers);
  CONTINUO_CHECK(size_bytes <= kReceiveChunkBytes);
  return {receive_memory_ + id * kReceiveChunkBytes, size_bytes};
}

void UringLoop::RecycleReceiveBuffer(uint32_t completion_flags) {
  const auto id = static_cast<uint16_t>(completion_flags >> IORING_CQE_BUFFER_SHIFT);
  io_uring_buf_ring_add(receive_ring_, receive_memory_ + id * kReceiveChunkBytes,
                        kReceiveChunkBytes, id, io_uring_buf_ring_mask(kReceiveRingBuffers), 0);
  io_uring_buf_ring_advance(receive_ring_, 1);
}

void UringLoop::ArmWake() {
  io_uring_sqe* const entry = NextEntry();
  io_uring_prep_read(entry, wake_fd(), &wake_count_, sizeof(wake_count_), 0);
  Track(entry, wake_op_.get());
}

void UringLoop::WaitAndDispatch(absl::Duration timeout) {
  int result = 0;
  if (timeout <= absl::ZeroDuration()) {
    result = io_uring_submit_and_get_events(&ring_);
  } else {
    const int64_t timeout_ns = absl::ToInt64Nanoseconds(timeout);
    __kernel_timespec limit{timeout_ns / 1'000'000'000, timeout_ns % 1'000'000'000};
    io_uring_cqe* first = nullptr;
    result = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &limit, nullptr);
  }
  // EBUSY and EAGAIN: completions must be taken first, or memory is short; the next turn tries
  // again with what is still queued.
  CONTINUO_CHECK(result >= 0 || result == -ETIME || result == -EINTR || result == -EBUSY ||
                 result == -EAGAIN);
  DispatchCompletions();
}

void UringLoop::DispatchCompletions() {
  // Copied out before any handler runs: handlers submit, and must not see entries twice.
  std::array<io_uring_cqe*, kCompletionsPerBatch> pending;
  std::array<io_uring_cqe, kCompletionsPerBatch> batch;
  // Bounded by the queue's size, so that timers and posted functions have their turn.
  for (size_t seen = 0; seen < kCompletionEntries;) {
    const unsigned count = io_uring_peek_batch_cqe(&ring_, pending.data(), kCompletionsPerBatch);
    for (unsigned i = 0; i < count; ++i) batch[i] = *pending[i];
    io_uring_cq_advance(&ring_, count);
    for (unsigned i = 0; i < count; ++i) DispatchOne(batch[i]);
    seen += count;
    if (count < kCompletionsPerBatch) return;
  }
}

void UringLoop::DispatchOne(const io_uring_cqe& completion) {
  if (completion.user_data == 0) return;
  if ((completion.flags & IORING_CQE_F_MORE) == 0) --ops_running_;
  if ((completion.user_data & kFileOpTag) == 0) {
    static_cast<UringOp*>(io_uring_cqe_get_data(&completion))
        ->OnCompletion(completion.res, completion.flags);
    return;
  }
  FileOp* op = nullptr;
  const uint64_t address = completion.user_data & ~kFileOpTag;
  std::memcpy(&op, &address, sizeof(op));
  op->result = completion.res;
  if (op->result == -EINTR || op->result == -EAGAIN) {
    StartOnWorkers(*op);
    return;
  }
  FinishFileOp(*op);
}

bool UringLoop::StartFileOp(FileOp& op) {
  const auto size = static_cast<unsigned>(std::min<uint64_t>(op.size_bytes, kMaxOpBytes));
  const auto vector_count = static_cast<unsigned>(op.vectors.size());
  std::optional<uint16_t> personality;
  if (op.token != nullptr) {
    personality = personalities_.Get(op.token);
    if (!personality) {
      StartOnWorkers(op);
      return true;
    }
  }
  io_uring_sqe* const entry = NextEntry();
  switch (op.kind) {
    case FileOp::Kind::kRead:
      io_uring_prep_read(entry, op.fd, op.data, size, op.offset);
      break;
    case FileOp::Kind::kWrite:
      io_uring_prep_write(entry, op.fd, op.data, size, op.offset);
      break;
    case FileOp::Kind::kReadVector:
      io_uring_prep_readv(entry, op.fd, op.vectors.data(), vector_count, op.offset);
      break;
    case FileOp::Kind::kWriteVector:
      io_uring_prep_writev(entry, op.fd, op.vectors.data(), vector_count, op.offset);
      break;
    case FileOp::Kind::kFsync:
      io_uring_prep_fsync(entry, op.fd, 0);
      break;
    case FileOp::Kind::kFdatasync:
      io_uring_prep_fsync(entry, op.fd, IORING_FSYNC_DATASYNC);
      break;
  }
  if (personality) entry->personality = *personality;
  ++ops_running_;
  FileOp* const pointer = &op;
  uint64_t address = 0;
  std::memcpy(&address, &pointer, sizeof(pointer));
  io_uring_sqe_set_data64(entry, address | kFileOpTag);
  return true;
}

}  // namespace continuo::net
