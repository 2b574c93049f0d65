// Goal: what smbload reports is right. Method: latencies whose percentiles are known, mixes as a
// user types them, and [MS-NLMP]'s message layout on the token that is sent first.
#include <catch2/catch.hpp>

#include <algorithm>

#include "common/crypto/random.h"
#include "tools/smbload/histogram.h"
#include "tools/smbload/ntlm_client.h"
#include "tools/smbload/workload.h"

namespace continuo::smbload {
namespace {

TEST_CASE("Histogram: percentiles are exact to 1.6 percent", "[unit][smbload]") {
  Histogram histogram;
  CHECK(histogram.Percentile(0.5) == absl::ZeroDuration());
  for (int i = 1; i <= 100000; ++i) histogram.Record(absl::Microseconds(i));
  CHECK(histogram.count() == 100000);
  for (const double fraction : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    CAPTURE(fraction);
    const double found = absl::ToDoubleMicroseconds(histogram.Percentile(fraction));
    CHECK(found == Approx(fraction * 100000).epsilon(0.016));
  }
  CHECK(histogram.max() == absl::Microseconds(100000));
  CHECK(histogram.Percentile(1.0) == histogram.max());
  CHECK(absl::ToDoubleMicroseconds(histogram.mean()) == Approx(50000.5).epsilon(0.001));
}

TEST_CASE("Histogram: the extremes have a place, and merging adds", "[unit][smbload]") {
  Histogram histogram;
  histogram.Record(absl::ZeroDuration());
  histogram.Record(absl::Nanoseconds(-5));  // A clock that stepped back.
  histogram.Record(absl::Hours(24 * 365));
  Histogram other;
  other.Record(absl::Nanoseconds(63));
  other.Record(absl::Nanoseconds(64));
  histogram.Merge(other);
  CHECK(histogram.count() == 5);
  CHECK(histogram.Percentile(0.0) == absl::ZeroDuration());
  CHECK(histogram.Percentile(0.5) == absl::Nanoseconds(63));
  CHECK(histogram.max() == absl::Hours(24 * 365));
}

TEST_CASE("mix: names, weights and what is refused", "[unit][smbload]") {
  const auto mix = ParseMix("read=70,write=20,open");
  REQUIRE(mix.ok());
  REQUIRE(mix->size() == 3);
  CHECK((*mix)[0].operation == Operation::kRead);
  CHECK((*mix)[0].weight == 70);
  CHECK((*mix)[2].operation == Operation::kOpen);
  CHECK((*mix)[2].weight == 1);
  CHECK(ParseMix("idle")->empty());
  for (const char* bad : {"", "foo", "read=", "read=0", "read=x", "read=-1", "read,", "idle,read"}) {
    CAPTURE(bad);
    CHECK_FALSE(ParseMix(bad).ok());
  }
}

TEST_CASE("NTLM: server tokens without a whole CHALLENGE are refused", "[unit][smbload][MS-NLMP]") {
  crypto::SystemRandom random;
  NtlmClient ntlm({.user = "alice", .password = "secret", .domain = ""}, random);
  const Bytes first = ntlm.FirstToken();
  CHECK(first.at(0) == 0x60);
  CHECK(first.at(1) == first.size() - 2);

  // CHALLENGE: type 2, target name and info empty at offset 48.
  Bytes challenge = {'N', 'T', 'L', 'M', 'S', 'S', 'P', 0, 2, 0, 0, 0};
  challenge.resize(48, 0);
  challenge[16] = 48;
  challenge[44] = 48;
  REQUIRE(ntlm.SecondToken(challenge).ok());
  for (size_t size = 0; size < challenge.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(ntlm.SecondToken(std::span<const uint8_t>(challenge).first(size)).ok());
  }
  for (const size_t at : {size_t{8}, size_t{16}, size_t{40}, size_t{44}, size_t{47}}) {
    CAPTURE(at);
    Bytes bad = challenge;
    bad[at] = 0xFF;
    CHECK_FALSE(ntlm.SecondToken(bad).ok());
  }
}

TEST_CASE("credits: one for each 64 KiB begun", "[unit][smbload][MS-SMB2:3.1.5.2]") {
  CHECK(CreditCharge(0) == 1);
  CHECK(CreditCharge(1) == 1);
  CHECK(CreditCharge(65536) == 1);
  CHECK(CreditCharge(65537) == 2);
  CHECK(CreditCharge(8u << 20) == 128);
}

}  // namespace
}  // namespace continuo::smbload
