// Goal: stored records are what the format says, byte for byte, and nothing else is taken for one.
// Method: golden files from make_golden.py, which shares no code with the codec; every prefix and
// every damaged byte of them; random records there and back.
#include <fstream>
#include <iterator>
#include <random>

#include <catch2/catch.hpp>

#include "common/bytes/byte_writer.h"
#include "common/bytes/crc32c.h"
#include "services/ca-store-service/records/record_codec.h"
#include "tests/support/hex.h"

namespace continuo::castore {
namespace {

Bytes Golden(const std::string& name) {
  std::ifstream in("tests/golden/castore/" + name + ".hex");
  REQUIRE(in.good());
  return test::FromHex(std::string(std::istreambuf_iterator<char>(in), {}));
}

Guid GuidFrom(uint8_t first) {
  Guid guid{};
  for (size_t i = 0; i < guid.size(); ++i) guid[i] = static_cast<uint8_t>(first + i);
  return guid;
}

// What make_golden.py says in handle_full().
HandleRecord FullRecord() {
  HandleRecord r;
  r.persistent_id = 0x0000070000000001;
  r.create_guid = GuidFrom(0x10);
  r.client_guid = GuidFrom(0x20);
  REQUIRE(FileKey::Make(GuidFrom(0x30), test::FromHex("0102030405060708090a0b0c"), &r.file));
  r.file_generation = 77;
  r.path = "B\xC3\xBCro/bericht.docx";
  r.stream = "notes";
  r.share_name = "Data";
  r.access = 0x0012019F;
  r.share_access = 7;
  r.create_options = 0x40;
  r.create_action = 2;
  r.oplock_level = fsa::OplockLevel::kLease;
  r.lease = LeaseRecord{.key = GuidFrom(0x40), .state = 7, .version = 2, .epoch = 9,
                        .parent_key = GuidFrom(0x50), .is_breaking = true, .break_to = 3};
  r.locks = {{0, 100, true}, {uint64_t{1} << 63, 1, false}};
  r.lock_sequences = Bytes(64, 0xFF);
  r.lock_sequences[63] = 5;
  r.is_delete_on_close = true;
  r.is_delete_pending = true;
  r.owner_sid = test::FromHex("010500000000000515000000a065cf7e784b9b5fe77c8770f4010000");
  r.app_instance = AppInstance{.id = GuidFrom(0x60), .version_high = 3, .version_low = 4};
  r.timeout_ms = 120000;
  r.channel_sequence = 6;
  r.epoch = 7;
  r.create_time = absl::FromUnixMicros(1790000000000001);
  r.disconnected_since = absl::FromUnixMicros(1790000060000002);
  return r;
}

TEST_CASE("stored handle: the golden bytes of a record with everything, both ways",
          "[unit][castore]") {
  const Bytes golden = Golden("handle_v1_full");
  const auto decoded = DecodeStoredHandle(golden);
  REQUIRE(decoded.ok());
  CHECK(*decoded == FullRecord());
  CHECK(EncodeStored(FullRecord()) == golden);
}

TEST_CASE("stored handle: the golden bytes of a record with nothing optional", "[unit][castore]") {
  const Bytes golden = Golden("handle_v1_plain");
  const auto decoded = DecodeStoredHandle(golden);
  REQUIRE(decoded.ok());
  CHECK(decoded->persistent_id == 5);
  CHECK_FALSE(decoded->lease);
  CHECK_FALSE(decoded->app_instance);
  CHECK_FALSE(decoded->disconnected_since);
  CHECK(EncodeStored(*decoded) == golden);
}

TEST_CASE("stored intent: the golden bytes, both ways", "[unit][castore]") {
  const Bytes golden = Golden("intent_v1");
  const auto decoded = DecodeStoredIntent(golden);
  REQUIRE(decoded.ok());
  CHECK(decoded->name == "neu.txt");
  CHECK(decoded->create_disposition == 2);
  CHECK(decoded->key.client_guid == GuidFrom(0x20));
  CHECK(EncodeStored(*decoded) == golden);
}

TEST_CASE("stored record: a newer version is named, not taken for damage", "[unit][castore]") {
  const auto decoded = DecodeStoredHandle(Golden("handle_v2_unknown"));
  CHECK(absl::IsUnimplemented(decoded.status()));
  CHECK(decoded.status().message() ==
        "stored record: version 2 is newer than 1, which this release reads");
}

TEST_CASE("stored record: one kind is not read as the other", "[unit][castore]") {
  CHECK(absl::IsDataLoss(DecodeStoredIntent(Golden("handle_v1_plain")).status()));
  CHECK(absl::IsDataLoss(DecodeStoredHandle(Golden("intent_v1")).status()));
}

TEST_CASE("stored record: every truncation and every damaged byte is refused", "[unit][castore]") {
  const std::string name = GENERATE("handle_v1_full", "handle_v1_plain", "intent_v1");
  CAPTURE(name);
  const auto is_good = [&name](std::span<const uint8_t> stored) {
    return name == "intent_v1" ? DecodeStoredIntent(stored).ok() : DecodeStoredHandle(stored).ok();
  };
  const Bytes golden = Golden(name);
  REQUIRE(is_good(golden));
  for (size_t size = 0; size < golden.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(is_good(std::span(golden).first(size)));
  }
  for (size_t at = 0; at < golden.size(); ++at) {
    CAPTURE(at);
    Bytes damaged = golden;
    damaged[at] ^= 0x10;
    CHECK_FALSE(is_good(damaged));
  }
  Bytes longer = golden;
  longer.push_back(0);
  CHECK_FALSE(is_good(longer));
}

// A payload that was sealed by somebody: only what is inside can be wrong with it.
Bytes Resealed(Bytes stored) {
  bytes::StoreU32(stored, 8, static_cast<uint32_t>(stored.size() - kRecordHeaderBytes));
  const uint32_t crc = bytes::Crc32c(std::span(stored).subspan(kRecordHeaderBytes),
                              bytes::Crc32c(std::span(stored).first(12)));
  bytes::StoreU32(stored, 12, crc);
  return stored;
}

TEST_CASE("stored handle: values that cannot be are refused under a good checksum",
          "[unit][castore]") {
  const Bytes golden = Golden("handle_v1_plain");
  // Persistent id 8, GUIDs 32, key 17, generation 8, path 3, stream 2, share 3, numbers 16.
  constexpr size_t kOplockOffset = kRecordHeaderBytes + 8 + 32 + 17 + 8 + 3 + 2 + 3 + 16;
  struct Case { const char* why; size_t offset; uint8_t value; };
  const auto c = GENERATE(values<Case>({
      {"persistent id 0", kRecordHeaderBytes, 0},
      {"a file id of 25 bytes", kRecordHeaderBytes + 8 + 32 + 16, 25},
      {"an oplock level that is none", kOplockOffset, 2},
      {"a lease level without a lease", kOplockOffset, 0xFF},
      {"flags of a lease without it", kOplockOffset + 1, 0x02},
      {"more locks than there are bytes", kOplockOffset + 2, 200},
      {"a SID of 69 bytes", kOplockOffset + 6, 69},
  }));
  CAPTURE(c.why);
  Bytes changed = golden;
  REQUIRE(changed[c.offset] != c.value);
  changed[c.offset] = c.value;
  CHECK(absl::IsDataLoss(DecodeStoredHandle(Resealed(changed)).status()));
  CHECK(DecodeStoredHandle(Resealed(golden)).ok());
}

TEST_CASE("stored handle: random records come back as they went", "[unit][castore]") {
  std::mt19937_64 random(7);
  const auto below = [&random](uint64_t n) { return random() % n; };
  for (int i = 0; i < 500; ++i) {
    HandleRecord r = FullRecord();
    r.persistent_id = 1 + below(UINT64_MAX - 1);
    r.path = std::string(below(300), static_cast<char>(below(256)));
    r.locks.resize(below(5));
    for (LockRecord& lock : r.locks) lock = {random(), random(), below(2) == 1};
    if (below(2) == 0) r.lock_sequences.clear();
    if (below(2) == 0) r.app_instance.reset();
    if (below(2) == 0) r.disconnected_since.reset();
    if (below(2) == 0) r.lease->parent_key.reset();
    if (below(3) == 0) {
      r.lease.reset();
      r.oplock_level = fsa::OplockLevel::kBatch;
    }
    r.is_delete_on_close = below(2) == 0;
    r.channel_sequence = static_cast<uint16_t>(random());
    const auto again = DecodeStoredHandle(EncodeStored(r));
    REQUIRE(again.ok());
    REQUIRE(*again == r);
  }
}

}  // namespace
}  // namespace continuo::castore
