#include "common/metrics/metrics.h"


#include <thread>

#include <catch2/catch.hpp>

namespace continuo::metrics {
namespace {

double ValueOf(const Registry& registry, const std::string& name) {
  for (const Sample& sample : registry.Samples()) {
    if (sample.name == name) return sample.value;
  }
  FAIL("no sample " << name);
  return 0;
}

TEST_CASE("metrics: what all threads count is summed", "[unit][metrics]") {
  Registry registry("smb-frontend");
  Counter& counter = registry.AddCounter("reads_total", "Reads.");
  std::vector<std::thread> threads;
  for (int i = 0; i < 12; ++i) {
    threads.emplace_back([&counter] {
      for (int n = 0; n < 1000; ++n) counter.Add();
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(ValueOf(registry, "continuo_smb_frontend_reads_total") == 12000);
  CHECK(&registry.AddCounter("reads_total", "Reads.") == &counter);
}

TEST_CASE("metrics: labels make series of their own", "[unit][metrics]") {
  Registry registry("d");
  registry.AddCounter("commands_total", "Commands.", {{"command", "read"}}).Add(2);
  registry.AddCounter("commands_total", "Commands.", {{"command", "write"}}).Add(3);
  CHECK(ValueOf(registry, "continuo_d_commands_total{command=\"read\"}") == 2);
  CHECK(ValueOf(registry, "continuo_d_commands_total{command=\"write\"}") == 3);
}

TEST_CASE("metrics: a histogram puts each value in the bucket of the next bound",
          "[unit][metrics]") {
  Histogram histogram({1, 2, 5});
  for (const double value : {0.5, 1.0, 1.5, 5.0, 7.0}) histogram.Observe(value);
  const Histogram::Snapshot snapshot = histogram.Read();
  CHECK(snapshot.bucket_counts == std::vector<uint64_t>{2, 1, 1, 1});
  CHECK(snapshot.count == 5);
  CHECK(snapshot.sum == Approx(15.0));
}

TEST_CASE("metrics: nothing is collected and no callback runs after StopCollecting",
          "[unit][metrics]") {
  Registry registry("d");
  int call_count = 0;
  registry.AddCallbackGauge("age_seconds", "Age.", [&call_count] {
    ++call_count;
    return 7.0;
  });
  CHECK(ValueOf(registry, "continuo_d_age_seconds") == 7.0);
  registry.StopCollecting();
  CHECK(registry.Samples().empty());
  CHECK(call_count == 1);
}

TEST_CASE("metrics: only loopback addresses are served", "[unit][metrics]") {
  Registry registry("d");
  for (const char* listen : {"0.0.0.0:9999", "192.0.2.1:9999", "[::]:9999", "localhost:9999", ""}) {
    CAPTURE(listen);
    CHECK(absl::IsInvalidArgument(Exposer::Start(listen, registry).status()));
  }
}

}  // namespace
}  // namespace continuo::metrics
