// SMB2 QUERY_INFO and SET_INFO: the frames. The response to QUERY_INFO is
// EncodeOutputBufferResponse (query_directory.h); what travels inside is in fscc*.h.
//
// Source: [MS-SMB2] 2.2.37 to 2.2.40. Threading: pure; spans borrow from the message.
#pragma once

#include <cstdint>
#include <span>

#include "common/bytes/byte_writer.h"
#include "common/ntstatus/ntstatus.h"
#include "common/smbwire/header.h"

namespace continuo::smbwire {

enum class InfoType : uint8_t {
  kFile = 0x01,
  kFileSystem = 0x02,
  kSecurity = 0x03,
  kQuota = 0x04,
};

// AdditionalInformation of InfoType::kSecurity.
inline constexpr uint32_t kOwnerSecurityInformation = 0x00000001;
inline constexpr uint32_t kGroupSecurityInformation = 0x00000002;
inline constexpr uint32_t kDaclSecurityInformation = 0x00000004;
inline constexpr uint32_t kSaclSecurityInformation = 0x00000008;
inline constexpr uint32_t kLabelSecurityInformation = 0x00000010;
inline constexpr uint32_t kAttributeSecurityInformation = 0x00000020;
inline constexpr uint32_t kScopeSecurityInformation = 0x00000040;
inline constexpr uint32_t kBackupSecurityInformation = 0x00010000;

// Flags of a QUERY_INFO for FileFullEaInformation.
inline constexpr uint32_t kQueryInfoRestartScan = 0x00000001;
inline constexpr uint32_t kQueryInfoReturnSingleEntry = 0x00000002;
inline constexpr uint32_t kQueryInfoIndexSpecified = 0x00000004;

struct QueryInfoRequest {
  InfoType info_type = InfoType::kFile;  // May hold an unknown value.
  uint8_t info_class = 0;
  uint32_t output_buffer_size_bytes = 0;
  std::span<const uint8_t> input;
  uint32_t additional_information = 0;
  uint32_t flags = 0;
  FileId file_id;
};
NtResult<QueryInfoRequest> DecodeQueryInfoRequest(std::span<const uint8_t> message);

struct SetInfoRequest {
  InfoType info_type = InfoType::kFile;  // May hold an unknown value.
  uint8_t info_class = 0;
  std::span<const uint8_t> buffer;
  uint32_t additional_information = 0;
  FileId file_id;
};
NtResult<SetInfoRequest> DecodeSetInfoRequest(std::span<const uint8_t> message);
void EncodeSetInfoResponse(bytes::ByteWriter& out);

}  // namespace continuo::smbwire
