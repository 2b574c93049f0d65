#include "common/rpc/callback_threads.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace continuo::rpc {

namespace {

// A channel without credentials refuses every call by itself: no connection, no other side.
std::shared_ptr<grpc::Channel> MakeRefusingChannel() {
  return grpc::CreateCustomChannel("unix:/nowhere", nullptr, grpc::ChannelArguments());
}

// At least one. A thread that has just been made may not have its name yet; it counts next time.
size_t CountCallbackThreads() {
  size_t count = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator task("/proc/self/task", error), end;
       !error && task != end; task.increment(error)) {
    std::ifstream file(task->path() / "comm");
    std::string name;
    if (std::getline(file, name) && name == kCallbackThreadName) ++count;
  }
  return std::max<size_t>(count, 1);
}

}  // namespace

CallbackThreads::CallbackThreads(LoopMonitor* monitor)
    : monitor_(monitor), stub_(MakeRefusingChannel()) {
  heartbeat_ = monitor_->Register("rpc.callbacks", [this] { Ask(); });
}

CallbackThreads::~CallbackThreads() {
  monitor_->Unregister(heartbeat_);
  absl::MutexLock lock(&mutex_);
  is_stopping_ = true;
  const auto is_over = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !is_round_under_way_; };
  mutex_.Await(absl::Condition(&is_over));
}

void CallbackThreads::Ask() {
  {
    absl::MutexLock lock(&mutex_);
    if (is_round_under_way_) {
      is_asked_again_ = true;  // Who arrived before this question cannot answer it.
      return;
    }
    is_round_under_way_ = true;
  }
  StartRound();
}

void CallbackThreads::StartRound() {
  const size_t count = CountCallbackThreads();
  {
    absl::MutexLock lock(&mutex_);
    thread_count_ = count;
    arrived_count_ = 0;
    left_count_ = 0;
    has_given_up_ = false;
    is_asked_again_ = false;
  }
  for (size_t i = 0; i < count; ++i) {
    auto call = std::make_shared<Call>();
    Call* const raw = call.get();
    stub_.UnaryCall(&raw->context, "/continuo.rpc/Meet", grpc::StubOptions(), &raw->request,
                    &raw->response,
                    [this, call = std::move(call)](const grpc::Status&) { Meet(); });
  }
}

void CallbackThreads::Meet() {
  {
    absl::MutexLock lock(&mutex_);
    ++arrived_count_;
    const auto is_decided = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return arrived_count_ == thread_count_ || has_given_up_ || is_stopping_;
    };
    mutex_.AwaitWithTimeout(absl::Condition(&is_decided), kCallbackMeetingMax);
    if (arrived_count_ < thread_count_) has_given_up_ = true;
    if (++left_count_ < thread_count_) return;
    if (!has_given_up_) heartbeat_->Beat();
    const bool is_wanted = has_given_up_ || is_asked_again_;
    is_round_under_way_ = is_wanted && !is_stopping_;
    if (!is_round_under_way_) return;
  }
  StartRound();
}

}  // namespace continuo::rpc
