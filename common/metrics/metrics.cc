#include "common/metrics/metrics.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/strings/str_format.h>
#include <absl/synchronization/mutex.h>
#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>

#include "common/base/check.h"

namespace continuo::metrics {

namespace {

constexpr double kNanosPerUnit = 1e9;

std::string PrefixOf(std::string_view daemon_name) {
  std::string prefix = "continuo_" + std::string(daemon_name) + "_";
  std::replace(prefix.begin(), prefix.end(), '-', '_');
  return prefix;
}

std::string SampleName(const std::string& name, const Labels& labels) {
  std::string text = name;
  const char* separator = "{";
  for (const auto& [key, value] : labels) {
    absl::StrAppendFormat(&text, "%s%s=\"%s\"", separator, key, value);
    separator = ",";
  }
  if (!labels.empty()) text += '}';
  return text;
}

}  // namespace

namespace internal {

size_t ThreadStripe() {
  static std::atomic<size_t> next{0};
  thread_local const size_t stripe = next.fetch_add(1, std::memory_order_relaxed) % kStripeCount;
  return stripe;
}

}  // namespace internal

uint64_t Counter::Value() const {
  uint64_t total = 0;
  for (const internal::Stripe& stripe : stripes_) {
    total += stripe.value.load(std::memory_order_relaxed);
  }
  return total;
}

const std::vector<double>& LatencyBounds() {
  static const std::vector<double>* const bounds = new std::vector<double>{
      1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2,
      2e-2, 5e-2, 0.1,  0.2,  0.5,  1,    2,    5,    10};
  return *bounds;
}

Histogram::Histogram(std::vector<double> upper_bounds) : upper_bounds_(std::move(upper_bounds)) {
  CONTINUO_CHECK(upper_bounds_.size() <= kBoundsMax);
  CONTINUO_CHECK(std::is_sorted(upper_bounds_.begin(), upper_bounds_.end()));
}

void Histogram::Observe(double value) {
  const auto bound = std::lower_bound(upper_bounds_.begin(), upper_bounds_.end(), value);
  const auto bucket = static_cast<size_t>(bound - upper_bounds_.begin());
  Shard& shard = shards_[internal::ThreadStripe()];
  shard.counts[bucket].fetch_add(1, std::memory_order_relaxed);
  const double nanos = std::max(value, 0.0) * kNanosPerUnit;
  shard.sum_nanos.fetch_add(static_cast<uint64_t>(nanos), std::memory_order_relaxed);
}

Histogram::Snapshot Histogram::Read() const {
  Snapshot snapshot;
  snapshot.upper_bounds = upper_bounds_;
  snapshot.bucket_counts.resize(upper_bounds_.size() + 1);
  for (const Shard& shard : shards_) {
    for (size_t i = 0; i < snapshot.bucket_counts.size(); ++i) {
      snapshot.bucket_counts[i] += shard.counts[i].load(std::memory_order_relaxed);
    }
    snapshot.sum +=
        static_cast<double>(shard.sum_nanos.load(std::memory_order_relaxed)) / kNanosPerUnit;
  }
  for (const uint64_t count : snapshot.bucket_counts) snapshot.count += count;
  return snapshot;
}

struct Registry::Impl final : public prometheus::Collectable {
  struct Series {
    Labels labels;
    std::unique_ptr<Counter> counter;
    std::unique_ptr<Gauge> gauge;
    std::unique_ptr<Histogram> histogram;
    std::function<double()> read;
  };
  struct Family {
    prometheus::MetricType type;
    std::string help;
    std::vector<std::unique_ptr<Series>> series;
  };

  Series& Find(std::string_view name, std::string_view help, prometheus::MetricType type,
               Labels labels) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    auto [place, is_new] = families.try_emplace(prefix + std::string(name));
    Family& family = place->second;
    if (is_new) {
      family.type = type;
      family.help = std::string(help);
    }
    CONTINUO_CHECK(family.type == type);
    for (const auto& series : family.series) {
      if (series->labels == labels) return *series;
    }
    family.series.push_back(std::make_unique<Series>());
    family.series.back()->labels = std::move(labels);
    return *family.series.back();
  }

  static prometheus::ClientMetric Collect(const Series& series) {
    prometheus::ClientMetric metric;
    for (const auto& [key, value] : series.labels) metric.label.push_back({key, value});
    if (series.counter) metric.counter.value = static_cast<double>(series.counter->Value());
    if (series.gauge) metric.gauge.value = static_cast<double>(series.gauge->Value());
    if (series.read) metric.gauge.value = series.read();
    if (series.histogram) {
      const Histogram::Snapshot snapshot = series.histogram->Read();
      metric.histogram.sample_count = snapshot.count;
      metric.histogram.sample_sum = snapshot.sum;
      uint64_t cumulative = 0;
      for (size_t i = 0; i < snapshot.bucket_counts.size(); ++i) {
        cumulative += snapshot.bucket_counts[i];
        const double bound =
            i < snapshot.upper_bounds.size() ? snapshot.upper_bounds[i] : INFINITY;
        metric.histogram.bucket.push_back({cumulative, bound});
      }
    }
    return metric;
  }

  std::vector<prometheus::MetricFamily> Collect() const override {
    absl::MutexLock lock(&mutex);
    std::vector<prometheus::MetricFamily> collected;
    if (is_stopped) return collected;
    for (const auto& [name, family] : families) {
      prometheus::MetricFamily out{name, family.help, family.type, {}};
      for (const auto& series : family.series) out.metric.push_back(Collect(*series));
      collected.push_back(std::move(out));
    }
    return collected;
  }

  std::string prefix;
  mutable absl::Mutex mutex;
  std::map<std::string, Family> families ABSL_GUARDED_BY(mutex);
  bool is_stopped ABSL_GUARDED_BY(mutex) = false;
};

Registry::Registry(std::string_view daemon_name) : impl_(std::make_shared<Impl>()) {
  impl_->prefix = PrefixOf(daemon_name);
}

Registry::~Registry() = default;

Counter& Registry::AddCounter(std::string_view name, std::string_view help, Labels labels) {
  absl::MutexLock lock(&impl_->mutex);
  Impl::Series& series =
      impl_->Find(name, help, prometheus::MetricType::Counter, std::move(labels));
  if (!series.counter) series.counter = std::make_unique<Counter>();
  return *series.counter;
}

Gauge& Registry::AddGauge(std::string_view name, std::string_view help, Labels labels) {
  absl::MutexLock lock(&impl_->mutex);
  Impl::Series& series = impl_->Find(name, help, prometheus::MetricType::Gauge, std::move(labels));
  if (!series.gauge) series.gauge = std::make_unique<Gauge>();
  return *series.gauge;
}

Histogram& Registry::AddHistogram(std::string_view name, std::string_view help,
                                  const std::vector<double>& upper_bounds, Labels labels) {
  absl::MutexLock lock(&impl_->mutex);
  Impl::Series& series =
      impl_->Find(name, help, prometheus::MetricType::Histogram, std::move(labels));
  if (!series.histogram) series.histogram = std::make_unique<Histogram>(upper_bounds);
  return *series.histogram;
}

void Registry::AddCallbackGauge(std::string_view name, std::string_view help,
                                std::function<double()> read, Labels labels) {
  absl::MutexLock lock(&impl_->mutex);
  impl_->Find(name, help, prometheus::MetricType::Gauge, std::move(labels)).read = std::move(read);
}

void Registry::StopCollecting() {
  absl::MutexLock lock(&impl_->mutex);
  impl_->is_stopped = true;
}

std::vector<Sample> Registry::Samples() const {
  absl::MutexLock lock(&impl_->mutex);
  std::vector<Sample> samples;
  if (impl_->is_stopped) return samples;
  for (const auto& [name, family] : impl_->families) {
    for (const auto& series : family.series) {
      if (series->histogram) {
        const Histogram::Snapshot snapshot = series->histogram->Read();
        samples.push_back({SampleName(name + "_count", series->labels),
                           static_cast<double>(snapshot.count)});
        samples.push_back({SampleName(name + "_sum", series->labels), snapshot.sum});
        continue;
      }
      const prometheus::ClientMetric metric = Impl::Collect(*series);
      samples.push_back({SampleName(name, series->labels),
                         series->counter ? metric.counter.value : metric.gauge.value});
    }
  }
  return samples;
}

struct Exposer::Impl {
  // Destroyed in reverse order: first the threads that collect, then the registry.
  std::shared_ptr<Registry::Impl> registry;
  std::unique_ptr<prometheus::Exposer> exposer;
};

absl::StatusOr<std::unique_ptr<Exposer>> Exposer::Start(const std::string& listen,
                                                        const Registry& registry) {
  const std::string host = listen.substr(0, listen.rfind(':'));
  const bool is_loopback = host == "[::1]" || host.rfind("127.", 0) == 0;
  if (!is_loopback) {
    return absl::InvalidArgumentError(
        absl::StrFormat("metrics address %s: only loopback addresses are served", listen));
  }
  auto impl = std::make_unique<Impl>();
  impl->registry = registry.impl();
  try {
    impl->exposer = std::make_unique<prometheus::Exposer>(listen, 1);
  } catch (const std::exception& error) {
    return absl::UnavailableError(
        absl::StrFormat("serve metrics on %s: %s", listen, error.what()));
  }
  impl->exposer->RegisterCollectable(impl->registry);
  return std::unique_ptr<Exposer>(new Exposer(std::move(impl)));
}

Exposer::Exposer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Exposer::~Exposer() = default;

}  // namespace continuo::metrics
