#include "common/smbwire/body.h"
#include "common/smbwire/client_messages.h"

namespace continuo::smbwire {

using internal::BodyReader;
using internal::VariablePart;

NtStatus DecodeEmptyResponse(std::span<const uint8_t> message) {
  return internal::DecodeEmptyBody(message);
}

NtResult<NegotiateResponse> DecodeNegotiateResponse(std::span<const uint8_t> message) {
  BodyReader in(message, 65);
  NegotiateResponse response;
  response.security_mode = in.U16();
  response.dialect = in.U16();
  const uint16_t context_count = in.U16();
  response.server_guid = in.Array<16>();
  response.capabilities = in.U32();
  response.max_transact_size_bytes = in.U32();
  response.max_read_size_bytes = in.U32();
  response.max_write_size_bytes = in.U32();
  response.system_time = internal::ReadFileTime(in);
  response.server_start_time = internal::ReadFileTime(in);
  const uint16_t buffer_offset = in.U16();
  const uint16_t buffer_size_bytes = in.U16();
  const uint32_t contexts_offset = in.U32();
  if (!in.valid()) return NtStatus::kInvalidParameter;
  const auto buffer =
      VariablePart(message, kHeaderSizeBytes + 64, buffer_offset, buffer_size_bytes);
  if (!buffer) return NtStatus::kInvalidParameter;
  response.security_buffer = *buffer;

  if (response.dialect != kDialect311) return response;
  if (contexts_offset % 8 != 0 || contexts_offset < kHeaderSizeBytes + 64 ||
      contexts_offset > message.size()) {
    return NtStatus::kInvalidParameter;
  }
  CONTINUO_ASSIGN_OR_RETURN(
      response.contexts, DecodeNegotiateContexts(message.subspan(contexts_offset), context_count));
  return response;
}

NtResult<SessionSetupResponse> DecodeSessionSetupResponse(std::span<const uint8_t> message) {
  BodyReader in(message, 9);
  SessionSetupResponse response;
  response.session_flags = in.U16();
  const uint16_t buffer_offset = in.U16();
  const uint16_t buffer_size_bytes = in.U16();
  if (!in.valid()) return NtStatus::kInvalidParameter;
  const auto buffer = VariablePart(message, kHeaderSizeBytes + 8, buffer_offset, buffer_size_bytes);
  if (!buffer) return NtStatus::kInvalidParameter;
  response.security_buffer = *buffer;
  return response;
}

NtResult<TreeConnectResponse> DecodeTreeConnectResponse(std::span<const uint8_t> message) {
  BodyReader in(message, 16);
  TreeConnectResponse response;
  response.share_type = in.U8();
  in.Skip(1);  // Reserved.
  response.share_flags = in.U32();
  response.capabilities = in.U32();
  response.maximal_access = in.U32();
  if (!in.valid()) return NtStatus::kInvalidParameter;
  return response;
}

NtResult<CreateResponse> DecodeCreateResponse(std::span<const uint8_t> message) {
  BodyReader in(message, 89);
  CreateResponse response;
  response.oplock_level = in.U8();
  response.flags = in.U8();
  response.create_action = in.U32();
  response.creation_time = internal::ReadFileTime(in);
  response.last_access_time = internal::ReadFileTime(in);
  response.last_write_time = internal::ReadFileTime(in);
  response.change_time = internal::ReadFileTime(in);
  response.allocation_size_bytes = in.U64();
  response.end_of_file = in.U64();
  response.file_attributes = in.U32();
  in.Skip(4);  // Reserved2.
  response.file_id = internal::ReadFileId(in);
  const uint32_t contexts_offset = in.U32();
  const uint32_t contexts_size_bytes = in.U32();
  if (!in.valid()) return NtStatus::kInvalidParameter;
  const auto contexts =
      VariablePart(message, kHeaderSizeBytes + 88, contexts_offset, contexts_size_bytes);
  if (!contexts) return NtStatus::kInvalidParameter;
  CONTINUO_ASSIGN_OR_RETURN(response.contexts, DecodeCreateResponseContexts(*contexts));
  return response;
}

NtResult<CloseResponse> DecodeCloseResponse(std::span<const uint8_t> message) {
  BodyReader in(message, 60);
  CloseResponse response;
  response.flags = in.U16();
  in.Skip(4);  // Reserved.
  response.creation_time = internal::ReadFileTime(in);
  response.last_access_time = internal::ReadFileTime(in);
  response.last_write_time = internal::ReadFileTime(in);
  response.change_time = internal::ReadFileTime(in);
  response.allocation_size_bytes = in.U64();
  response.end_of_file = in.U64();
  response.file_attributes = in.U32();
  if (!in.valid()) return NtStatus::kInvalidParameter;
  return response;
}

NtResult<ReadResponse> DecodeReadResponse(std::span<const uint8_t> message) {
  BodyReader in(message, 17);
  const uint8_t data_offset = in.U8();
  in.Skip(1);  // Reserved.
  const uint32_t data_size_bytes = in.U32();
  in.Skip(4 + 4);  // DataRemaining, Reserved2.
  if (!in.valid()) return NtStatus::kInvalidParameter;
  const auto data = VariablePart(message, kReadResponseDataOffset, data_offset, data_size_bytes);
  if (!data) return NtStatus::kInvalidParameter;
  return ReadResponse{*data};
}

NtResult<WriteResponse> DecodeWriteResponse(std::span<const uint8_t> message) {
  BodyReader in(message, 17);
  in.Skip(2);  // Reserved.
  WriteResponse response;
  response.count_bytes = in.U32();
  in.Skip(4 + 2 + 2);  // Remaining, WriteChannelInfoOffset, WriteChannelInfoLength.
  if (!in.valid()) return NtStatus::kInvalidParameter;
  return response;
}

NtResult<IoctlResponse> DecodeIoctlResponse(std::span<const uint8_t> message) {
  BodyReader in(message, 49);
  in.Skip(2);  // Reserved.
  IoctlResponse response;
  response.ctl_code = in.U32();
  response.file_id = internal::ReadFileId(in);
  const uint32_t input_offset = in.U32();
  const uint32_t input_size_bytes = in.U32();
  const uint32_t output_offset = in.U32();
  const uint32_t output_size_bytes = in.U32();
  response.flags = in.U32();
  in.Skip(4);  // Reserved2.
  if (!in.valid()) return NtStatus::kInvalidParameter;
  const auto input = VariablePart(message, kHeaderSizeBytes + 48, input_offset, input_size_bytes);
  const auto output =
      VariablePart(message, kHeaderSizeBytes + 48, output_offset, output_size_bytes);
  if (!input || !output) return NtStatus::kInvalidParameter;
  response.input = *input;
  response.output = *output;
  return response;
}

NtResult<std::span<const uint8_t>> DecodeOutputBufferResponse(std::span<const uint8_t> message) {
  BodyReader in(message, 9);
  const uint16_t offset = in.U16();
  const uint32_t size_bytes = in.U32();
  if (!in.valid()) return NtStatus::kInvalidParameter;
  const auto buffer = VariablePart(message, kHeaderSizeBytes + 8, offset, size_bytes);
  if (!buffer) return NtStatus::kInvalidParameter;
  return *buffer;
}

NtStatus DecodeSetInfoResponse(std::span<const uint8_t> message) {
  BodyReader in(message, 2);
  return in.valid() ? NtStatus() : NtStatus(NtStatus::kInvalidParameter);
}

}  // namespace continuo::smbwire
