#include "common/smbwire/transform.h"

#include <algorithm>

#include "common/bytes/byte_reader.h"
#include "common/bytes/byte_writer.h"

namespace continuo::smbwire {

NtResult<SealedMessage> DecodeTransformHeader(std::span<const uint8_t> message) {
  if (ClassifyMessage(message) != MessageKind::kEncrypted) return NtStatus::kInvalidParameter;
  bytes::ByteReader in(message);
  in.Skip(4);
  SealedMessage sealed;
  sealed.header.signature = in.Array<kSignatureSizeBytes>();
  sealed.header.nonce = in.Array<kTransformNonceSizeBytes>();
  sealed.header.original_message_size_bytes = in.U32();
  in.Skip(2);  // Reserved.
  sealed.header.flags = in.U16();
  sealed.header.session_id = SessionId(in.U64());
  if (!in.ok() || sealed.header.flags != kTransformEncrypted ||
      sealed.header.original_message_size_bytes < kHeaderSizeBytes ||
      sealed.header.original_message_size_bytes != in.remaining()) {
    return NtStatus::kInvalidParameter;
  }
  sealed.associated_data = message.subspan(kTransformAadOffset, kTransformAadSizeBytes);
  sealed.ciphertext = message.subspan(kTransformHeaderSizeBytes);
  return sealed;
}

void EncodeTransformHeader(const TransformHeader& header,
                           std::span<uint8_t, kTransformHeaderSizeBytes> out) {
  constexpr std::array<uint8_t, 4> kProtocolId = {0xFD, 'S', 'M', 'B'};
  std::ranges::copy(kProtocolId, out.begin());
  std::ranges::copy(header.signature, out.subspan<4>().begin());
  std::ranges::copy(header.nonce, out.subspan<kTransformAadOffset>().begin());
  bytes::StoreU32(out, 36, header.original_message_size_bytes);
  bytes::StoreU16(out, 40, 0);
  bytes::StoreU16(out, 42, header.flags);
  bytes::StoreU64(out, 44, header.session_id.value());
}

NtResult<CompressionTransformHeader> DecodeCompressionTransformHeader(
    std::span<const uint8_t> message) {
  if (ClassifyMessage(message) != MessageKind::kCompressed) return NtStatus::kInvalidParameter;
  bytes::ByteReader in(message);
  in.Skip(4);
  CompressionTransformHeader header;
  header.original_compressed_segment_size_bytes = in.U32();
  header.compression_algorithm = in.U16();
  header.flags = in.U16();
  header.offset = in.U32();
  if (!in.ok()) return NtStatus::kInvalidParameter;
  return header;
}

}  // namespace continuo::smbwire
