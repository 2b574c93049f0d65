// Goal: rows 4, 5, 8, 14, 19 and 20 of the list of hostile inputs as far as they are a codec's.
// Method: tables of single changes to captured messages, each with the reason in words.
#include <catch2/catch.hpp>

#include "common/smbwire/client_messages.h"
#include "common/smbwire/compound.h"
#include "common/smbwire/fsctl.h"
#include "common/smbwire/transform.h"
#include "tests/unit/smbwire/golden.h"

namespace continuo::smbwire {
namespace {

using bytes::StoreU16;
using bytes::StoreU32;

TEST_CASE("compound: bad NextCommand is STATUS_INVALID_PARAMETER",
          "[unit][smbwire][MS-SMB2:3.3.5.2.7]") {
  struct Case {
    const char* why;
    uint32_t next_command;
  };
  const auto c = GENERATE(values<Case>({
      {"misaligned", 68},
      {"inside its own header", 8},
      {"just short of a header", 56},
      {"past the end", 0x10000},
      {"backwards as a signed number", 0xFFFFFFC0},
  }));
  CAPTURE(c.why);
  Bytes message = Golden("compound_request");
  REQUIRE(SplitCompound(message).ok());
  StoreU32(message, kHeaderNextCommandOffset, c.next_command);
  CHECK(SplitCompound(message).status() == NtStatus::kInvalidParameter);
}

TEST_CASE("compound: what follows NextCommand must be a whole SMB2 header", "[unit][smbwire]") {
  Bytes message = Golden("echo_request");
  message.resize(72);
  StoreU32(message, kHeaderNextCommandOffset, 72);
  CHECK_FALSE(SplitCompound(message).ok());  // Nothing follows.
  message.resize(72 + 63);
  CHECK_FALSE(SplitCompound(message).ok());  // 63 bytes follow.
  message.resize(72 + 64);
  CHECK_FALSE(SplitCompound(message).ok());  // 64 bytes that are no header.
}

TEST_CASE("compound: more elements than the limit are refused", "[unit][smbwire]") {
  Bytes element = Golden("echo_request");
  element.resize(72);
  const auto chain = [&](size_t count) {
    Bytes out;
    for (size_t i = 0; i < count; ++i) {
      StoreU32(element, kHeaderNextCommandOffset, i + 1 < count ? 72 : 0);
      out.insert(out.end(), element.begin(), element.end());
    }
    return out;
  };
  const auto at_limit = SplitCompound(chain(kMaxCompoundElements));
  REQUIRE(at_limit.ok());
  CHECK(at_limit->size() == kMaxCompoundElements);
  CHECK_FALSE(SplitCompound(chain(kMaxCompoundElements + 1)).ok());
}

TEST_CASE("NEGOTIATE: hostile counts, offsets and contexts", "[unit][smbwire][MS-SMB2:3.3.5.4]") {
  // Contexts start at 112: PREAUTH (8 + 38), at 160 ENCRYPTION, at 184 SIGNING, at 200 NETNAME.
  struct Case {
    const char* why;
    size_t position;
    uint16_t value;
  };
  const auto c = GENERATE(values<Case>({
      {"no dialect", 66, 0},
      {"more dialects than the message holds", 66, 0xFFFF},
      {"context offset is misaligned", 92, 0x71},
      {"context offset lies in the dialects", 92, 0x68},
      {"context offset is past the end", 92, 0xFFF8},
      {"one context too many", 96, 5},
      {"65535 contexts", 96, 0xFFFF},
      {"context data past the end", 114, 0xFFFF},
      {"no hash algorithm", 120, 0},
      {"hash count past the data", 120, 0x7FFF},
      {"salt past the data", 122, 33},
      {"salt size wraps", 122, 0xFFFF},
      {"no cipher", 168, 0},
      {"cipher count past the data", 168, 5},
      {"two PREAUTH_INTEGRITY contexts", 160, 1},
      {"two ENCRYPTION contexts", 184, 2},
      {"no PREAUTH_INTEGRITY context", 112, 0x7777},
  }));
  CAPTURE(c.why);
  Bytes message = Golden("negotiate_request_311");
  REQUIRE(DecodeNegotiateRequest(message).ok());
  StoreU16(message, c.position, c.value);
  CHECK(DecodeNegotiateRequest(message).status() == NtStatus::kInvalidParameter);
}

TEST_CASE("NEGOTIATE: unknown contexts are ignored, and all of them without 3.1.1",
          "[unit][smbwire][MS-SMB2:3.3.5.4]") {
  Bytes unknown = Golden("negotiate_request_311");
  StoreU16(unknown, 184, 0x7777);
  const auto request = DecodeNegotiateRequest(unknown);
  REQUIRE(request.ok());
  CHECK_FALSE(request->contexts.signing_algorithms);

  Bytes older = Golden("negotiate_request_311");
  StoreU16(older, 66, 4);  // The fifth dialect is 3.1.1.
  StoreU32(older, 92, 0xFFFFFFFF);
  REQUIRE(DecodeNegotiateRequest(older).ok());
}

TEST_CASE("transform header: sizes that lie are refused", "[unit][smbwire][MS-SMB2:3.3.5.2.1.1]") {
  struct Case {
    const char* why;
    size_t position;
    uint32_t value;
  };
  const auto c = GENERATE(values<Case>({
      {"size above what follows", 36, 0x00FFFFFF},
      {"size of zero", 36, 0},
      {"size below a header", 36, 63},
      {"flags without Encrypted", 40, 0},
      {"nested marker instead of the protocol id", 0, 0x424D53FE},
  }));
  CAPTURE(c.why);
  Bytes message = Golden("transform_request");
  REQUIRE(DecodeTransformHeader(message).ok());
  StoreU32(message, c.position, c.value);
  CHECK(DecodeTransformHeader(message).status() == NtStatus::kInvalidParameter);
}

TEST_CASE("LOCK: counts that lie are refused before anything is reserved",
          "[unit][smbwire][MS-SMB2:3.3.5.14]") {
  for (const uint16_t count : std::initializer_list<uint16_t>{0, 3, 65535}) {
    CAPTURE(count);
    Bytes message = Golden("lock_request");
    StoreU16(message, 66, count);
    CHECK(DecodeLockRequest(message).status() == NtStatus::kInvalidParameter);
  }
}

TEST_CASE("WRITE: data must lie behind the fixed part and inside the message",
          "[unit][smbwire][MS-SMB2:3.3.5.13]") {
  struct Case {
    const char* why;
    uint16_t offset;
    uint32_t length_bytes;
    bool is_ok;
  };
  const auto c = GENERATE(values<Case>({
      {"inside the fixed part", 111, 1, false},
      {"length wraps", 112, 0xFFFFFFFF, false},
      {"offset past the end", 0xFFFF, 1, false},
      {"zero length, offset zero", 0, 0, true},
      {"zero length, offset past the end", 0xFFFF, 0, true},
  }));
  CAPTURE(c.why);
  Bytes message = Golden("write_request");
  StoreU16(message, 66, c.offset);
  StoreU32(message, 68, c.length_bytes);
  CHECK(DecodeWriteRequest(message).ok() == c.is_ok);
}

TEST_CASE("FSCTL payloads: counts and ranges that lie", "[unit][smbwire][MS-SMB2:3.3.5.15]") {
  Bytes copy(32, 0);
  StoreU32(copy, 24, 1);
  CHECK_FALSE(DecodeCopyChunkRequest(copy).ok());
  StoreU32(copy, 24, 0xFFFFFFFF);
  CHECK_FALSE(DecodeCopyChunkRequest(copy).ok());
  Bytes many(32 + 24 * (kCopyChunkMaxCount + 1), 0);
  StoreU32(many, 24, kCopyChunkMaxCount + 1);
  const auto too_many = DecodeCopyChunkRequest(many);
  REQUIRE(too_many.ok());
  CHECK(too_many->chunk_count == kCopyChunkMaxCount + 1);
  CHECK(too_many->chunks.empty());

  Bytes range(16, 0);
  bytes::StoreU64(range, 0, 5);
  bytes::StoreU64(range, 8, 4);
  CHECK_FALSE(DecodeZeroDataRequest(range).ok());
  bytes::StoreU64(range, 8, UINT64_MAX);
  CHECK_FALSE(DecodeZeroDataRequest(range).ok());
  bytes::StoreU64(range, 8, INT64_MAX);
  CHECK(DecodeZeroDataRequest(range).ok());
  CHECK_FALSE(DecodeAllocatedRangeRequest(range).ok());  // 5 + 2^63 - 1 passes the largest offset.
}

}  // namespace
}  // namespace continuo::smbwire
