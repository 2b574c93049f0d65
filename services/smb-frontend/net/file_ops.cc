// File operations of EventLoop that both engines share, and the I/O barrier.
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/check.h"
#include "services/smb-frontend/net/event_loop.h"

namespace continuo::net {

namespace {

int64_t OrErrno(ssize_t result) { return result < 0 ? -int64_t{errno} : result; }

int64_t ExecuteOnce(const FileOp& op) {
  const auto offset = static_cast<off_t>(op.offset);
  const auto vector_count = static_cast<int>(op.vectors.size());
  switch (op.kind) {
    case FileOp::Kind::kRead:
      return OrErrno(pread(op.fd, op.data, op.size_bytes, offset));
    case FileOp::Kind::kWrite:
      return OrErrno(pwrite(op.fd, op.data, op.size_bytes, offset));
    case FileOp::Kind::kReadVector:
      return OrErrno(preadv(op.fd, op.vectors.data(), vector_count, offset));
    case FileOp::Kind::kWriteVector:
      return OrErrno(pwritev(op.fd, op.vectors.data(), vector_count, offset));
    case FileOp::Kind::kFsync:
      return OrErrno(fsync(op.fd));
    case FileOp::Kind::kFdatasync:
      return OrErrno(fdatasync(op.fd));
  }
  return -EINVAL;
}

}  // namespace

int64_t FileOp::Execute() const {
  int64_t outcome = 0;
  do {
    outcome = ExecuteOnce(*this);
  } while (outcome == -EINTR);
  return outcome;
}

void FileOp::Run() {
  result = Execute();
  loop->Post([this] { loop->FinishFileOp(*this); });
}

bool FileAwaiter::await_suspend(std::coroutine_handle<> awaiting) {
  EventLoop& loop = *op_.loop;
  CONTINUO_CHECK(loop.InLoopThread());
  op_.awaiting = awaiting;
  loop.BeginFileOp(op_);
  if (loop.StartFileOp(op_)) return true;
  loop.EndFileOp(op_);
  return false;
}

FileAwaiter EventLoop::ReadFile(int fd, std::span<uint8_t> out, uint64_t offset, TokenRef token) {
  FileAwaiter awaiter;
  FillFileOp(awaiter.op_, FileOp::Kind::kRead, fd, offset, std::move(token));
  awaiter.op_.data = out.data();
  awaiter.op_.size_bytes = out.size();
  return awaiter;
}

FileAwaiter EventLoop::WriteFile(int fd, std::span<const uint8_t> data, uint64_t offset,
                                 TokenRef token) {
  FileAwaiter awaiter;
  FillFileOp(awaiter.op_, FileOp::Kind::kWrite, fd, offset, std::move(token));
  awaiter.op_.data = const_cast<uint8_t*>(data.data());  // Writes only read it.
  awaiter.op_.size_bytes = data.size();
  return awaiter;
}

FileAwaiter EventLoop::ReadFileVector(int fd, std::span<const iovec> out, uint64_t offset,
                                      TokenRef token) {
  FileAwaiter awaiter;
  FillFileOp(awaiter.op_, FileOp::Kind::kReadVector, fd, offset, std::move(token));
  awaiter.op_.vectors = out;
  return awaiter;
}

FileAwaiter EventLoop::WriteFileVector(int fd, std::span<const iovec> data, uint64_t offset,
                                       TokenRef token) {
  FileAwaiter awaiter;
  FillFileOp(awaiter.op_, FileOp::Kind::kWriteVector, fd, offset, std::move(token));
  awaiter.op_.vectors = data;
  return awaiter;
}

FileAwaiter EventLoop::Fsync(int fd, SyncKind kind, TokenRef token) {
  FileAwaiter awaiter;
  FillFileOp(awaiter.op_, kind == SyncKind::kData ? FileOp::Kind::kFdatasync : FileOp::Kind::kFsync,
             fd, 0, std::move(token));
  return awaiter;
}

void EventLoop::FillFileOp(FileOp& op, FileOp::Kind kind, int fd, uint64_t offset, TokenRef token) {
  op.loop = this;
  op.kind = kind;
  op.fd = fd;
  op.offset = offset;
  op.token = std::move(token);
}

void EventLoop::BeginFileOp(FileOp& op) {
  op.barrier_generation = generation_;
  ++ops_in_flight_[generation_];
}

void EventLoop::EndFileOp(const FileOp& op) {
  CONTINUO_CHECK(ops_in_flight_[op.barrier_generation] > 0);
  --ops_in_flight_[op.barrier_generation];
  if (!barriers_running_.empty()) AdvanceBarriers();
}

void EventLoop::FinishFileOp(FileOp& op) {
  // The order matters: a barrier's function is posted, so it runs after the operation's coroutine
  // has seen its result.
  EndFileOp(op);
  op.awaiting.resume();
}

void EventLoop::AfterFileOps(LoopFunction fn) {
  CONTINUO_CHECK(InLoopThread());
  if (!barriers_running_.empty()) {
    barriers_next_.push_back(std::move(fn));
    return;
  }
  generation_ ^= 1U;
  barriers_running_.push_back(std::move(fn));
  AdvanceBarriers();
}

void EventLoop::AdvanceBarriers() {
  while (!barriers_running_.empty() && ops_in_flight_[generation_ ^ 1U] == 0) {
    for (LoopFunction& fn : barriers_running_) Post(std::move(fn));
    barriers_running_.clear();
    if (barriers_next_.empty()) return;
    barriers_running_.swap(barriers_next_);
    generation_ ^= 1U;
  }
}

}  // namespace continuo::net
