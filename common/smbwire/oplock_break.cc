#include "common/smbwire/oplock_break.h"

#include "common/smbwire/body.h"

namespace continuo::smbwire {
namespace {

constexpr uint16_t kOplockStructureSize = 24;
constexpr uint16_t kLeaseAckStructureSize = 36;
constexpr uint16_t kLeaseNotificationStructureSize = 44;

}  // namespace

NtResult<BreakAcknowledgement> DecodeBreakAcknowledgement(std::span<const uint8_t> message) {
  bytes::ByteReader in(message);
  in.Skip(kHeaderSizeBytes);
  const uint16_t structure_size = in.U16();
  if (structure_size == kOplockStructureSize) {
    OplockBreak ack;
    ack.oplock_level = in.U8();
    in.Skip(1 + 4);  // Reserved, Reserved2.
    ack.file_id = internal::ReadFileId(in);
    if (!in.ok()) return NtStatus::kInvalidParameter;
    return BreakAcknowledgement(ack);
  }
  if (structure_size == kLeaseAckStructureSize) {
    in.Skip(2);  // Reserved.
    LeaseBreakAck ack;
    ack.flags = in.U32();
    ack.lease_key = in.Array<16>();
    ack.lease_state = in.U32();
    in.Skip(8);  // LeaseDuration: reserved.
    if (!in.ok()) return NtStatus::kInvalidParameter;
    return BreakAcknowledgement(ack);
  }
  return NtStatus::kInvalidParameter;
}

void EncodeOplockBreak(const OplockBreak& oplock_break, bytes::ByteWriter& out) {
  out.U16(kOplockStructureSize);
  out.U8(oplock_break.oplock_level);
  out.Zeros(1 + 4);
  internal::WriteFileId(oplock_break.file_id, out);
}

void EncodeLeaseBreakNotification(const LeaseBreakNotification& notification,
                                  bytes::ByteWriter& out) {
  out.U16(kLeaseNotificationStructureSize);
  out.U16(notification.new_epoch);
  out.U32(notification.flags);
  out.Append(notification.lease_key);
  out.U32(notification.current_lease_state);
  out.U32(notification.new_lease_state);
  out.Zeros(4 + 4 + 4);  // BreakReason, AccessMaskHint, ShareMaskHint: reserved.
}

void EncodeLeaseBreakResponse(const LeaseBreakAck& response, bytes::ByteWriter& out) {
  out.U16(kLeaseAckStructureSize);
  out.U16(0);
  out.U32(response.flags);
  out.Append(response.lease_key);
  out.U32(response.lease_state);
  out.U64(0);  // LeaseDuration.
}

}  // namespace continuo::smbwire
