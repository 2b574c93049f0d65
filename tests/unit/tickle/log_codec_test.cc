// Expected bytes come from a Python script that shares no code with the sources.
#include <catch2/catch.hpp>

#include <absl/strings/str_format.h>

#include "common/bytes/crc32c.h"
#include "services/tickle-service/registry/log_codec.h"

namespace continuo::tickle {
namespace {

const Bytes kHeader = {
    0x43, 0x54, 0x49, 0x43, 0x4B, 0x4C, 0x45, 0x31, 0x01, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0xED, 0x5E, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x40, 0x1E, 0x18, 0x24, 0x0A, 0x06, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x85, 0xC8, 0xCE, 0xC4};

// Connected: 192.0.2.7:445 192.0.2.100:50000.
const Bytes kConnectedIpv4 = {
    0x01, 0x04, 0xBD, 0x01, 0x50, 0xC3, 0x00, 0x00, 0xC0, 0x00, 0x02, 0x07,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xC0, 0x00, 0x02, 0x64, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xE2, 0xE3, 0xDB, 0x2E};

// Closed: [2001:db8::7]:445 [2001:db8::100]:50000.
const Bytes kClosedIpv6 = {
    0x02, 0x06, 0xBD, 0x01, 0x50, 0xC3, 0x00, 0x00, 0x20, 0x01, 0x0D, 0xB8,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x07,
    0x20, 0x01, 0x0D, 0xB8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0xA6, 0x22, 0xEC, 0x64};

const Connection kIpv4 = {*ParseIpAddress("192.0.2.7"), 445, *ParseIpAddress("192.0.2.100"), 50000};
const Connection kIpv6 = {*ParseIpAddress("2001:db8::7"), 445, *ParseIpAddress("2001:db8::100"),
                          50000};

Bytes Join(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Bytes Record(RecordKind kind, const Connection& connection) {
  Bytes out;
  AppendLogRecord({kind, connection}, out);
  return out;
}

TEST_CASE("recovery log: blocks as documented", "[unit][tickle]") {
  CHECK(EncodeLogHeader(0x5eed, absl::FromUnixSeconds(1'700'000'000)) == kHeader);
  CHECK(Record(RecordKind::kConnected, kIpv4) == kConnectedIpv4);
  CHECK(Record(RecordKind::kClosed, kIpv6) == kClosedIpv6);
}

TEST_CASE("recovery log: what was closed is not live", "[unit][tickle]") {
  const auto log = ReadLog(Join({kHeader, Record(RecordKind::kConnected, kIpv6), kConnectedIpv4,
                                 kClosedIpv6}));
  REQUIRE(log.ok());
  CHECK(log->incarnation == 0x5eed);
  CHECK(log->live == std::set<Connection>{kIpv4});
  CHECK(log->record_count == 3);
  CHECK(log->damaged_count == 0);
}

TEST_CASE("recovery log: every truncation loses only the records that it cuts", "[unit][tickle]") {
  const Bytes valid = Join({kHeader, kConnectedIpv4, Record(RecordKind::kConnected, kIpv6)});
  for (size_t size = 0; size < valid.size(); ++size) {
    CAPTURE(size);
    const auto log = ReadLog(std::span(valid).first(size));
    REQUIRE(log.ok() == (size >= kLogBlockBytes));
    if (!log.ok()) continue;
    CHECK(log->live.size() == size / kLogBlockBytes - 1);
    CHECK(log->torn_tail_bytes == size % kLogBlockBytes);
  }
}

TEST_CASE("recovery log: any damaged byte costs one record at most", "[unit][tickle]") {
  const Bytes valid = Join({kHeader, kConnectedIpv4, Record(RecordKind::kConnected, kIpv6)});
  for (size_t place = 0; place < valid.size(); ++place) {
    CAPTURE(place);
    Bytes damaged = valid;
    damaged[place] ^= 0x40;
    const auto log = ReadLog(damaged);
    REQUIRE(log.ok() == (place >= kLogBlockBytes));
    if (!log.ok()) continue;
    CHECK(log->damaged_count == 1);
    CHECK(log->live == std::set<Connection>{place < 2 * kLogBlockBytes ? kIpv6 : kIpv4});
  }
}

TEST_CASE("recovery log: another version is told from damage", "[unit][tickle]") {
  Bytes header = kHeader;
  header[8] = 2;
  header.resize(kLogBlockBytes - 4);
  const uint32_t checksum = bytes::Crc32c(header);
  for (int i = 0; i < 4; ++i) header.push_back(static_cast<uint8_t>(checksum >> (8 * i)));
  CHECK(absl::IsUnimplemented(ReadLog(header).status()));
  CHECK(absl::IsDataLoss(ReadLog({}).status()));
}

TEST_CASE("addresses: text, bytes, and IPv4 in IPv6 form", "[unit][tickle]") {
  CHECK(ParseIpAddress("192.0.2.7")->ToString() == "192.0.2.7");
  CHECK(ParseIpAddress("::ffff:192.0.2.7") == ParseIpAddress("192.0.2.7"));
  CHECK_FALSE(ParseIpAddress("192.0.2").has_value());
  CHECK_FALSE(ParseIpAddress("").has_value());
  CHECK_FALSE(IpAddressOf(Bytes(5)).has_value());
  CHECK(kIpv6.ToString() == "[2001:db8::7]:445 [2001:db8::100]:50000");
  for (const char* text : {"127.0.0.1", "169.254.1.1", "::1", "fe80::1"}) {
    CAPTURE(text);
    CHECK_FALSE(CanMove(*ParseIpAddress(text)));
  }
  CHECK(CanMove(kIpv4.local));
  CHECK(CanMove(kIpv6.local));
}

}  // namespace
}  // namespace continuo::tickle
