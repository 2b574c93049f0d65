// Latencies in constant memory, exact to about 1.6 %.
//
// Shape: buckets are powers of two of nanoseconds, each cut into kSubBuckets equal parts.
// Threading: none.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include <absl/time/time.h>

namespace continuo::smbload {

class Histogram {
 public:
  static constexpr size_t kSubBucketBits = 6;
  static constexpr size_t kSubBuckets = size_t{1} << kSubBucketBits;

  void Record(absl::Duration latency) {
    const int64_t signed_ns = absl::ToInt64Nanoseconds(latency);
    const uint64_t ns = signed_ns < 0 ? 0 : static_cast<uint64_t>(signed_ns);
    ++buckets_[BucketOf(ns)];
    ++count_;
    sum_ns_ += ns;
    if (ns > max_ns_) max_ns_ = ns;
  }

  uint64_t count() const { return count_; }
  absl::Duration max() const { return absl::Nanoseconds(static_cast<int64_t>(max_ns_)); }
  absl::Duration mean() const {
    return count_ == 0 ? absl::ZeroDuration()
                       : absl::Nanoseconds(static_cast<int64_t>(sum_ns_ / count_));
  }

  // The latency that `fraction` (0 to 1) of the recorded ones do not exceed.
  absl::Duration Percentile(double fraction) const {
    const auto wanted = static_cast<uint64_t>(fraction * static_cast<double>(count_));
    uint64_t seen = 0;
    for (size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
      seen += buckets_[bucket];
      if (seen > wanted) {
        const uint64_t upper = UpperBound(bucket);
        return absl::Nanoseconds(static_cast<int64_t>(upper < max_ns_ ? upper : max_ns_));
      }
    }
    return max();
  }

  void Merge(const Histogram& other) {
    for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    sum_ns_ += other.sum_ns_;
    if (other.max_ns_ > max_ns_) max_ns_ = other.max_ns_;
  }

 private:
  // Values below kSubBuckets have a bucket each; above, the leading bits choose.
  static size_t BucketOf(uint64_t ns) {
    if (ns < kSubBuckets) return static_cast<size_t>(ns);
    const auto shift = static_cast<size_t>(std::bit_width(ns)) - kSubBucketBits - 1;
    return (shift + 1) * kSubBuckets + static_cast<size_t>((ns >> shift) - kSubBuckets);
  }
  static uint64_t UpperBound(size_t bucket) {
    if (bucket < kSubBuckets) return bucket;
    const size_t shift = bucket / kSubBuckets - 1;
    return ((uint64_t{bucket % kSubBuckets} + kSubBuckets + 1) << shift) - 1;
  }

  std::array<uint64_t, (64 - kSubBucketBits + 1) * kSubBuckets> buckets_{};
  uint64_t count_ = 0;
  uint64_t sum_ns_ = 0;
  uint64_t max_ns_ = 0;
};

}  // namespace continuo::smbload
