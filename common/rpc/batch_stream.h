// A client's end of a bidirectional stream whose messages are batches: what is sent while a message is
// on its way travels together in the next one.
//
//   class Call final : public rpc::BatchStream<pb::AttachRequest, pb::AttachResponse> {
//    public:
//     void Begin() {
//       Start([this](grpc::ClientContext* context, auto* reactor) {
//         stub_->async()->Attach(context, reactor); }, Hello());
//     }
//     ~Call() override { Stop(); }
//    private:
//     bool Handle(const pb::AttachResponse& response) override;
//     void OnOver(const absl::Status& status) override;
//   };
//
// `Request` has a repeated field `items`. The call has no deadline: it lasts as long as both processes.
//
// Threading: Append, Send and Flush from any thread, they return at once. Handle and OnOver run on
// gRPC's threads, one at a time, OnOver as the last one.
#pragma once

#include <deque>
#include <type_traits>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/synchronization/mutex.h>
#include <absl/synchronization/notification.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/client_callback.h>

#include "common/rpc/status.h"

namespace continuo::rpc {

inline constexpr int kBatchItemsMax = 4096;
inline constexpr size_t kBatchBytesMax = 4u << 20;

template <typename Request, typename Response>
class BatchStream : private grpc::ClientBidiReactor<Request, Response> {
 public:
  using Item = std::decay_t<decltype(std::declval<const Request&>().items(0))>;
  using Reactor = grpc::ClientBidiReactor<Request, Response>;

  // A derived class calls Stop in its own destructor: Handle and OnOver are its.
  ~BatchStream() override = default;

  // Takes its place in the order; leaves with the next Flush. False: the stream is over.
  bool Append(Item item) {
    absl::MutexLock lock(&mutex_);
    if (is_over_) return false;
    outbox_.push_back(std::move(item));
    return true;
  }

  void Flush() {
    absl::MutexLock lock(&mutex_);
    if (is_writing_ || is_over_ || outbox_.empty()) return;
    is_writing_ = true;
    FillRequest();
    // Under the lock, so that EndWrites cannot release the call in between; gRPC only queues it.
    this->StartWrite(&request_);
  }

  bool Send(Item item) {
    const bool is_taken = Append(std::move(item));
    Flush();
    return is_taken;
  }

  // Ends the stream and waits until nothing can arrive any more: not from Handle or OnOver.
  void Stop() {
    {
      absl::MutexLock lock(&mutex_);
      is_stopping_ = true;
      if (!is_started_) return;
    }
    context_.TryCancel();
    EndWrites();
    done_.WaitForNotification();
  }

 protected:
  // `begin(context, reactor)` starts the call, which waits for the service as long as it takes.
  template <typename Begin>
  void Start(Begin begin, Item hello) {
    {
      absl::MutexLock lock(&mutex_);
      is_started_ = true;
    }
    context_.set_wait_for_ready(true);
    begin(&context_, static_cast<Reactor*>(this));
    this->StartRead(&response_);
    // Callers' threads write too, so the call is held until EndWrites.
    this->AddHold();
    Send(std::move(hello));
    this->StartCall();
  }

  // False: the message contradicts the protocol; the call is cancelled.
  virtual bool Handle(const Response& response) = 0;
  // Nothing arrives or leaves any more. Cancelled after Stop, otherwise Unavailable with the reason.
  virtual void OnOver(const absl::Status& status) = 0;

 private:
  void OnWriteDone(bool ok) override {
    {
      absl::MutexLock lock(&mutex_);
      is_writing_ = false;
    }
    if (ok) {
      Flush();
    } else {
      EndWrites();
    }
  }

  void OnReadDone(bool ok) override {
    if (!ok || !Handle(response_)) {
      context_.TryCancel();
      return EndWrites();
    }
    this->StartRead(&response_);
  }

  void OnDone(const grpc::Status& status) override {
    bool is_stopping = false;
    {
      absl::MutexLock lock(&mutex_);
      is_over_ = true;
      is_stopping = is_stopping_;
    }
    OnOver(is_stopping ? absl::CancelledError("the stream was stopped")
                       : absl::UnavailableError(status.error_message()));
    done_.Notify();
  }

  void FillRequest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    request_.Clear();
    size_t size_bytes = 0;
    while (!outbox_.empty() && request_.items_size() < kBatchItemsMax &&
           size_bytes < kBatchBytesMax) {
      size_bytes += outbox_.front().ByteSizeLong();
      *request_.add_items() = std::move(outbox_.front());
      outbox_.pop_front();
    }
  }

  void EndWrites() {
    absl::MutexLock lock(&mutex_);
    is_over_ = true;
    outbox_.clear();
    if (std::exchange(is_held_, false)) this->RemoveHold();
  }

  grpc::ClientContext context_;
  Response response_;
  Request request_;  // The transport's while is_writing_.
  absl::Notification done_;

  absl::Mutex mutex_;
  std::deque<Item> outbox_ ABSL_GUARDED_BY(mutex_);
  bool is_started_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_over_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_held_ ABSL_GUARDED_BY(mutex_) = true;
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace continuo::rpc
