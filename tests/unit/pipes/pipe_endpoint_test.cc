// Goal: message mode as clients rely on it, and no input that breaks more than its own pipe.
// Method: captured requests whole, in pieces, cut short and changed; PDUs built field by field.
#include "services/smb-frontend/pipes/pipe_endpoint.h"

#include <catch2/catch.hpp>

#include "common/bytes/byte_reader.h"
#include "common/bytes/byte_writer.h"
#include "common/ndr/dcerpc_pdu.h"
#include "tests/unit/pipes/fake_environment.h"
#include "tests/unit/pipes/golden_pdus.h"

namespace continuo::pipes {
namespace {

using crypto::FromHex;

constexpr size_t kMaxOutput = 4280;

std::shared_ptr<FakeEnvironment> ManyShares(size_t count) {
  auto environment = std::make_shared<FakeEnvironment>();
  for (size_t i = 0; i < count; ++i) {
    ShareEntry share;
    share.name = "share" + std::to_string(i);
    share.remark = "One of many shares";
    environment->shares.push_back(share);
  }
  return environment;
}

std::unique_ptr<PipeEndpoint> OpenBound(std::shared_ptr<FakeEnvironment> environment) {
  auto pipe = OpenPipe("srvsvc", std::move(environment));
  REQUIRE(pipe.ok());
  const PipeRead ack = (*pipe)->Transceive(FromHex(golden::kSmbclientBind), kMaxOutput);
  REQUIRE(ack.status.ok());
  return std::move(*pipe);
}

ndr::PduType TypeOf(const Bytes& pdu) { return static_cast<ndr::PduType>(pdu.at(2)); }

uint32_t FaultOf(const Bytes& pdu) {
  REQUIRE(TypeOf(pdu) == ndr::PduType::kFault);
  bytes::ByteReader in(pdu);
  in.Skip(24);
  return in.U32();
}

Bytes Pdu(ndr::PduType type, uint8_t flags, uint32_t call_id, const Bytes& body) {
  bytes::ByteWriter out;
  out.U8(5);
  out.U8(0);
  out.U8(static_cast<uint8_t>(type));
  out.U8(flags);
  out.U32(0x10);
  out.U16(static_cast<uint16_t>(16 + body.size()));
  out.U16(0);
  out.U32(call_id);
  out.Append(body);
  return std::move(out).Take();
}

Bytes Request(uint8_t flags, uint32_t call_id, uint16_t context_id, uint16_t opnum,
              std::span<const uint8_t> stub) {
  bytes::ByteWriter body;
  body.U32(0xFFFFFFFF);  // A lying hint.
  body.U16(context_id);
  body.U16(opnum);
  body.Append(stub);
  return Pdu(ndr::PduType::kRequest, flags, call_id, std::move(body).Take());
}

struct Context {
  std::array<uint8_t, 16> uuid;
  uint32_t version;
  ndr::SyntaxId transfer;
};

const std::array<uint8_t, 16> kSrvsvcUuid = {0xc8, 0x4f, 0x32, 0x4b, 0x70, 0x16, 0xd3, 0x01,
                                             0x12, 0x78, 0x5a, 0x47, 0xbf, 0x6e, 0xe1, 0x88};
const ndr::SyntaxId kNdr64 = {{0x33, 0x05, 0x71, 0x71, 0xba, 0xbe, 0x37, 0x49, 0x83, 0x19, 0xb5,
                               0xdb, 0xef, 0x9c, 0xcc, 0x36},
                              1};
const ndr::SyntaxId kBindTimeFeatures = {{0x2c, 0x1c, 0xb7, 0x6c, 0x12, 0x98, 0x40, 0x45, 0x03,
                                          0, 0, 0, 0, 0, 0, 0},
                                         1};

Bytes Bind(const std::vector<Context>& contexts, ndr::PduType type = ndr::PduType::kBind,
           uint16_t max_receive = 4280) {
  bytes::ByteWriter body;
  body.U16(4280);
  body.U16(max_receive);
  body.U32(0);
  body.U8(static_cast<uint8_t>(contexts.size()));
  body.Zeros(3);
  uint16_t id = 0;
  for (const Context& context : contexts) {
    body.U16(id++);
    body.U8(1);
    body.U8(0);
    body.Append(context.uuid);
    body.U32(context.version);
    body.Append(context.transfer.uuid);
    body.U32(context.transfer.version);
  }
  return Pdu(type, 3, 1, std::move(body).Take());
}

TEST_CASE("pipe names: known ones in every spelling, all others not found",
          "[unit][pipes][MS-SMB2:3.3.5.9]") {
  const auto environment = std::make_shared<FakeEnvironment>();
  for (const char* name : {"srvsvc", "SRVSVC", "\\srvsvc", "\\PIPE\\srvsvc", "pipe\\WksSvc"}) {
    CAPTURE(name);
    CHECK(OpenPipe(name, environment).ok());
    CHECK(IsKnownPipe(name));
  }
  for (const char* name : {"", "\\", "PIPE\\", "lsarpc2", "srvsvc\\..", "\\\\srvsvc", "..\\srvsvc"}) {
    CAPTURE(name);
    CHECK(OpenPipe(name, environment).status() == NtStatus::kObjectNameNotFound);
  }
}

TEST_CASE("Read: a message larger than asked comes in parts with BUFFER_OVERFLOW",
          "[unit][pipes][MS-SMB2:3.3.5.12]") {
  const auto pipe = OpenBound(std::make_shared<FakeEnvironment>());
  const Bytes request = FromHex(golden::kSmbclientShareEnum);
  const PipeRead whole = pipe->Transceive(request, kMaxOutput);
  REQUIRE(whole.status.ok());

  const PipeRead first = pipe->Transceive(request, 100);
  CHECK(first.status == NtStatus::kBufferOverflow);
  CHECK(pipe->ReadableBytes() == whole.data.size() - 100);
  CHECK(pipe->ReadableMessages() == 1);
  CHECK(pipe->Transceive(request, 100).status == NtStatus::kPipeBusy);
  Bytes joined = first.data;
  const PipeRead second = pipe->Read(50);
  CHECK(second.status == NtStatus::kBufferOverflow);
  joined.insert(joined.end(), second.data.begin(), second.data.end());
  const PipeRead last = pipe->Read(whole.data.size() - 150);
  CHECK(last.status.ok());
  joined.insert(joined.end(), last.data.begin(), last.data.end());
  CHECK(joined == whole.data);
  CHECK(pipe->Read(100).status == NtStatus::kPipeEmpty);
}

TEST_CASE("response: 1,000 shares come in fragments that join to one stub",
          "[unit][pipes][MS-RPCE:2.2.2]") {
  const auto pipe = OpenBound(ManyShares(1000));
  REQUIRE(pipe->Write(FromHex(golden::kSmbclientShareEnum)).ok());
  CHECK(pipe->ReadableMessages() > 10);
  Bytes stub;
  bool is_first = true;
  while (pipe->ReadableMessages() > 0) {
    const bool is_last = pipe->ReadableMessages() == 1;
    const PipeRead read = pipe->Read(kMaxOutput);
    REQUIRE(read.status.ok());
    CHECK(read.data.at(3) == ((is_first ? 1 : 0) | (is_last ? 2 : 0)));
    CHECK((is_last || read.data.size() % 8 == 0));
    stub.insert(stub.end(), read.data.begin() + 24, read.data.end());
    is_first = false;
  }
  bytes::ByteReader in(stub);
  in.Skip(12);
  CHECK(in.U32() == 1003);
  bytes::ByteReader end(std::span<const uint8_t>(stub).last(4));
  CHECK(end.U32() == 0);
}

TEST_CASE("enumeration: what does not fit one answer follows by resume handle",
          "[unit][pipes][MS-SRVS:3.1.4.8]") {
  constexpr size_t kEntriesPerAnswer = 16384;
  const auto pipe = OpenBound(ManyShares(kEntriesPerAnswer));  // And three more.
  Bytes request = FromHex(golden::kSmbclientShareEnum);
  const auto ask = [&](uint32_t resume) {
    bytes::StoreU32(request, request.size() - 4, resume);
    REQUIRE(pipe->Write(request).ok());
    Bytes stub;
    while (pipe->ReadableMessages() > 0) {
      const PipeRead read = pipe->Read(kMaxOutput);
      stub.insert(stub.end(), read.data.begin() + 24, read.data.end());
    }
    bytes::ByteReader in(stub);
    in.Skip(12);
    const uint32_t count = in.U32();
    bytes::ByteReader end(std::span<const uint8_t>(stub).last(8));
    const uint32_t next = end.U32();
    const uint32_t status = end.U32();
    return std::array<uint32_t, 3>{count, next, status};
  };
  CHECK(ask(0) == std::array<uint32_t, 3>{kEntriesPerAnswer, kEntriesPerAnswer, 234});
  CHECK(ask(kEntriesPerAnswer) == std::array<uint32_t, 3>{3, 0, 0});
  CHECK(ask(0xFFFFFFFF) == std::array<uint32_t, 3>{0, 0, 0});
}

TEST_CASE("request: fragments and single bytes are the same as the whole",
          "[unit][pipes][MS-RPCE:2.2.2]") {
  const auto environment = std::make_shared<FakeEnvironment>();
  const Bytes whole = FromHex(golden::kSmbclientShareEnum);
  const Bytes expected = OpenBound(environment)->Transceive(whole, kMaxOutput).data;

  const auto by_byte = OpenBound(environment);
  for (const uint8_t byte : whole) REQUIRE(by_byte->Write(std::array<uint8_t, 1>{byte}).ok());
  CHECK(by_byte->Read(kMaxOutput).data == expected);

  const auto by_fragment = OpenBound(environment);
  const auto stub = std::span<const uint8_t>(whole).subspan(24);
  bytes::ByteReader id_in(std::span<const uint8_t>(whole).subspan(12));
  const uint32_t call_id = id_in.U32();
  REQUIRE(by_fragment->Write(Request(1, call_id, 0, 15, stub.first(24))).ok());
  CHECK(by_fragment->Read(kMaxOutput).status == NtStatus::kPipeEmpty);
  REQUIRE(by_fragment->Write(Request(0, call_id, 0, 15, stub.subspan(24, 8))).ok());
  CHECK(by_fragment->Transceive(Request(2, call_id, 0, 15, stub.subspan(32)), kMaxOutput).data ==
        expected);
}

TEST_CASE("bind: what Windows offers is accepted, refused and acknowledged, each by its kind",
          "[unit][pipes][MS-RPCE:3.3.1.5.3]") {
  auto pipe = OpenPipe("srvsvc", std::make_shared<FakeEnvironment>());
  REQUIRE(pipe.ok());
  std::array<uint8_t, 16> other = kSrvsvcUuid;
  other[0] ^= 1;
  const PipeRead ack = (*pipe)->Transceive(
      Bind({{kSrvsvcUuid, 3, ndr::kNdr20}, {kSrvsvcUuid, 3, kNdr64},
            {kSrvsvcUuid, 3, kBindTimeFeatures}, {other, 3, ndr::kNdr20},
            {kSrvsvcUuid, 2, ndr::kNdr20}}),
      kMaxOutput);
  REQUIRE(ack.status.ok());
  REQUIRE(TypeOf(ack.data) == ndr::PduType::kBindAck);
  bytes::ByteReader in(ack.data);
  in.Skip(44);
  for (const auto& [result, reason] : std::vector<std::pair<uint16_t, uint16_t>>{
           {0, 0}, {2, 2}, {3, 0}, {2, 1}, {2, 1}}) {
    CHECK(in.U16() == result);
    CHECK(in.U16() == reason);
    in.Skip(20);
  }
  CHECK(in.ok());
  CHECK(in.remaining() == 0);

  // Calls on the refused context fault; the accepted one serves; a second BIND does not.
  const auto stub = std::span<const uint8_t>();
  CHECK(FaultOf((*pipe)->Transceive(Request(3, 7, 1, 15, stub), kMaxOutput).data) ==
        ndr::kFaultUnknownInterface);
  CHECK(FaultOf((*pipe)->Transceive(Request(3, 8, 0, 999, stub), kMaxOutput).data) ==
        ndr::kFaultOperationRange);
  CHECK(FaultOf((*pipe)->Transceive(Request(3, 9, 0, 15, stub), kMaxOutput).data) ==
        ndr::kFaultBadStubData);
  const PipeRead altered = (*pipe)->Transceive(
      Bind({{kSrvsvcUuid, 3, ndr::kNdr20}}, ndr::PduType::kAlterContext), kMaxOutput);
  CHECK(TypeOf(altered.data) == ndr::PduType::kAlterContextResponse);
  const PipeRead nak = (*pipe)->Transceive(Bind({{kSrvsvcUuid, 3, ndr::kNdr20}}), kMaxOutput);
  CHECK(TypeOf(nak.data) == ndr::PduType::kBindNak);
  CHECK((*pipe)->Write(Request(3, 9, 0, 15, stub)) == NtStatus::kPipeDisconnected);
  CHECK((*pipe)->Read(1).status == NtStatus::kPipeDisconnected);
}

TEST_CASE("protocol errors end the association and nothing else", "[unit][pipes][hostile-25]") {
  struct Case { const char* why; Bytes data; };
  Bytes big_endian = FromHex(golden::kSmbclientShareEnum);
  big_endian[4] = 0;
  Bytes version = FromHex(golden::kSmbclientShareEnum);
  version[0] = 4;
  Bytes small = FromHex(golden::kSmbclientShareEnum);
  small[8] = 15;
  Bytes auth = FromHex(golden::kSmbclientShareEnum);
  auth[10] = 16;
  Bytes auth_lies = FromHex(golden::kSmbclientShareEnum);
  auth_lies[10] = 0xFF;
  const std::vector<Case> cases = {
      {"big-endian data", big_endian},
      {"version 4", version},
      {"fragment smaller than its header", small},
      {"authentication trailer where none was negotiated", auth},
      {"authentication trailer larger than the PDU", auth_lies},
      {"a response from a client", Pdu(ndr::PduType::kResponse, 3, 1, Bytes(8))},
      {"a request without its fixed part", Pdu(ndr::PduType::kRequest, 3, 1, Bytes(7))},
      {"a middle fragment first", Request(0, 1, 0, 15, {})},
      {"ALTER_CONTEXT without contexts", Pdu(ndr::PduType::kAlterContext, 3, 1, Bytes(12))},
  };
  for (const Case& c : cases) {
    CAPTURE(c.why);
    const auto pipe = OpenBound(std::make_shared<FakeEnvironment>());
    const PipeRead read = pipe->Transceive(c.data, kMaxOutput);
    CHECK(read.status.ok());
    CHECK(TypeOf(read.data) == ndr::PduType::kFault);
    CHECK(pipe->Read(kMaxOutput).status == NtStatus::kPipeDisconnected);
  }
  auto unbound = OpenPipe("srvsvc", std::make_shared<FakeEnvironment>());
  CHECK(FaultOf((*unbound)->Transceive(Request(3, 1, 0, 15, {}), kMaxOutput).data) ==
        ndr::kFaultProtocol);
  auto small_fragments = OpenPipe("srvsvc", std::make_shared<FakeEnvironment>());
  CHECK(TypeOf((*small_fragments)
                   ->Transceive(Bind({{kSrvsvcUuid, 3, ndr::kNdr20}}, ndr::PduType::kBind, 100),
                                kMaxOutput)
                   .data) == ndr::PduType::kBindNak);
}

TEST_CASE("requests that never end are bounded", "[unit][pipes][hostile-25]") {
  const auto pipe = OpenBound(std::make_shared<FakeEnvironment>());
  const Bytes stub(4000, 0);
  REQUIRE(pipe->Write(Request(1, 1, 0, 15, stub)).ok());
  int accepted = 0;
  while (pipe->Write(Request(0, 1, 0, 15, stub)).ok() && accepted < 100) ++accepted;
  CHECK(accepted < 20);
  CHECK(FaultOf(pipe->Read(kMaxOutput).data) == ndr::kFaultProtocol);
}

TEST_CASE("answers that are never read are bounded", "[unit][pipes][hostile-25]") {
  const auto pipe = OpenBound(ManyShares(10000));
  const Bytes request = FromHex(golden::kSmbclientShareEnum);
  NtStatus status;
  int accepted = 0;
  while ((status = pipe->Write(request)).ok() && accepted < 100) ++accepted;
  CHECK(status == NtStatus::kInsufficientResources);
  CHECK(accepted < 30);
}

TEST_CASE("requests cut short or changed in any byte fault or answer, and the pipe lives",
          "[unit][pipes][hostile-25]") {
  const auto environment = std::make_shared<FakeEnvironment>();
  for (const char* golden : {golden::kSmbclientShareEnum, golden::kShareInfo1, golden::kServerInfo1,
                             golden::kSessionEnum1, golden::kFileEnum1, golden::kConnectionEnum1,
                             golden::kRemoteTod1}) {
    const Bytes request = FromHex(golden);
    const auto pipe = OpenBound(environment);
    bytes::ByteReader opnum_in(std::span<const uint8_t>(request).subspan(22));
    const uint16_t opnum = opnum_in.U16();
    const auto stub = std::span<const uint8_t>(request).subspan(24);
    for (size_t size = 0; size < stub.size(); ++size) {
      CAPTURE(opnum, size);
      const PipeRead read =
          pipe->Transceive(Request(3, 1, 0, opnum, stub.first(size)), kMaxOutput);
      REQUIRE(read.status.ok());
      // The call of no arguments but the server's name ends before its padding does.
      if (size + 4 <= stub.size()) REQUIRE(FaultOf(read.data) == ndr::kFaultBadStubData);
    }
    for (size_t at = 24; at < request.size(); ++at) {
      for (const uint8_t value : {uint8_t{0}, uint8_t{1}, uint8_t{0x7F}, uint8_t{0xFF}}) {
        Bytes changed = request;
        changed[at] = value;
        REQUIRE(pipe->Transceive(changed, kMaxOutput).status.ok());
      }
    }
  }
}

}  // namespace
}  // namespace continuo::pipes
