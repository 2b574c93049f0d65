#include "common/ndr/dcerpc_pdu.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_format.h>

#include "common/base/check.h"
#include "common/bytes/byte_reader.h"
#include "common/bytes/byte_writer.h"

namespace continuo::ndr {
namespace {

constexpr uint8_t kVersionMajor = 5;
constexpr uint8_t kVersionMinor = 0;
constexpr uint32_t kLittleEndianAsciiIeee = 0x00000010;  // As the bytes 10 00 00 00 read.
constexpr size_t kAuthTrailerHeaderSizeBytes = 8;
constexpr size_t kFragmentSizeOffset = 8;
constexpr size_t kSyntaxSizeBytes = 20;

absl::Status Malformed(const char* what) {
  return absl::InvalidArgumentError(absl::StrFormat("DCE/RPC PDU: %s", what));
}

SyntaxId ReadSyntax(bytes::ByteReader& in) {
  SyntaxId syntax;
  syntax.uuid = in.Array<16>();
  syntax.version = in.U32();
  return syntax;
}

void WriteSyntax(const SyntaxId& syntax, bytes::ByteWriter& out) {
  out.Append(syntax.uuid);
  out.U32(syntax.version);
}

bytes::ByteWriter StartPdu(PduType type, uint8_t flags, uint32_t call_id) {
  bytes::ByteWriter out;
  out.U8(kVersionMajor);
  out.U8(kVersionMinor);
  out.U8(static_cast<uint8_t>(type));
  out.U8(flags);
  out.U32(kLittleEndianAsciiIeee);
  out.U16(0);  // Fragment size, set at the end.
  out.U16(0);  // No authentication trailer.
  out.U32(call_id);
  return out;
}

Bytes FinishPdu(bytes::ByteWriter out) {
  out.PatchU16(kFragmentSizeOffset, static_cast<uint16_t>(out.size()));
  return std::move(out).Take();
}

// The PDU without its authentication trailer, when it has one.
std::span<const uint8_t> WithoutAuth(const PduHeader& header, std::span<const uint8_t> pdu) {
  if (header.auth_size_bytes == 0) return pdu;
  // DecodePduHeader has checked that it fits.
  return pdu.first(pdu.size() - header.auth_size_bytes - kAuthTrailerHeaderSizeBytes);
}

}  // namespace

bool IsBindTimeFeatureNegotiation(const SyntaxId& syntax) {
  constexpr std::array<uint8_t, 8> kPrefix = {0x2c, 0x1c, 0xb7, 0x6c, 0x12, 0x98, 0x40, 0x45};
  return std::equal(kPrefix.begin(), kPrefix.end(), syntax.uuid.begin());
}

absl::StatusOr<PduHeader> DecodePduHeader(std::span<const uint8_t> data) {
  bytes::ByteReader in(data);
  const uint8_t major = in.U8();
  const uint8_t minor = in.U8();
  PduHeader header;
  header.type = static_cast<PduType>(in.U8());
  header.flags = in.U8();
  const uint32_t representation = in.U32();
  header.fragment_size_bytes = in.U16();
  header.auth_size_bytes = in.U16();
  header.call_id = in.U32();
  if (!in.ok()) return Malformed("shorter than its header");
  if (major != kVersionMajor || minor > 1) return Malformed("not version 5");
  if (representation != kLittleEndianAsciiIeee) return Malformed("not little-endian");
  if (header.fragment_size_bytes < kPduHeaderSizeBytes) return Malformed("fragment size too small");
  const size_t body_size_bytes = header.fragment_size_bytes - kPduHeaderSizeBytes;
  if (header.auth_size_bytes != 0 &&
      (body_size_bytes < kAuthTrailerHeaderSizeBytes ||
       header.auth_size_bytes > body_size_bytes - kAuthTrailerHeaderSizeBytes)) {
    return Malformed("authentication trailer does not fit");
  }
  return header;
}

absl::StatusOr<BindPdu> DecodeBind(const PduHeader& header, std::span<const uint8_t> pdu) {
  CONTINUO_CHECK(pdu.size() == header.fragment_size_bytes);
  bytes::ByteReader in(WithoutAuth(header, pdu));
  in.Skip(kPduHeaderSizeBytes);
  BindPdu bind;
  bind.max_transmit_size_bytes = in.U16();
  bind.max_receive_size_bytes = in.U16();
  bind.association_group_id = in.U32();
  const uint8_t context_count = in.U8();
  in.Skip(3);
  if (!in.ok() || context_count == 0 || context_count > kMaxContextsPerBind) {
    return Malformed("bind without contexts or with too many");
  }
  for (size_t i = 0; i < context_count; ++i) {
    PresentationContext context;
    context.id = in.U16();
    const uint8_t transfer_count = in.U8();
    in.Skip(1);
    context.abstract_syntax = ReadSyntax(in);
    if (!in.ok() || transfer_count == 0 || transfer_count > in.remaining() / kSyntaxSizeBytes) {
      return Malformed("presentation context does not fit");
    }
    for (size_t j = 0; j < transfer_count; ++j) {
      context.transfer_syntaxes.push_back(ReadSyntax(in));
    }
    bind.contexts.push_back(std::move(context));
  }
  return bind;
}

absl::StatusOr<RequestPdu> DecodeRequest(const PduHeader& header, std::span<const uint8_t> pdu) {
  CONTINUO_CHECK(pdu.size() == header.fragment_size_bytes);
  bytes::ByteReader in(WithoutAuth(header, pdu));
  in.Skip(kPduHeaderSizeBytes);
  in.Skip(4);  // alloc_hint: a hint, and nothing is allocated by it.
  RequestPdu request;
  request.context_id = in.U16();
  request.opnum = in.U16();
  if ((header.flags & kPduObjectUuid) != 0) in.Skip(16);
  if (!in.ok()) return Malformed("request shorter than its fixed part");
  request.stub = in.Span(in.remaining());
  return request;
}

Bytes EncodeBindAck(const BindAckPdu& ack) {
  auto out = StartPdu(ack.type, kPduFirstFragment | kPduLastFragment, ack.call_id);
  out.U16(ack.max_transmit_size_bytes);
  out.U16(ack.max_receive_size_bytes);
  out.U32(ack.association_group_id);
  if (ack.secondary_address.empty()) {
    out.U16(0);
  } else {
    out.U16(static_cast<uint16_t>(ack.secondary_address.size() + 1));
    for (const char c : ack.secondary_address) out.U8(static_cast<uint8_t>(c));
    out.U8(0);
  }
  out.AlignTo(4);
  out.U8(static_cast<uint8_t>(ack.results.size()));
  out.Zeros(3);
  for (const ContextResult& result : ack.results) {
    out.U16(static_cast<uint16_t>(result.kind));
    out.U16(result.reason);
    WriteSyntax(result.transfer_syntax, out);
  }
  return FinishPdu(std::move(out));
}

Bytes EncodeBindNak(uint32_t call_id, BindNakReason reason) {
  auto out = StartPdu(PduType::kBindNak, kPduFirstFragment | kPduLastFragment, call_id);
  out.U16(static_cast<uint16_t>(reason));
  out.U8(1);  // One version is supported: this one.
  out.U8(kVersionMajor);
  out.U8(kVersionMinor);
  return FinishPdu(std::move(out));
}

std::vector<Bytes> EncodeResponse(const CallReference& call, uint16_t max_fragment_size_bytes,
                                  std::span<const uint8_t> stub) {
  CONTINUO_CHECK(max_fragment_size_bytes >= kMinFragmentSizeBytes);
  // Fragments but the last are multiples of eight, so that NDR's alignment survives them.
  const size_t room = (max_fragment_size_bytes - kResponseHeaderSizeBytes) / 8 * 8;
  std::vector<Bytes> fragments;
  size_t offset = 0;
  do {
    const size_t size_bytes = std::min(room, stub.size() - offset);
    const bool is_last = offset + size_bytes == stub.size();
    const int flags = (offset == 0 ? kPduFirstFragment : 0) | (is_last ? kPduLastFragment : 0);
    auto out = StartPdu(PduType::kResponse, static_cast<uint8_t>(flags), call.call_id);
    out.U32(static_cast<uint32_t>(stub.size() - offset));  // alloc_hint: what is left.
    out.U16(call.context_id);
    out.U8(0);  // cancel_count.
    out.U8(0);
    out.Append(stub.subspan(offset, size_bytes));
    fragments.push_back(FinishPdu(std::move(out)));
    offset += size_bytes;
  } while (offset < stub.size());
  return fragments;
}

Bytes EncodeFault(const CallReference& call, uint32_t fault_status) {
  auto out = StartPdu(PduType::kFault, kPduFirstFragment | kPduLastFragment | kPduDidNotExecute,
                      call.call_id);
  out.U32(0);  // alloc_hint.
  out.U16(call.context_id);
  out.U8(0);  // cancel_count.
  out.U8(0);
  out.U32(fault_status);
  out.U32(0);
  return FinishPdu(std::move(out));
}

}  // namespace continuo::ndr
