#include "common/smbwire/fsctl.h"

#include "common/smbwire/body.h"

namespace continuo::smbwire {
namespace {

using bytes::ByteReader;
using bytes::ByteWriter;

constexpr size_t kCopyChunkSizeBytes = 24;
constexpr size_t kMaxValidateDialects = 64;
constexpr uint64_t kMaxFileOffset = INT64_MAX;
constexpr uint16_t kAddressFamilyInet = 0x0002;
constexpr uint16_t kAddressFamilyInet6 = 0x0017;
constexpr size_t kSockaddrStorageSizeBytes = 128;

}  // namespace

NtResult<ValidateNegotiateRequest> DecodeValidateNegotiateRequest(
    std::span<const uint8_t> input) {
  ByteReader in(input);
  ValidateNegotiateRequest request;
  request.capabilities = in.U32();
  request.client_guid = in.Array<16>();
  request.security_mode = in.U16();
  const uint16_t dialect_count = in.U16();
  if (!in.ok() || dialect_count > kMaxValidateDialects || dialect_count > in.remaining() / 2) {
    return NtStatus::kInvalidParameter;
  }
  for (size_t i = 0; i < dialect_count; ++i) request.dialects.push_back(in.U16());
  return request;
}

void EncodeValidateNegotiateRequest(const ValidateNegotiateRequest& request, ByteWriter& out) {
  out.U32(request.capabilities);
  out.Append(request.client_guid);
  out.U16(request.security_mode);
  out.U16(static_cast<uint16_t>(request.dialects.size()));
  for (const uint16_t dialect : request.dialects) out.U16(dialect);
}

void EncodeValidateNegotiateResponse(const ValidateNegotiateResponse& response, ByteWriter& out) {
  out.U32(response.capabilities);
  out.Append(response.server_guid);
  out.U16(response.security_mode);
  out.U16(response.dialect);
}

NtResult<ValidateNegotiateResponse> DecodeValidateNegotiateResponse(
    std::span<const uint8_t> output) {
  ByteReader in(output);
  ValidateNegotiateResponse response;
  response.capabilities = in.U32();
  response.server_guid = in.Array<16>();
  response.security_mode = in.U16();
  response.dialect = in.U16();
  if (!in.ok()) return NtStatus::kInvalidParameter;
  return response;
}

void EncodeNetworkInterfaces(std::span<const NetworkInterface> interfaces, ByteWriter& out) {
  for (size_t i = 0; i < interfaces.size(); ++i) {
    const NetworkInterface& interface = interfaces[i];
    const bool is_last = i + 1 == interfaces.size();
    out.U32(is_last ? 0 : kNetworkInterfaceInfoSizeBytes);
    out.U32(interface.interface_index);
    out.U32(interface.capabilities);
    out.U32(0);  // Reserved.
    out.U64(interface.link_speed_bits_per_second);
    const size_t sockaddr = out.size();
    const std::span<const uint8_t> address(interface.address);
    if (interface.is_ipv6) {
      out.U16(kAddressFamilyInet6);
      out.Zeros(2 + 4);  // Port, FlowInfo.
      out.Append(address);
    } else {
      out.U16(kAddressFamilyInet);
      out.Zeros(2);  // Port.
      out.Append(address.first(4));
    }
    out.Zeros(kSockaddrStorageSizeBytes - (out.size() - sockaddr));
  }
}

void EncodeResumeKeyResponse(const ResumeKey& key, ByteWriter& out) {
  out.Append(key);
  out.U32(0);  // ContextLength.
  out.Zeros(4);
}

NtResult<ResumeKey> DecodeResumeKeyResponse(std::span<const uint8_t> output) {
  ByteReader in(output);
  const auto key = in.Array<kResumeKeySizeBytes>();
  if (!in.ok()) return NtStatus::kInvalidParameter;
  return key;
}

NtResult<CopyChunkRequest> DecodeCopyChunkRequest(std::span<const uint8_t> input) {
  ByteReader in(input);
  CopyChunkRequest request;
  request.source_key = in.Array<kResumeKeySizeBytes>();
  request.chunk_count = in.U32();
  in.Skip(4);  // Reserved.
  if (!in.ok() || request.chunk_count > in.remaining() / kCopyChunkSizeBytes) {
    return NtStatus::kInvalidParameter;
  }
  if (request.chunk_count > kCopyChunkMaxCount) return request;
  for (size_t i = 0; i < request.chunk_count; ++i) {
    CopyChunk chunk;
    chunk.source_offset = in.U64();
    chunk.target_offset = in.U64();
    chunk.length_bytes = in.U32();
    in.Skip(4);  // Reserved.
    request.chunks.push_back(chunk);
  }
  return request;
}

void EncodeCopyChunkRequest(const CopyChunkRequest& request, ByteWriter& out) {
  out.Append(request.source_key);
  out.U32(static_cast<uint32_t>(request.chunks.size()));
  out.U32(0);
  for (const CopyChunk& chunk : request.chunks) {
    out.U64(chunk.source_offset);
    out.U64(chunk.target_offset);
    out.U32(chunk.length_bytes);
    out.U32(0);
  }
}

void EncodeCopyChunkResponse(const CopyChunkResponse& response, ByteWriter& out) {
  out.U32(response.chunks_written);
  out.U32(response.chunk_bytes_written);
  out.U32(response.total_bytes_written);
}

NtResult<CopyChunkResponse> DecodeCopyChunkResponse(std::span<const uint8_t> output) {
  ByteReader in(output);
  CopyChunkResponse response;
  response.chunks_written = in.U32();
  response.chunk_bytes_written = in.U32();
  response.total_bytes_written = in.U32();
  if (!in.ok()) return NtStatus::kInvalidParameter;
  return response;
}

bool DecodeSetSparse(std::span<const uint8_t> input) { return input.empty() || input[0] != 0; }

NtResult<ZeroDataRequest> DecodeZeroDataRequest(std::span<const uint8_t> input) {
  ByteReader in(input);
  ZeroDataRequest request;
  request.file_offset = in.U64();
  request.beyond_final_zero = in.U64();
  if (!in.ok() || request.file_offset > kMaxFileOffset ||
      request.beyond_final_zero > kMaxFileOffset ||
      request.file_offset > request.beyond_final_zero) {
    return NtStatus::kInvalidParameter;
  }
  return request;
}

NtResult<AllocatedRange> DecodeAllocatedRangeRequest(std::span<const uint8_t> input) {
  ByteReader in(input);
  AllocatedRange range;
  range.file_offset = in.U64();
  range.length_bytes = in.U64();
  if (!in.ok() || range.file_offset > kMaxFileOffset ||
      range.length_bytes > kMaxFileOffset - range.file_offset) {
    return NtStatus::kInvalidParameter;
  }
  return range;
}

void EncodeAllocatedRange(const AllocatedRange& range, ByteWriter& out) {
  out.U64(range.file_offset);
  out.U64(range.length_bytes);
}

NtResult<uint32_t> DecodeResiliencyTimeoutMs(std::span<const uint8_t> input) {
  ByteReader in(input);
  const uint32_t timeout_ms = in.U32();
  in.Skip(4);  // Reserved.
  if (!in.ok()) return NtStatus::kInvalidParameter;
  return timeout_ms;
}

NtResult<PipeWaitRequest> DecodePipeWaitRequest(std::span<const uint8_t> input) {
  ByteReader in(input);
  PipeWaitRequest request;
  request.timeout_100ns = static_cast<int64_t>(in.U64());
  const uint32_t name_size_bytes = in.U32();
  request.has_timeout = in.U8() != 0;
  in.Skip(1);  // Padding.
  request.name_utf16le = in.Span(name_size_bytes);
  if (!in.ok() || name_size_bytes % 2 != 0) return NtStatus::kInvalidParameter;
  return request;
}

NtResult<DuplicateExtentsRequest> DecodeDuplicateExtentsRequest(std::span<const uint8_t> input) {
  ByteReader in(input);
  DuplicateExtentsRequest request;
  request.source_file_id = internal::ReadFileId(in);
  request.source_offset = in.U64();
  request.target_offset = in.U64();
  request.byte_count = in.U64();
  if (!in.ok()) return NtStatus::kInvalidParameter;
  return request;
}

}  // namespace continuo::smbwire
