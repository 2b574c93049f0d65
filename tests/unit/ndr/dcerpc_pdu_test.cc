// Goal: PDUs are decoded whole or refused. Method: a captured BIND (smbclient 4.17), every
// truncation with a header that admits it, counts that lie. How the server answers is tested in
// tests/unit/pipes with captured exchanges.
#include "common/ndr/dcerpc_pdu.h"

#include <catch2/catch.hpp>

#include "common/bytes/byte_reader.h"
#include "common/bytes/byte_writer.h"

namespace continuo::ndr {
namespace {

const Bytes kBind = {
    5, 0, 11, 3, 0x10, 0, 0, 0, 72, 0, 0, 0, 1, 0, 0, 0,                // Header.
    0xb8, 0x10, 0xb8, 0x10, 0, 0, 0, 0,                                 // Sizes, group.
    1, 0, 0, 0, 0, 0, 1, 0,                                             // One context, id 0.
    0xc8, 0x4f, 0x32, 0x4b, 0x70, 0x16, 0xd3, 0x01, 0x12, 0x78, 0x5a, 0x47, 0xbf, 0x6e, 0xe1, 0x88,
    3, 0, 0, 0,                                                         // srvsvc 3.0.
    0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11, 0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10, 0x48, 0x60,
    2, 0, 0, 0};                                                        // NDR 2.0.

absl::StatusOr<BindPdu> Decode(const Bytes& pdu) {
  const auto header = DecodePduHeader(pdu);
  if (!header.ok()) return header.status();
  return DecodeBind(*header, pdu);
}

TEST_CASE("BIND: as smbclient sends it", "[unit][ndr][C706:12.6.4.3]") {
  const auto bind = Decode(kBind);
  REQUIRE(bind.ok());
  CHECK(bind->max_receive_size_bytes == 4280);
  REQUIRE(bind->contexts.size() == 1);
  CHECK(bind->contexts[0].abstract_syntax.version == 3);
  REQUIRE(bind->contexts[0].transfer_syntaxes.size() == 1);
  CHECK(bind->contexts[0].transfer_syntaxes[0] == kNdr20);
}

TEST_CASE("BIND: every truncation is refused", "[unit][ndr][C706:12.6.4.3]") {
  for (size_t size = 0; size < kBind.size(); ++size) {
    CAPTURE(size);
    Bytes cut(kBind.begin(), kBind.begin() + static_cast<ptrdiff_t>(size));
    if (size >= 10) bytes::StoreU16(cut, 8, static_cast<uint16_t>(size));
    CHECK_FALSE(Decode(cut).ok());
  }
}

TEST_CASE("BIND: counts that lie are refused", "[unit][ndr][hostile-25]") {
  struct Case { const char* why; size_t at; uint8_t value; };
  const auto c = GENERATE(values<Case>({{"no context", 24, 0},
                                        {"two contexts", 24, 2},
                                        {"255 contexts", 24, 255},
                                        {"no transfer syntax", 30, 0},
                                        {"two transfer syntaxes", 30, 2},
                                        {"255 transfer syntaxes", 30, 255},
                                        {"another version", 0, 4},
                                        {"big-endian", 4, 0}}));
  CAPTURE(c.why);
  Bytes bind = kBind;
  bind[c.at] = c.value;
  CHECK_FALSE(Decode(bind).ok());
}

TEST_CASE("REQUEST: an object UUID and an authentication trailer are not stub",
          "[unit][ndr][C706:12.6.4.9]") {
  Bytes pdu(16 + 8 + 16 + 4 + 8 + 16, 0xAB);
  const Bytes header = {5, 0, 0, 0x83, 0x10, 0, 0, 0, 68, 0, 16, 0, 9, 0, 0, 0};
  std::copy(header.begin(), header.end(), pdu.begin());
  pdu[20] = 1;
  pdu[21] = 0;
  pdu[22] = 15;
  pdu[23] = 0;
  const auto decoded = DecodePduHeader(pdu);
  REQUIRE(decoded.ok());
  CHECK(decoded->call_id == 9);
  const auto request = DecodeRequest(*decoded, pdu);
  REQUIRE(request.ok());
  CHECK(request->context_id == 1);
  CHECK(request->opnum == 15);
  CHECK(request->stub.size() == 4);
}

TEST_CASE("RESPONSE: an empty stub is one fragment, larger ones are cut at eight",
          "[unit][ndr][C706:12.6.4.10]") {
  CHECK(EncodeResponse({1, 0}, kMinFragmentSizeBytes, {}).size() == 1);
  const Bytes stub(3000, 1);
  const auto fragments = EncodeResponse({1, 0}, kMinFragmentSizeBytes, stub);
  REQUIRE(fragments.size() == 3);
  CHECK(fragments[0].size() == 24 + 1408);
  CHECK(fragments[0][3] == kPduFirstFragment);
  CHECK(fragments[1][3] == 0);
  CHECK(fragments[2][3] == kPduLastFragment);
  CHECK(fragments[2].size() == 24 + 3000 - 2 * 1408);
}

}  // namespace
}  // namespace continuo::ndr
