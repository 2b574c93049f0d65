#include "common/smbwire/filetime.h"

#include <limits>

namespace continuo::smbwire {
namespace {

constexpr int64_t kTicksPerSecond = 10'000'000;
constexpr int64_t kNanosecondsPerTick = 100;
constexpr int64_t kSecondsFrom1601To1970 = 11'644'473'600;

}  // namespace

FileTime ToFileTime(absl::Time time) {
  const absl::Time first = absl::FromUnixSeconds(-kSecondsFrom1601To1970);
  if (time <= first) return FileTime{0};
  constexpr int64_t kMaxTicks = std::numeric_limits<int64_t>::max();
  const absl::Duration since_first = time - first;
  if (since_first >= absl::Seconds(kMaxTicks / kTicksPerSecond)) return FileTime{kMaxTicks};
  absl::Duration fraction;
  const int64_t seconds = absl::IDivDuration(since_first, absl::Seconds(1), &fraction);
  return FileTime{seconds * kTicksPerSecond +
                  absl::ToInt64Nanoseconds(fraction) / kNanosecondsPerTick};
}

absl::Time FromFileTime(FileTime time) {
  if (time.ticks <= 0) return absl::InfinitePast();
  return absl::FromUnixSeconds(time.ticks / kTicksPerSecond - kSecondsFrom1601To1970) +
         absl::Nanoseconds(time.ticks % kTicksPerSecond * kNanosecondsPerTick);
}

}  // namespace continuo::smbwire
