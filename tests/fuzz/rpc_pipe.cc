// A named pipe of IPC$ with a client that writes anything: DCE/RPC PDUs, fragments and the stubs of
// srvsvc and wkssvc. First byte: which pipe (1), bind first (2), reads in small parts (4),
// administrator (8), wrap the input in one REQUEST of the opnum in the second byte (16).
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "common/bytes/byte_writer.h"
#include "common/ndr/dcerpc_pdu.h"
#include "services/smb-frontend/pipes/pipe_endpoint.h"
#include "tests/unit/pipes/fake_environment.h"
#include "tests/unit/pipes/golden_pdus.h"

namespace continuo::pipes {
namespace {

Bytes WrapRequest(uint8_t opnum, std::span<const uint8_t> stub) {
  stub = stub.first(std::min<size_t>(stub.size(), 0xF000));
  bytes::ByteWriter out;
  for (const uint8_t byte : Bytes{5, 0, 0, 3, 0x10, 0, 0, 0}) out.U8(byte);
  out.U16(static_cast<uint16_t>(ndr::kResponseHeaderSizeBytes + stub.size()));
  out.U16(0);
  out.U32(2);
  out.U32(0);
  out.U16(0);
  out.U16(opnum);
  out.Append(stub);
  return std::move(out).Take();
}

void Drain(PipeEndpoint& pipe, size_t read_size_bytes) {
  while (pipe.ReadableBytes() > 0) {
    const size_t before = pipe.ReadableBytes();
    const PipeRead read = pipe.Read(read_size_bytes);
    if (read.data.empty() || before - read.data.size() != pipe.ReadableBytes()) std::abort();
  }
}

void Run(std::span<const uint8_t> input) {
  if (input.size() < 2) return;
  const uint8_t choice = input[0];
  auto environment = std::make_shared<FakeEnvironment>();
  environment->is_admin = (choice & 8) != 0;
  environment->sessions.resize(2);
  environment->files.resize(2);
  environment->connections.resize(2);
  const bool is_wkssvc = (choice & 1) != 0;
  auto pipe = OpenPipe(is_wkssvc ? "wkssvc" : "srvsvc", environment);
  if (!pipe.ok()) std::abort();
  if ((choice & 2) != 0) {
    const char* bind = is_wkssvc ? golden::kWkssvcBind : golden::kSmbclientBind;
    if (!(*pipe)->Transceive(crypto::FromHex(bind), 4280).status.ok()) std::abort();
  }
  const size_t read_size_bytes = (choice & 4) != 0 ? 7 : 4280;
  if ((choice & 16) != 0) {
    (void)(*pipe)->Write(WrapRequest(input[1], input.subspan(2)));
    return Drain(**pipe, read_size_bytes);
  }
  input = input.subspan(2);
  while (!input.empty()) {
    const auto part = input.first(std::min<size_t>(input.size(), 200));
    (void)(*pipe)->Write(part);
    Drain(**pipe, read_size_bytes);
    input = input.subspan(part.size());
  }
}

}  // namespace
}  // namespace continuo::pipes

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  continuo::pipes::Run({data, size});
  return 0;
}
