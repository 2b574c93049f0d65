// Where the frontend's stream, the administrators and the authority meet.
//
// Threading: every member may be called from any thread. One mutex; messages are put into the
// stream's outbox under it, so that they leave in the order of events, and sent without it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/synchronization/mutex.h>

#include "continuo/fsa/v1/fsa_stream_service.pb.h"
#include "services/fsa-state-service/delegation/authority.h"

namespace continuo::fsastate {

// The frontend's stream, as the hub sees it. Shared, because a flush runs without the hub's mutex.
class FrontendStream {
 public:
  virtual ~FrontendStream() = default;
  virtual void Append(fsa::v1::ServiceItem item) = 0;  // In order; must not block or call back.
  virtual void Flush() = 0;  // Starts sending; called without the hub's mutex.
};

struct HubStatus {
  State state = State::kNoFrontend;
  uint64_t grants = 0;
  uint64_t recalls = 0;
};

class StateHub {
 public:
  using ListingCallback = std::function<void(ListingDone)>;

  explicit StateHub(Policy policy) : authority_(policy) {}

  // Errors: AlreadyExists while another stream is attached.
  absl::Status Attach(std::shared_ptr<FrontendStream> stream) ABSL_LOCKS_EXCLUDED(mutex_);
  // Errors: what contradicts the protocol; the stream has to end.
  absl::Status Handle(FrontendStream* stream, const fsa::v1::AttachRequest& request)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Detach(FrontendStream* stream) ABSL_LOCKS_EXCLUDED(mutex_);

  // What is wanted at rest.
  void Want(Policy policy) ABSL_LOCKS_EXCLUDED(mutex_);
  // `done` is called once, inline or later.
  uint64_t List(uint64_t limit, ListingCallback done) ABSL_LOCKS_EXCLUDED(mutex_);
  HubStatus status() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Finished = std::vector<std::pair<ListingCallback, ListingDone>>;

  absl::Status HandleItem(const fsa::v1::FrontendItem& item, Outgoing* out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Finished Dispatch(Outgoing* out) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  Authority authority_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<FrontendStream> stream_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_listing_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, ListingCallback> listings_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace continuo::fsastate
