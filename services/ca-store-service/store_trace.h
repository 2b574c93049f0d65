// What this daemon sees of a failover: ca_path taken over, and how its handles come back.
//
// Threading: any thread. Only NoteAdoption waits for storage.
#pragma once

#include <cstdint>
#include <string>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include "common/failover_trace/recorder.h"
#include "services/ca-store-service/store/handle_store.h"

namespace continuo::castore {

// While handles come back, how far it has got is noted this often.
inline constexpr absl::Duration kReclaimNoteInterval = absl::Seconds(1);

class StoreTrace {
 public:
  explicit StoreTrace(failover_trace::Recorder::Options options) : recorder_(std::move(options)) {}

  // Before ca_path is taken over: from whom. Blocks on storage.
  void NoteAdoption(StableFiles& files, const std::string& ca_path);
  void NoteAdopted(uint64_t epoch, const StoreCounts& counts);
  // A client came back for a handle, or its time was up.
  void NoteOutcome(Outcome outcome, const ReclaimProgress& progress);

 private:
  failover_trace::Recorder recorder_;
  absl::Mutex mutex_;
  absl::Time last_reclaim_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Time noted_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace continuo::castore
