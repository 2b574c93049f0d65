// Counters, gauges and histograms that cost a few nanoseconds on a hot path and are collected when
// somebody scrapes. Names: continuo_<daemon>_<what>_<unit>; the registry adds the prefix.
//
//   metrics::Registry registry("smb-frontend");
//   metrics::Counter& reads = registry.AddCounter("read_bytes_total", "Bytes sent to clients.");
//   metrics::Histogram& latency = registry.AddHistogram(
//       "command_latency_seconds", "Time from arrival to reply.",
//       metrics::LatencyBounds(), {{"command", "create"}});
//   reads.Add(65536);
//   latency.Observe(0.000073);
//
// Handles live as long as their Registry and are never moved; a service keeps references.
// Threading: handles may be used from any thread without locks. Counters and histograms are split
// into stripes of one cache line each, picked by thread, so that event loops do not share lines.
// Adding and collecting take the registry's mutex.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace continuo::metrics {

inline constexpr size_t kStripeCount = 8;
using Labels = std::vector<std::pair<std::string, std::string>>;

namespace internal {
struct alignas(64) Stripe {
  std::atomic<uint64_t> value{0};
};
// The stripe of the calling thread: threads are numbered as they first come.
size_t ThreadStripe();
}  // namespace internal

class Counter {
 public:
  void Add(uint64_t amount = 1) {
    stripes_[internal::ThreadStripe()].value.fetch_add(amount, std::memory_order_relaxed);
  }
  uint64_t Value() const;

 private:
  std::array<internal::Stripe, kStripeCount> stripes_;
};

class Gauge {
 public:
  void Set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void Add(int64_t amount) { value_.fetch_add(amount, std::memory_order_relaxed); }
  int64_t Value() const { return value_.load(std::memory_order_relaxed); }

 private:
  alignas(64) std::atomic<int64_t> value_{0};
};

// Upper bounds in seconds: 10 µs to 10 s, three per decade.
const std::vector<double>& LatencyBounds();

class Histogram {
 public:
  // Requires: `upper_bounds` ascending, at most kBoundsMax.
  static constexpr size_t kBoundsMax = 32;
  explicit Histogram(std::vector<double> upper_bounds);

  void Observe(double value);

  struct Snapshot {
    std::vector<double> upper_bounds;
    std::vector<uint64_t> bucket_counts;  // Not cumulative; one more than bounds (+Inf).
    uint64_t count = 0;
    double sum = 0;
  };
  Snapshot Read() const;

 private:
  struct alignas(64) Shard {
    std::array<std::atomic<uint64_t>, kBoundsMax + 1> counts{};
    std::atomic<uint64_t> sum_nanos{0};  // In 1e-9 units of the observed value.
  };
  const std::vector<double> upper_bounds_;
  std::array<Shard, kStripeCount> shards_;
};

// One value as a listing shows it (GetStatus of the admin service, tests).
struct Sample {
  std::string name;  // With labels: name{a="b"}.
  double value = 0;
};

class Registry {
 public:
  // `daemon_name` like "smb-frontend"; names get the prefix continuo_smb_frontend_.
  explicit Registry(std::string_view daemon_name);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Adding the same name and labels again returns the handle that is there.
  // Requires: a name has one kind and one help text.
  Counter& AddCounter(std::string_view name, std::string_view help, Labels labels = {});
  Gauge& AddGauge(std::string_view name, std::string_view help, Labels labels = {});
  Histogram& AddHistogram(std::string_view name, std::string_view help,
                          const std::vector<double>& upper_bounds, Labels labels = {});
  // A gauge whose value is asked for at each collection; `read` must not block and lives as long
  // as the registry.
  void AddCallbackGauge(std::string_view name, std::string_view help, std::function<double()> read,
                        Labels labels = {});

  // From here on every collection is empty and no callback runs: what they read may go.
  void StopCollecting();

  // Counters and gauges (histograms as _count and _sum), sorted by name.
  std::vector<Sample> Samples() const;

  struct Impl;
  const std::shared_ptr<Impl>& impl() const { return impl_; }

 private:
  std::shared_ptr<Impl> impl_;
};

// Serves a registry as Prometheus text at http://<listen>/metrics until destroyed.
class Exposer {
 public:
  // `listen` is "127.0.0.1:9464" or "[::1]:9464".
  // Errors: InvalidArgument unless the address is loopback; Unavailable when it cannot be bound.
  static absl::StatusOr<std::unique_ptr<Exposer>> Start(const std::string& listen,
                                                        const Registry& registry);
  ~Exposer();

 private:
  struct Impl;
  explicit Exposer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace continuo::metrics
