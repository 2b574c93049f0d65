// Goal: CREATE and its contexts, with the hostile shapes that have broken servers.
// Method: captured messages, changed in single fields; context chains built byte by byte.
#include <algorithm>

#include <catch2/catch.hpp>

#include "common/smbwire/create.h"
#include "common/smbwire/fscc_ea.h"
#include "tests/unit/smbwire/golden.h"

namespace continuo::smbwire {
namespace {

using bytes::ByteWriter;
using bytes::StoreU16;
using bytes::StoreU32;

TEST_CASE("CREATE request: captured values", "[unit][smbwire][MS-SMB2:2.2.13]") {
  const Bytes message = Golden("create_request_contexts");
  const auto request = DecodeCreateRequest(message);
  REQUIRE(request.ok());
  CHECK(request->desired_access == kMaximumAllowed);
  CHECK(request->share_access == kShareAll);
  CHECK(request->create_disposition == kDispositionOverwriteIf);
  CHECK(Bytes(request->name_utf16le.begin(), request->name_utf16le.end()) ==
        Utf16("test_create.dat"));
  const CreateContexts& contexts = request->contexts;
  REQUIRE(contexts.maximal_access);
  CHECK_FALSE(contexts.maximal_access->timestamp);
  CHECK(contexts.allocation_size_bytes == 0x100000u);
  CHECK(contexts.durable_request);
  REQUIRE(contexts.timewarp);
  CHECK(contexts.timewarp->ticks == 10000);
  CHECK_FALSE(contexts.lease);
}

TEST_CASE("CREATE request: captured leases, durable handles and EAs",
          "[unit][smbwire][MS-SMB2:2.2.13.2]") {
  const Bytes lease_message = Golden("create_request_lease_v2");
  const auto lease = DecodeCreateRequest(lease_message);
  REQUIRE(lease.ok());
  CHECK(lease->oplock_level == kOplockLease);
  REQUIRE(lease->contexts.lease);
  CHECK(lease->contexts.lease->version == LeaseContext::Version::kV2);
  CHECK(lease->contexts.lease->state == 7);
  CHECK(lease->contexts.lease->epoch == 0x4711);
  CHECK(lease->contexts.lease->key[0] == 0x0D);

  const Bytes durable_message = Golden("create_request_app_instance");
  const auto durable = DecodeCreateRequest(durable_message);
  REQUIRE(durable.ok());
  REQUIRE(durable->contexts.durable_v2_request);
  CHECK(durable->contexts.durable_v2_request->timeout_ms == 0xFFFFFFFF);
  CHECK(durable->contexts.durable_v2_request->create_guid[0] == 0xE3);
  REQUIRE(durable->contexts.app_instance_id);
  CHECK((*durable->contexts.app_instance_id)[0] == 0xA3);

  const Bytes ea_message = Golden("create_request_ea");
  const auto with_ea = DecodeCreateRequest(ea_message);
  REQUIRE(with_ea.ok());
  REQUIRE(with_ea->contexts.ea_buffer);
  const auto eas = DecodeFullEaList(*with_ea->contexts.ea_buffer);
  REQUIRE(eas.ok());
  REQUIRE(eas->size() == 2);
  CHECK(std::ranges::equal((*eas)[0].name, std::string_view("EAONE")));
  CHECK(std::ranges::equal((*eas)[0].value, std::string_view("VALUE1")));
  CHECK(std::ranges::equal((*eas)[1].name, std::string_view("SECONDEA")));
}

TEST_CASE("CREATE request: bad name bounds are STATUS_INVALID_PARAMETER",
          "[unit][smbwire][MS-SMB2:3.3.5.9]") {
  struct Case {
    const char* why;
    uint16_t name_offset;
    uint16_t name_size_bytes;
  };
  const Bytes valid = Golden("create_request");
  const auto past_end = static_cast<uint16_t>(valid.size() - 120 + 2);
  const auto c = GENERATE_COPY(values<Case>({
      {"one character past the end", 120, static_cast<uint16_t>(past_end + past_end % 2)},
      {"odd length", 120, 3},
      {"inside the fixed part", 119, 2},
      {"inside the header", 0, 2},
      {"offset + length wraps 16 bits", 0xFFF8, 0x0010},
  }));
  CAPTURE(c.why);
  Bytes message = valid;
  StoreU16(message, 64 + 44, c.name_offset);
  StoreU16(message, 64 + 46, c.name_size_bytes);
  CHECK(DecodeCreateRequest(message).status() == NtStatus::kInvalidParameter);
}

TEST_CASE("CREATE request: an empty name may have any offset", "[unit][smbwire]") {
  Bytes message = Golden("create_request");
  StoreU16(message, 64 + 44, 0);
  StoreU16(message, 64 + 46, 0);
  const auto request = DecodeCreateRequest(message);
  REQUIRE(request.ok());
  CHECK(request->name_utf16le.empty());
}

TEST_CASE("CREATE request: bad context bounds are STATUS_INVALID_PARAMETER",
          "[unit][smbwire][MS-SMB2:3.3.5.9]") {
  struct Case {
    const char* why;
    uint32_t offset;
    uint32_t size_bytes;
  };
  const auto c = GENERATE(values<Case>({
      {"misaligned", 0x9C, 0x7C},
      {"inside the fixed part", 0x70, 0x20},
      {"past the end", 0x98, 0x81},
      {"offset + size wraps 32 bits", 0xFFFFFFF8, 0x10},
      {"cut in the first header", 0x98, 15},
  }));
  CAPTURE(c.why);
  Bytes message = Golden("create_request_contexts");
  StoreU32(message, 64 + 48, c.offset);
  StoreU32(message, 64 + 52, c.size_bytes);
  CHECK(DecodeCreateRequest(message).status() == NtStatus::kInvalidParameter);
}

// One context with explicit fields; data starts at 24 for four-byte names.
Bytes Context(uint32_t next, const char* name, size_t data_size_bytes) {
  ByteWriter out;
  out.U32(next);
  out.U16(16);
  out.U16(4);
  out.U16(0);
  out.U16(data_size_bytes == 0 ? uint16_t{0} : uint16_t{24});
  out.U32(static_cast<uint32_t>(data_size_bytes));
  for (size_t i = 0; i < 4; ++i) out.U8(static_cast<uint8_t>(name[i]));
  out.Zeros(4 + data_size_bytes);
  return std::move(out).Take();
}

Bytes Join(const Bytes& a, const Bytes& b) {
  Bytes out = a;
  out.insert(out.end(), b.begin(), b.end());
  return out;
}

TEST_CASE("create contexts: hostile chains are STATUS_INVALID_PARAMETER",
          "[unit][smbwire][MS-SMB2:3.3.5.9]") {
  const Bytes qfid = Context(0, "QFid", 0);
  const auto refused = [](const char* why, const Bytes& list) {
    CAPTURE(why);
    CHECK(DecodeCreateContexts(list).status() == NtStatus::kInvalidParameter);
  };
  REQUIRE(DecodeCreateContexts({}).ok());
  REQUIRE(DecodeCreateContexts(Join(Context(24, "MxAc", 0), qfid)).ok());
  REQUIRE(DecodeCreateContexts(Join(Context(24, "ZZZZ", 0), Context(0, "ZZZZ", 0))).ok());
  refused("duplicate", Join(Context(24, "QFid", 0), qfid));
  refused("Next is misaligned", Join(Context(20, "MxAc", 0), qfid));
  refused("Next is below a context's header", Join(Context(8, "MxAc", 0), qfid));
  refused("Next leads past the end", Join(Context(64, "MxAc", 0), qfid));
  refused("Next leads to nothing", Context(24, "MxAc", 0));
  refused("Next is negative as a signed number", Join(Context(0xFFFFFFE8, "MxAc", 0), qfid));
  refused("data reaches into the next context", Join(Context(24, "AlSi", 8), qfid));
  refused("lease of 31 bytes", Context(0, "RqLs", 31));
  refused("lease between v1 and v2", Context(0, "RqLs", 40));
  refused("empty lease", Context(0, "RqLs", 0));
  refused("short DHnQ", Context(0, "DHnQ", 15));
  refused("short DHnC", Context(0, "DHnC", 8));
  refused("short DH2Q", Context(0, "DH2Q", 31));
  refused("long DH2C", Context(0, "DH2C", 40));
  refused("short AlSi", Context(0, "AlSi", 4));
  refused("MxAc of 4 bytes", Context(0, "MxAc", 4));

  Bytes name_outside = qfid;
  StoreU16(name_outside, 4, 0xFFFC);
  refused("name outside", name_outside);
  Bytes short_name = qfid;
  StoreU16(short_name, 6, 3);
  refused("name of three bytes", short_name);
  Bytes overlap = Context(0, "AlSi", 8);
  StoreU16(overlap, 10, 16);
  refused("data overlaps the name", overlap);
  Bytes data_size = Context(0, "AlSi", 8);
  StoreU32(data_size, 12, 0xFFFFFFFF);
  refused("data size wraps", data_size);
}

TEST_CASE("create contexts: more than the limit are refused, without revisiting any",
          "[unit][smbwire]") {
  Bytes list;
  for (size_t i = 0; i < kMaxCreateContexts - 1; ++i) list = Join(list, Context(24, "ZZZZ", 0));
  REQUIRE(DecodeCreateContexts(Join(list, Context(0, "ZZZZ", 0))).ok());
  list = Join(list, Context(24, "ZZZZ", 0));
  CHECK(DecodeCreateContexts(Join(list, Context(0, "ZZZZ", 0))).status() ==
        NtStatus::kInvalidParameter);
}

TEST_CASE("create contexts: every kind round-trips", "[unit][smbwire]") {
  const Bytes blob = {1, 2, 3, 4, 5};
  CreateContexts contexts;
  contexts.ea_buffer = blob;
  contexts.security_descriptor = blob;
  contexts.durable_reconnect = FileId{1, 2};
  contexts.durable_v2_reconnect = DurableV2Reconnect{{3, 4}, Guid{9}, kDurableV2FlagPersistent};
  contexts.allocation_size_bytes = 77;
  contexts.maximal_access = MaximalAccessRequest{FileTime{5}};
  contexts.query_on_disk_id = true;
  contexts.posix_mode = 0644;
  ByteWriter out;
  EncodeCreateRequestContexts(contexts, out);
  const auto again = DecodeCreateContexts(out.view());
  REQUIRE(again.ok());
  CHECK(std::ranges::equal(*again->ea_buffer, blob));
  CHECK(std::ranges::equal(*again->security_descriptor, blob));
  CHECK(again->durable_reconnect == FileId{1, 2});
  CHECK(again->durable_v2_reconnect->file_id == FileId{3, 4});
  CHECK(again->durable_v2_reconnect->flags == kDurableV2FlagPersistent);
  CHECK(again->allocation_size_bytes == 77u);
  CHECK(again->maximal_access->timestamp == FileTime{5});
  CHECK(again->query_on_disk_id);
  CHECK(again->posix_mode == 0644u);
}

}  // namespace
}  // namespace continuo::smbwire
