// Opens the store on a thread of its own, because shared storage may not answer, and tries again while
// the storage fails: that is degraded, not dead. What another try cannot mend ends the daemon: somebody
// else owns ca_path, or it is not there.
//
// Threading: Last and WaitFor from any thread. The thread may hang with the storage for ever, so it is
// not joined: what it uses is shared and outlives it. Callbacks run on it.
#pragma once

#include <functional>
#include <memory>

#include <absl/status/status.h>
#include <absl/time/time.h>

#include "services/ca-store-service/store/handle_store.h"

namespace continuo::castore {

inline constexpr absl::Duration kOpenRetryInterval = absl::Seconds(2);

class StoreOpener {
 public:
  using Open = std::function<absl::StatusOr<std::unique_ptr<HandleStore>>()>;
  struct Options {
    Open open;
    std::function<void(std::shared_ptr<HandleStore>)> on_open;
    std::function<void(absl::Status)> on_refused;
  };
  explicit StoreOpener(Options options);
  ~StoreOpener();  // No callback runs after it.

  // OK once it is open; Unavailable or what the last try said before.
  absl::Status Last() const;
  // Waits for the store to be open or refused, and says which; Unavailable when neither.
  absl::Status WaitFor(absl::Duration time) const;

  static bool IsFinal(const absl::Status& status);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace continuo::castore
