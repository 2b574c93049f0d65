// Asks now and then whether the directory on shared storage answers, without ever making anything
// else wait for it: storage that hangs is degraded, not dead.
//
// Threading: Last from any thread; one thread of its own does the asking. That thread may hang with
// the storage for ever, so it is not joined: what it uses is shared and outlives it.
#pragma once

#include <memory>
#include <string>

#include <absl/status/status.h>
#include <absl/time/time.h>

namespace continuo::castore {

inline constexpr absl::Duration kProbeInterval = absl::Seconds(5);
// An answer older than this counts as none.
inline constexpr absl::Duration kProbeAnswerMax = absl::Seconds(15);

class PathProbe {
 public:
  explicit PathProbe(std::string path);
  ~PathProbe();

  // OK, what the system said, or DeadlineExceeded when the storage has not answered lately.
  absl::Status Last() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace continuo::castore
