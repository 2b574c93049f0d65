// One event loop: one thread that owns connections, timers and the coroutines that serve them.
//
// Two implementations pass the same tests: io_uring (one io_uring_enter per turn submits what the
// turn produced and fetches what completed) and epoll (file I/O on the worker pool). A turn is:
// posted functions, due timers, completions, then the flush of what they queued for sending.
//
// Threading: a method is for the loop's own thread unless its comment says "any thread". Functions
// and coroutines that the loop runs must not block.
#pragma once

#include <array>
#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <sys/uio.h>

#include "services/smb-frontend/net/buffer_pool.h"
#include "services/smb-frontend/net/socket.h"
#include "services/smb-frontend/net/timer_queue.h"
#include "services/smb-frontend/net/worker_pool.h"

namespace continuo::net {

enum class IoEngine { kAuto, kIoUring, kEpoll };

// "auto", "io_uring", "epoll", as the configuration key io_engine spells them.
std::optional<IoEngine> ParseIoEngine(std::string_view text);
std::string_view IoEngineName(IoEngine engine);

// An idle loop wakes this often to prove that it advances; see EventLoop::turns().
inline constexpr int64_t kHeartbeatIntervalMs = 50;
inline constexpr absl::Duration kHeartbeatInterval = absl::Milliseconds(kHeartbeatIntervalMs);

class EventLoop;

// One file operation in flight. Lives in the frame of the coroutine that awaits it.
struct FileOp : WorkItem {
  enum class Kind : uint8_t { kRead, kWrite, kReadVector, kWriteVector, kFsync, kFdatasync };

  void Run() override;  // The blocking form, on a pool thread; then resumes on `loop`.
  int64_t Execute() const;

  EventLoop* loop = nullptr;
  Kind kind = Kind::kRead;
  int fd = -1;
  uint64_t offset = 0;
  uint8_t* data = nullptr;  // Written only by reads.
  size_t size_bytes = 0;
  std::span<const iovec> vectors;
  int64_t result = 0;
  std::coroutine_handle<> awaiting;
  uint32_t barrier_generation = 0;
};

class [[nodiscard]] FileAwaiter {
 public:
  FileAwaiter() = default;
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> awaiting);
  int64_t await_resume() const noexcept { return op_.result; }

 private:
  friend class EventLoop;
  FileOp op_;
};

template <typename Fn>
class BlockingAwaiter;
class SleepAwaiter;

// Function posted to a loop.
using LoopFunction = absl::AnyInvocable<void()>;

// Something that wants a call once at the end of the current turn (see EventLoop::AtEndOfTurn).
class EndOfTurnHook {
 public:
  virtual ~EndOfTurnHook() = default;
  virtual void OnEndOfTurn() = 0;

 private:
  friend class EventLoop;
  bool is_queued_ = false;
};

struct EventLoopOptions {
  IoEngine engine = IoEngine::kAuto;
  // Names the thread: "smb-loop-<index>".
  uint32_t index = 0;
  // Runs blocking calls; must outlive the loop.
  WorkerPool* workers = nullptr;
};

class EventLoop {
 public:
  // Makes the loop and its kernel objects. kAuto takes io_uring where the kernel offers what is
  // needed and allows it, else epoll (absent, disabled by sysctl, forbidden by seccomp).
  // Errors: Unavailable, naming the call, when kIoUring is asked for and cannot be had.
  static absl::StatusOr<std::unique_ptr<EventLoop>> Create(const EventLoopOptions& options);

  virtual ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Starts the thread; any thread, once.
  void Start();
  // Ends the loop after the functions posted so far, and joins. Any thread but the loop's own.
  // Requires: no connection is left and the loop is quiescent (ServerLoops sees to it): what
  // completes later would refer to a loop that is gone. Sleeping coroutines are leaked.
  void Stop();

  // --- Any thread ---
  // Runs `fn` on the loop's thread in a later turn, in the order of posting per poster.
  void Post(LoopFunction fn);
  // Resumes a suspended coroutine of this loop likewise.
  void PostResume(std::coroutine_handle<> awaiting);
  bool InLoopThread() const { return Current() == this; }
  // Counts turns, at least one per kHeartbeatInterval while the loop is alive. Health watches that
  // it moves: a loop whose count stands still for long is stuck.
  const std::atomic<uint64_t>& turns() const { return turns_; }
  uint32_t index() const { return options_.index; }
  // kIoUring or kEpoll.
  virtual IoEngine engine() const = 0;
  WorkerPool& workers() { return *options_.workers; }

  // The loop that runs on the calling thread; null elsewhere.
  static EventLoop* Current();

  // --- Timers; loop thread ---
  // Runs `fn` once, `delay` from now or a little later. Never runs inside this call.
  TimerId RunAfter(absl::Duration delay, LoopFunction fn);
  // True if the timer had not run; then it will not.
  bool CancelTimer(TimerId id);
  // Monotonic time as of the start of the turn.
  MonotonicTime now() const { return now_; }

  // --- Awaitables; loop thread; the coroutine goes on on this loop ---
  // Units: bytes transferred, or -errno; may be short as pread and pwrite are. Requires: `fd` and
  // the memory stay valid until then; at most 2 GiB. Runs under `token`'s credentials, or the
  // daemon's own when null.
  FileAwaiter ReadFile(int fd, std::span<uint8_t> out, uint64_t offset, TokenRef token);
  FileAwaiter WriteFile(int fd, std::span<const uint8_t> data, uint64_t offset, TokenRef token);
  FileAwaiter ReadFileVector(int fd, std::span<const iovec> out, uint64_t offset, TokenRef token);
  FileAwaiter WriteFileVector(int fd, std::span<const iovec> data, uint64_t offset, TokenRef token);
  enum class SyncKind : uint8_t { kData, kDataAndMetadata };
  FileAwaiter Fsync(int fd, SyncKind kind, TokenRef token = nullptr);
  SleepAwaiter Sleep(absl::Duration delay);
  // Result of `fn()` run on the worker pool under `token`'s credentials. `fn` is moved into the
  // awaiter; it must not touch the loop.
  //   auto work = [&] { return OpenBeneath(root, path); };
  //   NtResult<Fd> fd = co_await loop.RunBlocking(token, work);
  template <typename Fn>
  BlockingAwaiter<std::decay_t<Fn>> RunBlocking(TokenRef token, Fn&& fn);

  // Runs `fn` once every file operation that was started on this loop before this call has
  // completed; in the next turn when there is none. The I/O barrier of byte-range locks and
  // recalls.
  void AfterFileOps(LoopFunction fn);
  size_t file_ops_in_flight() const { return ops_in_flight_[0] + ops_in_flight_[1]; }

  // Runs `fn` once no coroutine of this loop waits for a file operation, a blocking call or a
  // callback.
  void WhenQuiescent(LoopFunction fn);
  // For awaitables: counts a coroutine that something outside of the loop will resume.
  void AddOutsideWait() { ++outside_waits_; }
  void RemoveOutsideWait() { --outside_waits_; }

  // --- For connections and listeners; loop thread ---
  // Calls hook.OnEndOfTurn() once before the loop waits again; further calls until then are no-ops.
  void AtEndOfTurn(EndOfTurnHook* hook);
  void ForgetEndOfTurn(EndOfTurnHook* hook);
  // Takes ownership of a connected stream socket, and sets the blocking mode it needs.
  virtual std::unique_ptr<StreamSocket> AttachStream(int fd) = 0;
  // Takes ownership of a listening socket likewise.
  virtual std::unique_ptr<AcceptSocket> AttachAcceptor(int fd) = 0;
  BufferPool& buffers() { return buffers_; }

 protected:
  explicit EventLoop(const EventLoopOptions& options);

  // Engine part of a turn: submit, wait until something completes, a timer is due or Wake() is
  // called, and dispatch completions. `timeout` zero only polls.
  virtual void WaitAndDispatch(absl::Duration timeout) = 0;
  // First and last call on the loop's thread.
  virtual void OnThreadStart() = 0;
  virtual void OnThreadStop() = 0;
  // Starts a file operation; false if it ended inside the call with op.result set.
  virtual bool StartFileOp(FileOp& op) = 0;
  // Runs it on the worker pool instead.
  void StartOnWorkers(FileOp& op) { options_.workers->Submit(&op); }
  // Makes a waiting loop return from WaitAndDispatch. Any thread.
  void Wake();
  int wake_fd() const { return wake_fd_; }
  // Ends an operation: settles barriers, resumes its coroutine.
  void FinishFileOp(FileOp& op);

 private:
  friend struct FileOp;
  friend class FileAwaiter;

  void ThreadMain();
  void RunPosted();
  void RunEndOfTurn();
  void Tick();
  absl::Duration TimeUntilWork();
  void BeginFileOp(FileOp& op);
  void EndFileOp(const FileOp& op);
  void AdvanceBarriers();
  void FillFileOp(FileOp& op, FileOp::Kind kind, int fd, uint64_t offset, TokenRef token);

  const EventLoopOptions options_;
  std::thread thread_;
  std::atomic<uint64_t> turns_{0};
  int wake_fd_ = -1;

  std::mutex mutex_;
  std::vector<LoopFunction> posted_;  // Guarded by mutex_.
  std::atomic<bool> has_posted_{false};
  // True while the loop may be asleep: posters then write to wake_fd_.
  std::atomic<bool> is_waiting_{false};
  bool is_stopping_ = false;  // The loop's thread only.

  std::vector<LoopFunction> running_;
  std::vector<LoopFunction> posted_locally_;
  std::vector<EndOfTurnHook*> end_of_turn_;
  std::vector<EndOfTurnHook*> hooks_running_;
  TimerQueue timers_;
  MonotonicTime now_{};
  BufferPool buffers_;
  uint32_t ticks_since_trim_ = 0;
  size_t outside_waits_ = 0;

  // File operations are counted in two alternating generations: a barrier closes the current one
  // and waits for the other to be empty.
  std::array<size_t, 2> ops_in_flight_{};
  uint32_t generation_ = 0;
  std::vector<LoopFunction> barriers_running_;
  std::vector<LoopFunction> barriers_next_;
};

class [[nodiscard]] SleepAwaiter {
 public:
  SleepAwaiter(EventLoop& loop, absl::Duration delay) : loop_(loop), delay_(delay) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) {
    loop_.RunAfter(delay_, [awaiting] { awaiting.resume(); });
  }
  void await_resume() const noexcept {}

 private:
  EventLoop& loop_;
  absl::Duration delay_;
};

template <typename Fn>
class [[nodiscard]] BlockingAwaiter : private WorkItem {
 public:
  using Result = std::invoke_result_t<Fn&>;

  BlockingAwaiter(EventLoop& loop, TokenRef credentials, Fn fn) : loop_(loop), fn_(std::move(fn)) {
    token = std::move(credentials);
  }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) {
    awaiting_ = awaiting;
    loop_.AddOutsideWait();
    loop_.workers().Submit(this);
  }
  Result await_resume() {
    loop_.RemoveOutsideWait();
    if constexpr (!std::is_void_v<Result>) return std::move(*result_);
  }

 private:
  void Run() override {
    if constexpr (std::is_void_v<Result>) {
      fn_();
    } else {
      result_.emplace(fn_());
    }
    loop_.PostResume(awaiting_);
  }

  struct Nothing {};
  EventLoop& loop_;
  Fn fn_;
  std::conditional_t<std::is_void_v<Result>, Nothing, std::optional<Result>> result_;
  std::coroutine_handle<> awaiting_;
};

template <typename Fn>
BlockingAwaiter<std::decay_t<Fn>> EventLoop::RunBlocking(TokenRef token, Fn&& fn) {
  return BlockingAwaiter<std::decay_t<Fn>>(*this, std::move(token), std::forward<Fn>(fn));
}

inline SleepAwaiter EventLoop::Sleep(absl::Duration delay) { return SleepAwaiter(*this, delay); }

}  // namespace continuo::net
