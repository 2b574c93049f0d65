#include "common/smbwire/body.h"
#include "common/smbwire/client_messages.h"

namespace continuo::smbwire {
namespace {

using bytes::ByteWriter;

constexpr uint16_t BufferOffset(size_t fixed_size_bytes) {
  return static_cast<uint16_t>(kHeaderSizeBytes + fixed_size_bytes);
}

// StructureSize of these counts one byte of Buffer, which must be there even when it is empty.
void AppendBuffer(std::span<const uint8_t> buffer, ByteWriter& out) {
  out.Append(buffer);
  if (buffer.empty()) out.U8(0);
}

}  // namespace

void EncodeEmptyRequest(ByteWriter& out) { internal::EncodeEmptyBody(out); }

void EncodeNegotiateRequest(const NegotiateRequest& request, ByteWriter& out) {
  const size_t start = out.size();
  out.U16(36);
  out.U16(static_cast<uint16_t>(request.dialects.size()));
  out.U16(request.security_mode);
  out.U16(0);  // Reserved.
  out.U32(request.capabilities);
  out.Append(request.client_guid);
  out.U64(0);  // NegotiateContextOffset, NegotiateContextCount, Reserved2; or ClientStartTime.
  for (const uint16_t dialect : request.dialects) out.U16(dialect);
  if (!request.OffersDialect(kDialect311)) return;
  out.AlignTo(8, start);
  const size_t contexts_offset = kHeaderSizeBytes + (out.size() - start);
  const uint16_t count = EncodeNegotiateContexts(request.contexts, out);
  out.PatchU32(start + 28, static_cast<uint32_t>(contexts_offset));
  out.PatchU16(start + 32, count);
}

void EncodeSessionSetupRequest(const SessionSetupRequest& request, ByteWriter& out) {
  out.U16(25);
  out.U8(request.flags);
  out.U8(request.security_mode);
  out.U32(request.capabilities);
  out.U32(0);  // Channel.
  out.U16(BufferOffset(24));
  out.U16(static_cast<uint16_t>(request.security_buffer.size()));
  out.U64(request.previous_session_id.value());
  AppendBuffer(request.security_buffer, out);
}

void EncodeTreeConnectRequest(const TreeConnectRequest& request, ByteWriter& out) {
  out.U16(9);
  out.U16(request.flags);
  out.U16(BufferOffset(8));
  out.U16(static_cast<uint16_t>(request.path_utf16le.size()));
  AppendBuffer(request.path_utf16le, out);
}

void EncodeCreateRequest(const CreateRequest& request, ByteWriter& out) {
  const size_t start = out.size();
  out.U16(57);
  out.U8(0);  // SecurityFlags.
  out.U8(request.oplock_level);
  out.U32(request.impersonation_level);
  out.Zeros(8 + 8);  // SmbCreateFlags, Reserved.
  out.U32(request.desired_access);
  out.U32(request.file_attributes);
  out.U32(request.share_access);
  out.U32(request.create_disposition);
  out.U32(request.create_options);
  out.U16(BufferOffset(56));
  out.U16(static_cast<uint16_t>(request.name_utf16le.size()));
  out.U64(0);  // CreateContextsOffset and CreateContextsLength, set below.
  AppendBuffer(request.name_utf16le, out);
  const size_t name_end = out.size();
  out.AlignTo(8, start);
  const size_t contexts = out.size();
  EncodeCreateRequestContexts(request.contexts, out);
  if (out.size() == contexts) {
    CONTINUO_CHECK(contexts - name_end < 8);  // The padding stays: harmless behind the name.
    return;
  }
  out.PatchU32(start + 48, static_cast<uint32_t>(kHeaderSizeBytes + (contexts - start)));
  out.PatchU32(start + 52, static_cast<uint32_t>(out.size() - contexts));
}

void EncodeCloseRequest(const CloseRequest& request, ByteWriter& out) {
  out.U16(24);
  out.U16(request.flags);
  out.U32(0);  // Reserved.
  internal::WriteFileId(request.file_id, out);
}

void EncodeFlushRequest(const FlushRequest& request, ByteWriter& out) {
  out.U16(24);
  out.Zeros(2 + 4);  // Reserved1, Reserved2.
  internal::WriteFileId(request.file_id, out);
}

void EncodeReadRequest(const ReadRequest& request, ByteWriter& out) {
  out.U16(49);
  out.U8(request.padding);
  out.U8(request.flags);
  out.U32(request.length_bytes);
  out.U64(request.offset);
  internal::WriteFileId(request.file_id, out);
  out.U32(request.minimum_count_bytes);
  out.U32(request.channel);
  out.U32(request.remaining_bytes);
  out.Zeros(2 + 2);  // ReadChannelInfoOffset, ReadChannelInfoLength.
  out.U8(0);         // Buffer.
}

void EncodeWriteRequestHead(const WriteRequest& request, uint32_t data_size_bytes,
                            ByteWriter& out) {
  out.U16(49);
  out.U16(BufferOffset(48));
  out.U32(data_size_bytes);
  out.U64(request.offset);
  internal::WriteFileId(request.file_id, out);
  out.U32(request.channel);
  out.U32(request.remaining_bytes);
  out.Zeros(2 + 2);  // WriteChannelInfoOffset, WriteChannelInfoLength.
  out.U32(request.flags);
}

void EncodeWriteRequest(const WriteRequest& request, ByteWriter& out) {
  EncodeWriteRequestHead(request, static_cast<uint32_t>(request.data.size()), out);
  AppendBuffer(request.data, out);
}

void EncodeLockRequest(const LockRequest& request, ByteWriter& out) {
  out.U16(48);
  out.U16(static_cast<uint16_t>(request.elements.size()));
  out.U32((request.lock_sequence_index << 4) | (request.lock_sequence_number & 0xFu));
  internal::WriteFileId(request.file_id, out);
  for (const LockElement& element : request.elements) {
    out.U64(element.offset);
    out.U64(element.length_bytes);
    out.U32(element.flags);
    out.U32(0);  // Reserved.
  }
}

void EncodeIoctlRequest(const IoctlRequest& request, ByteWriter& out) {
  out.U16(57);
  out.U16(0);  // Reserved.
  out.U32(request.ctl_code);
  internal::WriteFileId(request.file_id, out);
  out.U32(BufferOffset(56));
  out.U32(static_cast<uint32_t>(request.input.size()));
  out.U32(request.max_input_response_bytes);
  out.U32(0);  // OutputOffset.
  out.U32(0);  // OutputCount.
  out.U32(request.max_output_response_bytes);
  out.U32(request.flags);
  out.U32(0);  // Reserved2.
  AppendBuffer(request.input, out);
}

void EncodeQueryDirectoryRequest(const QueryDirectoryRequest& request, ByteWriter& out) {
  out.U16(33);
  out.U8(request.info_class);
  out.U8(request.flags);
  out.U32(request.file_index);
  internal::WriteFileId(request.file_id, out);
  out.U16(BufferOffset(32));
  out.U16(static_cast<uint16_t>(request.pattern_utf16le.size()));
  out.U32(request.output_buffer_size_bytes);
  AppendBuffer(request.pattern_utf16le, out);
}

void EncodeQueryInfoRequest(const QueryInfoRequest& request, ByteWriter& out) {
  out.U16(41);
  out.U8(static_cast<uint8_t>(request.info_type));
  out.U8(request.info_class);
  out.U32(request.output_buffer_size_bytes);
  out.U16(request.input.empty() ? uint16_t{0} : BufferOffset(40));
  out.U16(0);  // Reserved.
  out.U32(static_cast<uint32_t>(request.input.size()));
  out.U32(request.additional_information);
  out.U32(request.flags);
  internal::WriteFileId(request.file_id, out);
  AppendBuffer(request.input, out);
}

void EncodeSetInfoRequest(const SetInfoRequest& request, ByteWriter& out) {
  out.U16(33);
  out.U8(static_cast<uint8_t>(request.info_type));
  out.U8(request.info_class);
  out.U32(static_cast<uint32_t>(request.buffer.size()));
  out.U16(BufferOffset(32));
  out.U16(0);  // Reserved.
  out.U32(request.additional_information);
  internal::WriteFileId(request.file_id, out);
  AppendBuffer(request.buffer, out);
}

}  // namespace continuo::smbwire
