// The contexts of a CREATE request and response.
//
// Source: [MS-SMB2] 2.2.13.2 (requests), 2.2.14.2 (responses); AAPL: Apple's SMB2 extension as
// netatalk and Samba document it; POSIX: the SMB3 POSIX extensions draft.
// Threading: pure; spans borrow from the message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "common/bytes/byte_writer.h"
#include "common/ntstatus/ntstatus.h"
#include "common/smbwire/filetime.h"
#include "common/smbwire/header.h"

namespace continuo::smbwire {

inline constexpr size_t kMaxCreateContexts = 64;

using LeaseKey = Guid;

// RqLs, [MS-SMB2] 2.2.13.2.8 (v1) and 2.2.13.2.10 (v2). Also the shape of the granted lease.
struct LeaseContext {
  enum class Version : uint8_t { kV1 = 1, kV2 = 2 };
  Version version = Version::kV1;
  LeaseKey key{};
  uint32_t state = 0;
  uint32_t flags = 0;
  LeaseKey parent_key{};  // v2, meaningful with kLeaseFlagParentLeaseKeySet.
  uint16_t epoch = 0;     // v2.
};

inline constexpr uint32_t kDurableV2FlagPersistent = 0x00000002;

struct DurableV2Request {  // DH2Q
  uint32_t timeout_ms = 0;
  uint32_t flags = 0;
  Guid create_guid{};
};
struct DurableV2Reconnect {  // DH2C
  FileId file_id;
  Guid create_guid{};
  uint32_t flags = 0;
};
struct AppInstanceVersion {
  uint64_t high = 0;
  uint64_t low = 0;
};
struct MaximalAccessRequest {  // MxAc
  std::optional<FileTime> timestamp;
};

inline constexpr uint32_t kAaplServerQuery = 1;
inline constexpr uint64_t kAaplRequestServerCaps = 0x01;
inline constexpr uint64_t kAaplRequestVolumeCaps = 0x02;
inline constexpr uint64_t kAaplRequestModelInfo = 0x04;
struct AaplServerQuery {
  uint32_t command = 0;
  uint64_t request_bitmap = 0;
  uint64_t client_capabilities = 0;
};

// Absent contexts are nullopt.
struct CreateContexts {
  std::optional<std::span<const uint8_t>> ea_buffer;            // ExtA: FILE_FULL_EA_INFORMATION list.
  std::optional<std::span<const uint8_t>> security_descriptor;  // SecD
  bool durable_request = false;                                 // DHnQ
  std::optional<FileId> durable_reconnect;                      // DHnC
  std::optional<DurableV2Request> durable_v2_request;           // DH2Q
  std::optional<DurableV2Reconnect> durable_v2_reconnect;       // DH2C
  std::optional<uint64_t> allocation_size_bytes;                // AlSi
  std::optional<MaximalAccessRequest> maximal_access;           // MxAc
  std::optional<FileTime> timewarp;                             // TWrp
  bool query_on_disk_id = false;                                // QFid
  std::optional<LeaseContext> lease;                            // RqLs
  std::optional<Guid> app_instance_id;
  std::optional<AppInstanceVersion> app_instance_version;
  std::optional<AaplServerQuery> aapl;
  std::optional<uint32_t> posix_mode;
};

// `list` is the whole context list. An empty list is a list without contexts. Unknown names are
// ignored; combinations (DHnQ with DH2C and the like) are the command's to judge.
// Errors: InvalidParameter for a Next that is misaligned, shorter than its context or past the
// end, a name or data outside its context or overlapping each other, a known context with data of
// the wrong size or twice, more than kMaxCreateContexts. [MS-SMB2] 3.3.5.9.
NtResult<CreateContexts> DecodeCreateContexts(std::span<const uint8_t> list);

struct MaximalAccessResponse {
  NtStatus query_status;
  uint32_t maximal_access = 0;
};
struct OnDiskIdResponse {  // 32 bytes: DiskFileId, VolumeId, 16 reserved.
  uint64_t disk_file_id = 0;
  uint64_t volume_id = 0;
};
struct DurableV2Response {
  uint32_t timeout_ms = 0;
  uint32_t flags = 0;
};
struct AaplServerQueryResponse {
  uint64_t reply_bitmap = 0;
  uint64_t server_capabilities = 0;           // Sent with kAaplRequestServerCaps.
  uint64_t volume_capabilities = 0;           // Sent with kAaplRequestVolumeCaps.
  std::span<const uint8_t> model_utf16le;     // Sent with kAaplRequestModelInfo.
};
struct PosixCreateResponse {
  uint32_t link_count = 0;
  uint32_t reparse_tag = 0;
  uint32_t mode = 0;
  std::span<const uint8_t> owner_sid;  // Binary SIDs.
  std::span<const uint8_t> group_sid;
};

struct CreateResponseContexts {
  std::optional<MaximalAccessResponse> maximal_access;
  std::optional<OnDiskIdResponse> on_disk_id;
  std::optional<LeaseContext> lease;
  bool durable_granted = false;  // DHnQ
  std::optional<DurableV2Response> durable_v2;
  std::optional<AaplServerQueryResponse> aapl;
  std::optional<PosixCreateResponse> posix;
};
// Appends the chain, each context padded to 8 but the last. Writes nothing when none is present.
// Requires: out.size() is where the list starts and is a multiple of 8 from the SMB2 header.
void EncodeCreateResponseContexts(const CreateResponseContexts& contexts, bytes::ByteWriter& out);
// For clients; AAPL and POSIX answers are not read. Errors: as DecodeCreateContexts.
NtResult<CreateResponseContexts> DecodeCreateResponseContexts(std::span<const uint8_t> list);
// For clients: the request's chain, same layout rules as for a response.
void EncodeCreateRequestContexts(const CreateContexts& contexts, bytes::ByteWriter& out);

}  // namespace continuo::smbwire
