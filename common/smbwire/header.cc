#include "common/smbwire/header.h"

#include <algorithm>
#include <string_view>

#include "common/bytes/byte_reader.h"

namespace continuo::smbwire {
namespace {

constexpr std::array<uint8_t, 4> kSmb2ProtocolId = {0xFE, 'S', 'M', 'B'};
constexpr uint16_t kHeaderStructureSize = 64;

constexpr size_t kSmb1HeaderSizeBytes = 32;
constexpr uint8_t kSmb1CommandNegotiate = 0x72;
constexpr uint8_t kSmb1FlagReply = 0x80;
constexpr uint8_t kSmb1BufferFormatDialect = 0x02;

bool Equals(std::span<const uint8_t> bytes, std::string_view text) {
  return std::ranges::equal(bytes, text,
                            [](uint8_t a, char b) { return a == static_cast<uint8_t>(b); });
}

}  // namespace

NtResult<Header> DecodeHeader(std::span<const uint8_t> message) {
  bytes::ByteReader in(message);
  const auto protocol_id = in.Array<4>();
  const uint16_t structure_size = in.U16();
  Header header;
  header.credit_charge = in.U16();
  header.status = in.U32();
  header.command = static_cast<Command>(in.U16());
  header.credits = in.U16();
  header.flags = in.U32();
  header.next_command = in.U32();
  header.message_id = MessageId(in.U64());
  if (header.is_async()) {
    header.async_id = AsyncId(in.U64());
  } else {
    header.process_id = in.U32();
    header.tree_id = TreeId(in.U32());
  }
  header.session_id = SessionId(in.U64());
  header.signature = in.Array<kSignatureSizeBytes>();
  if (!in.ok() || protocol_id != kSmb2ProtocolId || structure_size != kHeaderStructureSize) {
    return NtStatus::kInvalidParameter;
  }
  return header;
}

void EncodeHeader(const Header& header, std::span<uint8_t, kHeaderSizeBytes> out) {
  std::ranges::copy(kSmb2ProtocolId, out.begin());
  bytes::StoreU16(out, 4, kHeaderStructureSize);
  bytes::StoreU16(out, 6, header.credit_charge);
  bytes::StoreU32(out, 8, header.status);
  bytes::StoreU16(out, 12, static_cast<uint16_t>(header.command));
  bytes::StoreU16(out, 14, header.credits);
  bytes::StoreU32(out, kHeaderFlagsOffset, header.flags);
  bytes::StoreU32(out, kHeaderNextCommandOffset, header.next_command);
  bytes::StoreU64(out, 24, header.message_id.value());
  if (header.is_async()) {
    bytes::StoreU64(out, 32, header.async_id.value());
  } else {
    bytes::StoreU32(out, 32, header.process_id);
    bytes::StoreU32(out, 36, header.tree_id.value());
  }
  bytes::StoreU64(out, 40, header.session_id.value());
  std::ranges::copy(header.signature, out.subspan<kSignatureOffset>().begin());
}

void EncodeHeader(const Header& header, bytes::ByteWriter& out) {
  std::array<uint8_t, kHeaderSizeBytes> bytes{};
  EncodeHeader(header, std::span<uint8_t, kHeaderSizeBytes>(bytes));
  out.Append(bytes);
}

MessageKind ClassifyMessage(std::span<const uint8_t> message) {
  bytes::ByteReader in(message);
  const auto id = in.Array<4>();
  if (!in.ok() || id[1] != 'S' || id[2] != 'M' || id[3] != 'B') return MessageKind::kUnknown;
  switch (id[0]) {
    case 0xFE: return MessageKind::kSmb2;
    case 0xFF: return MessageKind::kSmb1;
    case 0xFD: return MessageKind::kEncrypted;
    case 0xFC: return MessageKind::kCompressed;
    default: return MessageKind::kUnknown;
  }
}

NtResult<Smb1NegotiateRequest> DecodeSmb1Negotiate(std::span<const uint8_t> message) {
  if (ClassifyMessage(message) != MessageKind::kSmb1) return NtStatus::kInvalidParameter;
  bytes::ByteReader in(message);
  in.Skip(4);
  const uint8_t command = in.U8();
  in.Skip(4);  // Status.
  const uint8_t flags = in.U8();
  in.Skip(kSmb1HeaderSizeBytes - 10);
  const uint8_t word_count = in.U8();
  const uint16_t byte_count = in.U16();
  const auto data = in.Span(byte_count);
  if (!in.ok() || command != kSmb1CommandNegotiate || (flags & kSmb1FlagReply) != 0 ||
      word_count != 0) {
    return NtStatus::kInvalidParameter;
  }

  Smb1NegotiateRequest request;
  size_t position = 0;
  while (position < data.size()) {
    if (data[position] != kSmb1BufferFormatDialect) return NtStatus::kInvalidParameter;
    const auto rest = data.subspan(position + 1);
    const auto nul = std::ranges::find(rest, uint8_t{0});
    if (nul == rest.end() || request.dialects.size() == kMaxSmb1Dialects) {
      return NtStatus::kInvalidParameter;
    }
    const auto dialect = rest.first(static_cast<size_t>(nul - rest.begin()));
    request.dialects.push_back(dialect);
    request.offers_smb_2_002 |= Equals(dialect, "SMB 2.002");
    request.offers_smb_2_any |= Equals(dialect, "SMB 2.???");
    position += 1 + dialect.size() + 1;
  }
  if (request.dialects.empty()) return NtStatus::kInvalidParameter;
  return request;
}

}  // namespace continuo::smbwire
