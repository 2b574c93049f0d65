// `delegation = random`: recalls and grants at random moments, so that tests meet every operation
// in the middle of a move.
//
// Threading: a thread of its own from construction to destruction.
#pragma once

#include <thread>

#include <absl/synchronization/notification.h>
#include <absl/time/time.h>

#include "services/fsa-state-service/rpc/state_hub.h"

namespace continuo::fsastate {

class RandomRecaller {
 public:
  // The mean time between two changes is `interval`.
  RandomRecaller(StateHub* hub, absl::Duration interval);
  ~RandomRecaller();

 private:
  void Run();

  StateHub* const hub_;
  const absl::Duration interval_;
  absl::Notification stopping_;
  std::thread thread_;
};

}  // namespace continuo::fsastate
