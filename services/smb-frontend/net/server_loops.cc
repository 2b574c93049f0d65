#include "services/smb-frontend/net/server_loops.h"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <latch>
#include <mutex>
#include <thread>
#include <utility>

#include <absl/strings/str_format.h>

#include "common/base/check.h"

namespace continuo::net {

namespace {

constexpr uint32_t kMaxLoops = 256;

uint32_t LoopCount(const ServerLoopsOptions& options) {
  if (options.loop_count != 0) return std::min(options.loop_count, kMaxLoops);
  return std::clamp(std::thread::hardware_concurrency(), 1U, kMaxLoops);
}

// Closes what was opened unless told to keep it.
class ListeningSockets {
 public:
  ~ListeningSockets() {
    for (const std::pair<size_t, int>& entry : sockets_) close(entry.second);
  }
  void Add(size_t loop_index, int fd) { sockets_.emplace_back(loop_index, fd); }
  std::vector<std::pair<size_t, int>> Release() { return std::exchange(sockets_, {}); }

 private:
  std::vector<std::pair<size_t, int>> sockets_;
};

}  // namespace

ServerLoops::ServerLoops() = default;

absl::StatusOr<std::unique_ptr<ServerLoops>> ServerLoops::Start(const ServerLoopsOptions& options,
                                                                HandlerFactory factory) {
  std::unique_ptr<ServerLoops> server(new ServerLoops());
  server->options_ = options;
  server->workers_ = std::make_unique<WorkerPool>(options.workers);
  const uint32_t count = LoopCount(options);
  for (uint32_t i = 0; i < count; ++i) {
    EventLoopOptions loop_options;
    loop_options.engine = options.engine;
    loop_options.index = i;
    loop_options.workers = server->workers_.get();
    absl::StatusOr<std::unique_ptr<EventLoop>> loop = EventLoop::Create(loop_options);
    if (!loop.ok()) return loop.status();
    server->loops_.push_back(std::move(*loop));
  }
  for (const std::unique_ptr<EventLoop>& loop : server->loops_) {
    server->listeners_.push_back(std::make_unique<Listener>(
        *loop, options.connection, options.limits, server->counts_, factory));
    loop->Start();
  }
  return server;
}

ServerLoops::~ServerLoops() {
  if (!is_stopped_) (void)DrainAndStop(absl::ZeroDuration());
}

void ServerLoops::RunOnEachLoop(const std::function<void(size_t index)>& fn) {
  for (size_t i = 0; i < loops_.size(); ++i) {
    std::latch done(1);
    loops_[i]->Post([&fn, &done, i] {
      fn(i);
      done.count_down();
    });
    done.wait();
  }
}

absl::Status ServerLoops::Listen(const std::vector<ListenAddress>& addresses) {
  ListeningSockets opened;
  std::vector<SocketAddress> bound;
  for (ListenAddress address : addresses) {
    for (size_t i = 0; i < loops_.size(); ++i) {
      absl::StatusOr<int> fd = OpenListeningSocket(address);
      if (!fd.ok()) return fd.status();
      opened.Add(i, *fd);
      if (i != 0) continue;
      bound.push_back(SocketAddress::LocalOf(*fd));
      address.port = bound.back().port();  // The other loops share what the kernel chose.
    }
  }
  const std::vector<std::pair<size_t, int>> sockets = opened.Release();
  RunOnEachLoop([&](size_t index) {
    for (const auto& [loop_index, fd] : sockets) {
      if (loop_index == index) listeners_[index]->AddSocket(fd);
    }
  });
  bound_.insert(bound_.end(), bound.begin(), bound.end());
  return absl::OkStatus();
}

void ServerLoops::SetLimits(const AdmissionLimits& limits) {
  RunOnEachLoop([&](size_t index) { listeners_[index]->SetLimits(limits); });
}

void ServerLoops::StopListening() {
  RunOnEachLoop([this](size_t index) { listeners_[index]->StopListening(); });
}

absl::Status ServerLoops::DrainAndStop(absl::Duration timeout) {
  if (std::exchange(is_stopped_, true)) return absl::OkStatus();
  if (!listeners_.empty()) StopListening();
  std::latch drained(static_cast<std::ptrdiff_t>(listeners_.size()));
  for (size_t i = 0; i < listeners_.size(); ++i) {
    loops_[i]->Post([this, i, timeout, &drained] {
      listeners_[i]->Drain(timeout, [&drained] { drained.count_down(); });
    });
  }
  drained.wait();
  if (!WaitUntilQuiescent(std::max(timeout, kQuiescencePatience))) {
    Leak();
    return absl::AbortedError("drain: file operations or calls did not end");
  }
  size_t aborted = 0;
  for (const std::unique_ptr<EventLoop>& loop : loops_) loop->Stop();
  workers_->Stop();
  for (const std::unique_ptr<Listener>& listener : listeners_) aborted += listener->aborted_count();
  if (aborted == 0) return absl::OkStatus();
  return absl::DeadlineExceededError(
      absl::StrFormat("drain: %d connections had to be aborted", aborted));
}

bool ServerLoops::WaitUntilQuiescent(absl::Duration timeout) {
  // Shared, because after a time-out the loops still refer to it.
  struct Waiting {
    std::mutex mutex;
    std::condition_variable none_left;
    size_t left;  // Guarded by mutex.
  };
  const auto waiting = std::make_shared<Waiting>();
  waiting->left = loops_.size();
  for (const std::unique_ptr<EventLoop>& loop : loops_) {
    loop->Post([waiting, &loop = *loop] {
      loop.WhenQuiescent([waiting] {
        const std::lock_guard lock(waiting->mutex);
        if (--waiting->left == 0) waiting->none_left.notify_all();
      });
    });
  }
  std::unique_lock lock(waiting->mutex);
  return waiting->none_left.wait_for(lock, absl::ToChronoMilliseconds(timeout),
                                     [&waiting] { return waiting->left == 0; });
}

// Gives up ownership of what hanging operations will refer to when they end.
void ServerLoops::Leak() {
  for (std::unique_ptr<EventLoop>& loop : loops_) (void)loop.release();
  for (std::unique_ptr<Listener>& listener : listeners_) (void)listener.release();
  (void)workers_.release();
  loops_.clear();
  listeners_.clear();
}

void ServerLoops::ForEachConnection(const std::function<void(Connection&)>& visit) {
  RunOnEachLoop([&](size_t index) { listeners_[index]->ForEach(visit); });
}

void ServerLoops::CloseConnection(ConnectionId id, CloseMode mode) {
  for (size_t i = 0; i < loops_.size(); ++i) {
    loops_[i]->Post([this, i, id, mode] {
      if (const std::shared_ptr<Connection> found = listeners_[i]->Find(id)) found->Close(mode);
    });
  }
}

void ServerLoops::BarrierAll(LoopFunction done) {
  struct Barrier {
    std::atomic<size_t> left;
    LoopFunction done;
  };
  auto barrier = std::make_shared<Barrier>();
  barrier->left = loops_.size();
  barrier->done = std::move(done);
  for (const std::unique_ptr<EventLoop>& loop : loops_) {
    loop->Post([this, barrier, &loop = *loop] {
      loop.AfterFileOps([this, barrier] {
        if (barrier->left.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        loops_[0]->Post([barrier] { barrier->done(); });
      });
    });
  }
}

}  // namespace continuo::net
