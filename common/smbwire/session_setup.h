// SMB2 SESSION_SETUP and LOGOFF.
//
// Source: [MS-SMB2] 2.2.5 to 2.2.8. Threading: pure; spans borrow from the message.
#pragma once

#include <cstdint>
#include <span>

#include "common/bytes/byte_writer.h"
#include "common/ntstatus/ntstatus.h"
#include "common/smbwire/header.h"

namespace continuo::smbwire {

inline constexpr uint8_t kSessionSetupFlagBinding = 0x01;
inline constexpr uint16_t kSessionFlagIsGuest = 0x0001;
inline constexpr uint16_t kSessionFlagIsNull = 0x0002;
inline constexpr uint16_t kSessionFlagEncryptData = 0x0004;

struct SessionSetupRequest {
  uint8_t flags = 0;
  uint8_t security_mode = 0;
  uint32_t capabilities = 0;
  SessionId previous_session_id;
  std::span<const uint8_t> security_buffer;
};
NtResult<SessionSetupRequest> DecodeSessionSetupRequest(std::span<const uint8_t> message);

struct SessionSetupResponse {
  uint16_t session_flags = 0;
  std::span<const uint8_t> security_buffer;
};
void EncodeSessionSetupResponse(const SessionSetupResponse& response, bytes::ByteWriter& out);

// A LOGOFF has nothing but its StructureSize.
NtStatus DecodeLogoffRequest(std::span<const uint8_t> message);
void EncodeLogoffResponse(bytes::ByteWriter& out);

}  // namespace continuo::smbwire
