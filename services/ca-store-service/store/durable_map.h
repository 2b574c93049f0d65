// A map whose changes are durable by group commit: all that wait while the disk is busy go into one
// write with one sync.
//
//   DurableMap map({.medium = std::move(medium), .content = ..., .on_fenced = ...});
//   map.Apply({{key, value}}, [](absl::Status status) { ... });
//
// A change is in the map, and its `done` gets OK, only after the medium has confirmed it. A change
// that failed is taken back: the next write that succeeds first writes what the map says about its
// keys, so that nothing of it comes to light later.
//
// A medium that does not answer for `answer_max` is not waited for: what waits for it fails with
// DeadlineExceeded, and so does what comes then, at once. What was on its way is taken back like any
// other failure once the medium answers. After an error the medium is tried again every
// `retry_interval`, and changes fail at once in between.
//
// Threading: all methods from any thread. Two threads of its own: the writer, which alone calls the
// medium and may hang with it for ever; and the watch, which never waits for it and can be in the
// health check. `done` runs on either, without locks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/time/time.h>

#include "services/ca-store-service/store/database.h"

namespace continuo::castore {

class Medium {
 public:
  virtual ~Medium() = default;
  // On stable storage, and ours, when it returns OK. `content` is what was confirmed before: a medium
  // that broke begins anew with it. Errors: FailedPrecondition when somebody else took over, after
  // which it is not called again; anything else may be better the next time.
  virtual absl::Status Write(const std::vector<Change>& changes, const Content& content) = 0;
  // Whether it is still ours; called now and then when there is nothing to write.
  virtual absl::Status Confirm() = 0;
  // The last call of a stop in order.
  virtual absl::Status Release() = 0;
};

class DurableMap {
 public:
  using Done = std::function<void(absl::Status)>;

  struct Options {
    std::unique_ptr<Medium> medium;
    Content content;
    absl::Duration answer_max = absl::Seconds(5);
    absl::Duration retry_interval = absl::Seconds(1);
    absl::Duration confirm_interval = absl::Seconds(1);
    // Once, on the writer, which may outlive the map when the medium hangs.
    std::function<void(absl::Status)> on_fenced;
    std::function<void()> on_watch;               // Each time the watch comes round.
  };

  // kMustLand: tried again until it succeeds; it fails only when the map stops or is fenced.
  enum class Urgency { kOrFail, kMustLand };

  explicit DurableMap(Options options);
  ~DurableMap();
  DurableMap(const DurableMap&) = delete;
  DurableMap& operator=(const DurableMap&) = delete;

  // The changes of one call are one step. `done` may run before the call returns, with an error.
  void Apply(std::vector<Change> changes, Done done, Urgency urgency = Urgency::kOrFail);

  std::optional<std::string> Get(const std::string& key) const;
  size_t Count(char prefix) const;
  // At most `limit` entries with this prefix and a key above `after`, in order.
  std::vector<std::pair<std::string, std::string>> Scan(char prefix, const std::string& after,
                                                        size_t limit) const;

  // OK, or why changes fail or wait.
  absl::Status Health() const;

  struct Stats {
    uint64_t changes = 0;   // Calls of Apply that succeeded.
    uint64_t failures = 0;  // And that did not.
    uint64_t writes = 0;    // Of the medium: one sync each.
  };
  Stats stats() const;

  // Makes the watch come round soon.
  void NudgeWatch();

  // Fails what comes from now on, writes what waits, releases the medium. DeadlineExceeded when the
  // medium does not answer by then: the writer is left behind.
  absl::Status Stop(absl::Time deadline);

 private:
  struct State;
  std::shared_ptr<State> state_;  // The writer's too, which may outlive this.
};

}  // namespace continuo::castore
