// Writes down the steps of a failover that this process sees: <runstate_dir>/failover/<node>.log.
//
//   Recorder recorder({.runstate_dir = ..., .daemon = "ca-store-service"});
//   recorder.Note(Kind::kAdoptBegin, "from n1");
//
// Files: <node>.log, bounded by kLogMaxBytes and then renamed to <node>.log.1. All processes of a node
//        append to it, each line with one write under the file's lock, on the disk before the next.
//
// Threading: Note from any thread; it takes the time, puts the event into a queue of kQueueMax and never
// waits for storage. A thread of its own writes; it may hang with the storage for ever, so it is not
// joined, and what it uses outlives this object. Events that find the queue full are lost and counted.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/time/time.h>

#include "common/failover_trace/event.h"

namespace continuo::failover_trace {

inline constexpr size_t kQueueMax = 256;
inline constexpr size_t kLogMaxBytes = 256u << 10;

class Recorder {
 public:
  struct Options {
    std::string runstate_dir;
    std::string daemon;
    std::string node;  // Empty: as `uname -n`.
  };
  explicit Recorder(Options options);
  ~Recorder();  // Waits for nothing: Flush first what must not be lost.

  void Note(Kind kind, std::string detail, uint64_t epoch = 0);
  // Of something that was a moment ago.
  void NoteAt(absl::Time wall, Kind kind, std::string detail, uint64_t epoch = 0);

  // Until all is written, or the time is over. Errors: DeadlineExceeded; what the storage said last.
  absl::Status Flush(absl::Duration limit);
  // Since the start.
  uint64_t lost_count() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// Appends one event, waiting for storage. Errors: what the storage says.
absl::Status AppendEvent(const std::string& runstate_dir, const Event& event);
// The events of all nodes, in no order. Blocks on storage. Errors: what the storage says; none when
// nothing was ever written.
absl::Status ReadEvents(const std::string& runstate_dir, std::vector<Event>* events);

}  // namespace continuo::failover_trace
