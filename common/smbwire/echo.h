// SMB2 ECHO and CANCEL: nothing but a StructureSize.
//
// Source: [MS-SMB2] 2.2.28 to 2.2.30. A CANCEL has no response of its own.
#pragma once

#include <cstdint>
#include <span>

#include "common/bytes/byte_writer.h"
#include "common/ntstatus/ntstatus.h"

namespace continuo::smbwire {

NtStatus DecodeEchoRequest(std::span<const uint8_t> message);
void EncodeEchoResponse(bytes::ByteWriter& out);

NtStatus DecodeCancelRequest(std::span<const uint8_t> message);

}  // namespace continuo::smbwire
