#include "common/smbwire/ioctl.h"

#include "common/smbwire/body.h"

namespace continuo::smbwire {
namespace {

constexpr uint16_t kRequestStructureSize = 57;
constexpr size_t kRequestBufferOffset = kHeaderSizeBytes + 56;
constexpr uint16_t kResponseStructureSize = 49;
constexpr size_t kResponseBufferOffset = kHeaderSizeBytes + 48;

}  // namespace

NtResult<IoctlRequest> DecodeIoctlRequest(std::span<const uint8_t> message) {
  internal::BodyReader in(message, kRequestStructureSize);
  in.Skip(2);  // Reserved.
  IoctlRequest request;
  request.ctl_code = in.U32();
  request.file_id = internal::ReadFileId(in);
  const uint32_t input_offset = in.U32();
  const uint32_t input_size_bytes = in.U32();
  request.max_input_response_bytes = in.U32();
  in.Skip(4 + 4);  // OutputOffset, OutputCount.
  request.max_output_response_bytes = in.U32();
  request.flags = in.U32();
  in.Skip(4);  // Reserved2.
  if (!in.valid()) return NtStatus::kInvalidParameter;
  const auto input =
      internal::VariablePart(message, kRequestBufferOffset, input_offset, input_size_bytes);
  if (!input) return NtStatus::kInvalidParameter;
  request.input = *input;
  return request;
}

void EncodeIoctlResponse(const IoctlResponse& response, bytes::ByteWriter& out) {
  const size_t start = out.size();
  out.U16(kResponseStructureSize);
  out.U16(0);  // Reserved.
  out.U32(response.ctl_code);
  internal::WriteFileId(response.file_id, out);
  out.U32(kResponseBufferOffset);
  out.U32(static_cast<uint32_t>(response.input.size()));
  out.U32(0);  // OutputOffset, set below.
  out.U32(static_cast<uint32_t>(response.output.size()));
  out.U32(response.flags);
  out.U32(0);  // Reserved2.
  out.Append(response.input);
  if (!response.input.empty()) out.AlignTo(8, start);
  // Without output too: the offset is where it would start, [MS-SMB2] 2.2.32.
  out.PatchU32(start + 32, static_cast<uint32_t>(kHeaderSizeBytes + (out.size() - start)));
  out.Append(response.output);
}

}  // namespace continuo::smbwire
