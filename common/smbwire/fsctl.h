// FSCTL codes and the payloads of those that Continuo reads or builds.
//
// Source: [MS-SMB2] 2.2.31.1 to 2.2.32.5, [MS-FSCC] 2.3. Threading: pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <absl/container/inlined_vector.h>

#include "common/bytes/byte_writer.h"
#include "common/ntstatus/ntstatus.h"
#include "common/smbwire/header.h"

namespace continuo::smbwire {

inline constexpr uint32_t kFsctlDfsGetReferrals = 0x00060194;
inline constexpr uint32_t kFsctlDfsGetReferralsEx = 0x000601B0;
inline constexpr uint32_t kFsctlIsPathnameValid = 0x0009002C;
inline constexpr uint32_t kFsctlGetCompression = 0x0009003C;
inline constexpr uint32_t kFsctlSetCompression = 0x0009C040;
inline constexpr uint32_t kFsctlSetReparsePoint = 0x000900A4;
inline constexpr uint32_t kFsctlGetReparsePoint = 0x000900A8;
inline constexpr uint32_t kFsctlDeleteReparsePoint = 0x000900AC;
inline constexpr uint32_t kFsctlSetObjectId = 0x00090098;
inline constexpr uint32_t kFsctlGetObjectId = 0x0009009C;
inline constexpr uint32_t kFsctlCreateOrGetObjectId = 0x000900C0;
inline constexpr uint32_t kFsctlSetSparse = 0x000900C4;
inline constexpr uint32_t kFsctlSetZeroData = 0x000980C8;
inline constexpr uint32_t kFsctlQueryAllocatedRanges = 0x000940CF;
inline constexpr uint32_t kFsctlReadFileUsnData = 0x000900EB;
inline constexpr uint32_t kFsctlFileLevelTrim = 0x00098208;
inline constexpr uint32_t kFsctlOffloadRead = 0x00094264;
inline constexpr uint32_t kFsctlOffloadWrite = 0x00098268;
inline constexpr uint32_t kFsctlGetIntegrityInformation = 0x0009027C;
inline constexpr uint32_t kFsctlSetIntegrityInformation = 0x0009C280;
inline constexpr uint32_t kFsctlQueryFileRegions = 0x00090284;
inline constexpr uint32_t kFsctlDuplicateExtentsToFile = 0x00098344;
inline constexpr uint32_t kFsctlDuplicateExtentsToFileEx = 0x000983E8;
inline constexpr uint32_t kFsctlStorageQosControl = 0x00090350;
inline constexpr uint32_t kFsctlSvhdxSyncTunnelRequest = 0x00090304;
inline constexpr uint32_t kFsctlSvhdxAsyncTunnelRequest = 0x00090364;
inline constexpr uint32_t kFsctlQuerySharedVirtualDiskSupport = 0x00090300;
inline constexpr uint32_t kFsctlPipePeek = 0x0011400C;
inline constexpr uint32_t kFsctlPipeWait = 0x00110018;
inline constexpr uint32_t kFsctlPipeTransceive = 0x0011C017;
inline constexpr uint32_t kFsctlSrvEnumerateSnapshots = 0x00144064;
inline constexpr uint32_t kFsctlSrvRequestResumeKey = 0x00140078;
inline constexpr uint32_t kFsctlSrvCopychunk = 0x001440F2;
inline constexpr uint32_t kFsctlSrvCopychunkWrite = 0x001480F2;
inline constexpr uint32_t kFsctlSrvReadHash = 0x001441BB;
inline constexpr uint32_t kFsctlLmrRequestResiliency = 0x001401D4;
inline constexpr uint32_t kFsctlQueryNetworkInterfaceInfo = 0x001401FC;
inline constexpr uint32_t kFsctlValidateNegotiateInfo = 0x00140204;

// VALIDATE_NEGOTIATE_INFO. On any error the caller ends the connection, [MS-SMB2] 3.3.5.15.12.
struct ValidateNegotiateRequest {
  uint32_t capabilities = 0;
  Guid client_guid{};
  uint16_t security_mode = 0;
  absl::InlinedVector<uint16_t, 8> dialects;
};
NtResult<ValidateNegotiateRequest> DecodeValidateNegotiateRequest(std::span<const uint8_t> input);
void EncodeValidateNegotiateRequest(const ValidateNegotiateRequest& request,
                                    bytes::ByteWriter& out);

inline constexpr size_t kValidateNegotiateResponseSizeBytes = 24;
struct ValidateNegotiateResponse {
  uint32_t capabilities = 0;
  Guid server_guid{};
  uint16_t security_mode = 0;
  uint16_t dialect = 0;
};
void EncodeValidateNegotiateResponse(const ValidateNegotiateResponse& response,
                                     bytes::ByteWriter& out);
NtResult<ValidateNegotiateResponse> DecodeValidateNegotiateResponse(
    std::span<const uint8_t> output);

inline constexpr uint32_t kInterfaceCapRss = 0x00000001;
inline constexpr uint32_t kInterfaceCapRdma = 0x00000002;
inline constexpr size_t kNetworkInterfaceInfoSizeBytes = 152;

struct NetworkInterface {
  uint32_t interface_index = 0;
  uint32_t capabilities = 0;
  uint64_t link_speed_bits_per_second = 0;
  bool is_ipv6 = false;
  std::array<uint8_t, 16> address{};  // Network order; an IPv4 address takes the first four.
};
// NETWORK_INTERFACE_INFO list, [MS-SMB2] 2.2.32.5.
void EncodeNetworkInterfaces(std::span<const NetworkInterface> interfaces, bytes::ByteWriter& out);

inline constexpr size_t kResumeKeySizeBytes = 24;
using ResumeKey = std::array<uint8_t, kResumeKeySizeBytes>;
inline constexpr size_t kResumeKeyResponseSizeBytes = 32;
void EncodeResumeKeyResponse(const ResumeKey& key, bytes::ByteWriter& out);
NtResult<ResumeKey> DecodeResumeKeyResponse(std::span<const uint8_t> output);

// The limits that a server reports when a client exceeds them, [MS-SMB2] 3.3.5.15.6.
inline constexpr uint32_t kCopyChunkMaxCount = 256;
inline constexpr uint32_t kCopyChunkMaxSizeBytes = 1u << 20;
inline constexpr uint32_t kCopyChunkMaxTotalBytes = 16u << 20;

struct CopyChunk {
  uint64_t source_offset = 0;
  uint64_t target_offset = 0;
  uint32_t length_bytes = 0;
};
struct CopyChunkRequest {
  ResumeKey source_key{};
  // What the client claims; chunks holds none when it is above kCopyChunkMaxCount, and the caller
  // answers the limits with STATUS_INVALID_PARAMETER.
  uint32_t chunk_count = 0;
  absl::InlinedVector<CopyChunk, 4> chunks;
};
// Errors: InvalidParameter when the input cannot hold the chunks that it claims.
NtResult<CopyChunkRequest> DecodeCopyChunkRequest(std::span<const uint8_t> input);
void EncodeCopyChunkRequest(const CopyChunkRequest& request, bytes::ByteWriter& out);

inline constexpr size_t kCopyChunkResponseSizeBytes = 12;
struct CopyChunkResponse {
  uint32_t chunks_written = 0;
  uint32_t chunk_bytes_written = 0;
  uint32_t total_bytes_written = 0;
};
void EncodeCopyChunkResponse(const CopyChunkResponse& response, bytes::ByteWriter& out);
NtResult<CopyChunkResponse> DecodeCopyChunkResponse(std::span<const uint8_t> output);

// FSCTL_SET_SPARSE: no input means true, [MS-FSCC] 2.3.64.
bool DecodeSetSparse(std::span<const uint8_t> input);

// FILE_ZERO_DATA_INFORMATION. Errors: InvalidParameter for a short buffer, negative numbers or an
// end before the offset.
struct ZeroDataRequest {
  uint64_t file_offset = 0;
  uint64_t beyond_final_zero = 0;
};
NtResult<ZeroDataRequest> DecodeZeroDataRequest(std::span<const uint8_t> input);

// FILE_ALLOCATED_RANGE_BUFFER, both the request's one and the answer's.
inline constexpr size_t kAllocatedRangeSizeBytes = 16;
struct AllocatedRange {
  uint64_t file_offset = 0;
  uint64_t length_bytes = 0;
};
// Errors: InvalidParameter for a short buffer, negative numbers or a range that passes 2^63.
NtResult<AllocatedRange> DecodeAllocatedRangeRequest(std::span<const uint8_t> input);
void EncodeAllocatedRange(const AllocatedRange& range, bytes::ByteWriter& out);

// NETWORK_RESILIENCY_REQUEST, [MS-SMB2] 2.2.31.3.
NtResult<uint32_t> DecodeResiliencyTimeoutMs(std::span<const uint8_t> input);

// FSCTL_PIPE_WAIT, [MS-FSCC] 2.3.49.
struct PipeWaitRequest {
  bool has_timeout = false;
  int64_t timeout_100ns = 0;
  std::span<const uint8_t> name_utf16le;
};
NtResult<PipeWaitRequest> DecodePipeWaitRequest(std::span<const uint8_t> input);

// FSCTL_DUPLICATE_EXTENTS_TO_FILE as SMB2 carries it, [MS-FSCC] 2.3.7.2.
struct DuplicateExtentsRequest {
  FileId source_file_id;
  uint64_t source_offset = 0;
  uint64_t target_offset = 0;
  uint64_t byte_count = 0;
};
NtResult<DuplicateExtentsRequest> DecodeDuplicateExtentsRequest(std::span<const uint8_t> input);

}  // namespace continuo::smbwire
