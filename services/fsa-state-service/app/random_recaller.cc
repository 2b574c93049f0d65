#include "services/fsa-state-service/app/random_recaller.h"

#include <cstdlib>
#include <random>

#include "common/logging/log.h"

namespace continuo::fsastate {

RandomRecaller::RandomRecaller(StateHub* hub, absl::Duration interval)
    : hub_(hub), interval_(interval), thread_([this] { Run(); }) {}

RandomRecaller::~RandomRecaller() {
  stopping_.Notify();
  thread_.join();
}

void RandomRecaller::Run() {
  const char* given = std::getenv("CONTINUO_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  logging::Info("delegation.random", {{"seed", seed}});
  std::mt19937_64 random(seed);
  std::exponential_distribution<double> pause(1.0);
  for (Policy next = Policy::kServe;; ) {
    if (stopping_.WaitForNotificationWithTimeout(interval_ * pause(random))) return;
    hub_->Want(next);
    next = next == Policy::kServe ? Policy::kDelegate : Policy::kServe;
  }
}

}  // namespace continuo::fsastate
