// Goal: real clients get the answers that smbd 4.17 gives them. Method: captured requests go in;
// the stub of each answer must be byte for byte the captured one where both servers know the same.
#include <catch2/catch.hpp>

#include "common/bytes/byte_reader.h"
#include "common/bytes/byte_writer.h"
#include "common/ndr/dcerpc_pdu.h"
#include "services/smb-frontend/pipes/pipe_endpoint.h"
#include "tests/unit/pipes/fake_environment.h"
#include "tests/unit/pipes/golden_pdus.h"

namespace continuo::pipes {
namespace {

using crypto::FromHex;
using crypto::ToBytes;

constexpr size_t kMaxOutput = 4280;

std::unique_ptr<PipeEndpoint> Open(std::shared_ptr<FakeEnvironment> environment,
                                   const char* name, const char* bind, const char* bind_ack) {
  auto pipe = OpenPipe(name, std::move(environment));
  REQUIRE(pipe.ok());
  const PipeRead read = (*pipe)->Transceive(FromHex(bind), kMaxOutput);
  REQUIRE(read.status.ok());
  // All but the association group, which each server chooses, and the case of "\\PIPE\\".
  const Bytes expected = FromHex(bind_ack);
  REQUIRE(read.data.size() == expected.size());
  CHECK(Bytes(read.data.begin(), read.data.begin() + 20) ==
        Bytes(expected.begin(), expected.begin() + 20));
  CHECK(Bytes(read.data.begin() + 32, read.data.end()) ==
        Bytes(expected.begin() + 32, expected.end()));
  return std::move(*pipe);
}

Bytes Stub(const Bytes& pdu) {
  REQUIRE(pdu.size() >= ndr::kResponseHeaderSizeBytes);
  CHECK(pdu[2] == static_cast<uint8_t>(ndr::PduType::kResponse));
  return Bytes(pdu.begin() + ndr::kResponseHeaderSizeBytes, pdu.end());
}

// Referent ids may be any numbers; both servers count them from 0x00020000, but smbd goes on where
// the request stopped. So: every one becomes the same.
Bytes WithoutReferentIds(Bytes stub) {
  for (size_t at = 0; at + 4 <= stub.size(); at += 4) {
    bytes::ByteReader in(std::span<const uint8_t>(stub).subspan(at, 4));
    if (in.U32() >> 16 == 2) bytes::StoreU32(stub, at, 0x00020000);
  }
  return stub;
}

TEST_CASE("srvsvc: answers smbclient and rpcclient as smbd does",
          "[unit][pipes][MS-SRVS:3.1.4]") {
  auto environment = std::make_shared<FakeEnvironment>();
  const auto pipe =
      Open(environment, "srvsvc", golden::kSmbclientBind, golden::kSmbclientBindAck);
  struct Case { const char* what; const char* request; const char* answer; uint32_t uses = 0; };
  const Case cases[] = {
      {"NetShareEnumAll 1 (smbclient)", golden::kSmbclientShareEnum,
       golden::kSmbclientShareEnumAnswer},
      {"NetServerGetInfo 101", golden::kServerInfo1, golden::kServerInfo1Answer},
      {"NetShareEnumAll 1", golden::kShareEnumAll1, golden::kShareEnumAll1Answer},
      {"NetShareEnumAll 2", golden::kShareEnumAll2, golden::kShareEnumAll2Answer},
      {"NetShareEnumAll 502", golden::kShareEnumAll3, golden::kShareEnumAll3Answer, 1},
      {"NetShareGetInfo demo 1", golden::kShareInfo1, golden::kShareInfo1Answer},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    environment->shares[0].current_uses = c.uses;  // As it was when the answer was captured.
    environment->shares[1].current_uses = c.uses;
    const PipeRead read = pipe->Transceive(FromHex(c.request), kMaxOutput);
    REQUIRE(read.status.ok());
    CHECK(WithoutReferentIds(Stub(read.data)) == WithoutReferentIds(Stub(FromHex(c.answer))));
  }
}

// The status of an answer is its last four bytes.
uint32_t Win32Status(const Bytes& pdu) {
  bytes::ByteReader in(std::span<const uint8_t>(pdu).last(4));
  return in.U32();
}

TEST_CASE("srvsvc: refusals have the shape of smbd's", "[unit][pipes][MS-SRVS:3.1.4]") {
  auto environment = std::make_shared<FakeEnvironment>();
  environment->is_admin = false;
  const auto pipe =
      Open(environment, "srvsvc", golden::kSmbclientBind, golden::kSmbclientBindAck);
  struct Case { const char* what; const char* request; const char* answer; uint32_t status; };
  const Case cases[] = {
      {"unknown share", golden::kShareInfo3, golden::kShareInfo3Answer, 2310},
      {"paths for non-administrators", golden::kShareEnumAll2, nullptr, 5},
      {"one path for non-administrators", golden::kShareInfo2, nullptr, 5},
      {"sessions for non-administrators", golden::kSessionEnum1, nullptr, 5},
      {"files for non-administrators", golden::kFileEnum1, nullptr, 5},
      {"connections for non-administrators", golden::kConnectionEnum1, nullptr, 5},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    const PipeRead read = pipe->Transceive(FromHex(c.request), kMaxOutput);
    REQUIRE(read.status.ok());
    CHECK(Win32Status(read.data) == c.status);
    if (c.answer != nullptr) CHECK(read.data.size() == FromHex(c.answer).size());
  }
}

TEST_CASE("srvsvc: the time of day", "[unit][pipes][MS-SRVS:3.1.4.48]") {
  auto environment = std::make_shared<FakeEnvironment>();
  environment->now = absl::FromUnixMillis(1765891234560);  // Tuesday 2025-12-16 13:20:34.56 UTC.
  const auto pipe =
      Open(environment, "srvsvc", golden::kSmbclientBind, golden::kSmbclientBindAck);
  const PipeRead read = pipe->Transceive(FromHex(golden::kRemoteTod1), kMaxOutput);
  REQUIRE(read.status.ok());
  const Bytes stub = Stub(read.data);
  CHECK(stub.size() == Stub(FromHex(golden::kRemoteTod1Answer)).size());
  bytes::ByteReader in(stub);
  in.Skip(4);
  CHECK(in.U32() == 1765891234);
  in.Skip(4);
  for (const uint32_t expected : {13u, 20u, 34u, 56u, 0u, 310u, 16u, 12u, 2025u, 2u, 0u}) {
    CHECK(in.U32() == expected);
  }
  CHECK(in.ok());
  CHECK(in.remaining() == 0);
}

TEST_CASE("wkssvc: answers rpcclient as smbd does", "[unit][pipes][MS-WKST:3.2.4]") {
  auto environment = std::make_shared<FakeEnvironment>();
  const auto pipe = Open(environment, "\\PIPE\\WKSSVC", golden::kWkssvcBind, golden::kWkssvcBindAck);
  const PipeRead read = pipe->Transceive(FromHex(golden::kWkstaInfo1), kMaxOutput);
  REQUIRE(read.status.ok());
  CHECK(WithoutReferentIds(Stub(read.data)) ==
        WithoutReferentIds(Stub(FromHex(golden::kWkstaInfo1Answer))));
  const PipeRead longer = pipe->Transceive(FromHex(golden::kWkstaInfo2), kMaxOutput);
  CHECK(WithoutReferentIds(Stub(longer.data)) ==
        WithoutReferentIds(Stub(FromHex(golden::kWkstaInfo2Answer))));

  environment->is_admin = false;
  const PipeRead refused = pipe->Transceive(FromHex(golden::kWkstaInfo3), kMaxOutput);
  CHECK(Stub(refused.data) == Stub(FromHex(golden::kWkstaInfo3Answer)));
  const PipeRead users = pipe->Transceive(FromHex(golden::kWkstaUserEnum1), kMaxOutput);
  CHECK(Win32Status(users.data) == 5);
}

}  // namespace
}  // namespace continuo::pipes
