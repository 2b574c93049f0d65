// SMB2 OPLOCK_BREAK: notifications of the server, acknowledgements of the client, and the
// responses to those, each for oplocks and for leases.
//
// Source: [MS-SMB2] 2.2.23 to 2.2.25. Threading: pure.
#pragma once

#include <cstdint>
#include <span>
#include <variant>

#include "common/bytes/byte_writer.h"
#include "common/ntstatus/ntstatus.h"
#include "common/smbwire/create_contexts.h"
#include "common/smbwire/file_flags.h"
#include "common/smbwire/header.h"

namespace continuo::smbwire {

inline constexpr uint32_t kLeaseBreakAckRequired = 0x00000001;

// Notification, acknowledgement and response of an oplock share this shape.
struct OplockBreak {
  uint8_t oplock_level = 0;
  FileId file_id;
};

// Acknowledgement of a lease break and its response share this shape.
struct LeaseBreakAck {
  uint32_t flags = 0;
  LeaseKey lease_key{};
  uint32_t lease_state = 0;
};

struct LeaseBreakNotification {
  uint16_t new_epoch = 0;  // 0 for a v1 lease.
  uint32_t flags = 0;
  LeaseKey lease_key{};
  uint32_t current_lease_state = 0;
  uint32_t new_lease_state = 0;
};

// Which of the two it is, StructureSize tells (24 or 36).
using BreakAcknowledgement = std::variant<OplockBreak, LeaseBreakAck>;
NtResult<BreakAcknowledgement> DecodeBreakAcknowledgement(std::span<const uint8_t> message);

// Also the notification's body: send that with kUnsolicitedMessageId.
void EncodeOplockBreak(const OplockBreak& oplock_break, bytes::ByteWriter& out);
void EncodeLeaseBreakNotification(const LeaseBreakNotification& notification,
                                  bytes::ByteWriter& out);
void EncodeLeaseBreakResponse(const LeaseBreakAck& response, bytes::ByteWriter& out);

}  // namespace continuo::smbwire
