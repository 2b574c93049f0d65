#include "services/ca-store-service/store_trace.h"

#include <absl/strings/str_format.h>
#include <absl/time/clock.h>

namespace continuo::castore {
namespace {

using failover_trace::Kind;

std::string TextOf(const ReclaimProgress& progress) {
  return absl::StrFormat("%d of %d reclaimed, %d expired", progress.reclaimed, progress.restored,
                         progress.expired);
}

}  // namespace

void StoreTrace::NoteAdoption(StableFiles& files, const std::string& ca_path) {
  const absl::Time begun = absl::Now();
  const absl::StatusOr<OwnerRecord> owner = ReadOwner(files, ca_path);
  if (!owner.ok()) return;  // Nobody's before, or what the start itself will say.
  recorder_.NoteAt(begun, Kind::kAdoptBegin,
                   absl::StrFormat("from %s%s", owner->who.node,
                                   owner->is_released ? ", which stopped in order" : ""),
                   owner->epoch);
}

void StoreTrace::NoteAdopted(uint64_t epoch, const StoreCounts& counts) {
  recorder_.Note(Kind::kAdoptEnd,
                 absl::StrFormat("epoch %d: %d handles, %d creates under way, %d lost", epoch,
                                 counts.handles, counts.intents, counts.lost),
                 epoch);
}

void StoreTrace::NoteOutcome(Outcome outcome, const ReclaimProgress& progress) {
  const absl::Time now = absl::Now();
  absl::MutexLock lock(&mutex_);
  if (outcome == Outcome::kReclaimed) {
    if (last_reclaim_ == absl::InfinitePast()) {
      recorder_.Note(Kind::kReclaimFirst, TextOf(progress));
      noted_ = now;
    }
    last_reclaim_ = now;
  }
  const bool is_done = progress.outstanding == 0;
  if (last_reclaim_ > noted_ && (is_done || now - noted_ >= kReclaimNoteInterval)) {
    recorder_.NoteAt(last_reclaim_, Kind::kReclaimLast, TextOf(progress));
    noted_ = now;
  }
  if (is_done) recorder_.Note(Kind::kReclaimDone, TextOf(progress));
}

}  // namespace continuo::castore
