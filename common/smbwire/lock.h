// SMB2 LOCK.
//
// Source: [MS-SMB2] 2.2.26, 2.2.27, 3.3.5.14. Threading: pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <absl/container/inlined_vector.h>

#include "common/bytes/byte_writer.h"
#include "common/ntstatus/ntstatus.h"
#include "common/smbwire/header.h"

namespace continuo::smbwire {

inline constexpr uint32_t kLockFlagShared = 0x00000001;
inline constexpr uint32_t kLockFlagExclusive = 0x00000002;
inline constexpr uint32_t kLockFlagUnlock = 0x00000004;
inline constexpr uint32_t kLockFlagFailImmediately = 0x00000010;

inline constexpr size_t kLockElementSizeBytes = 24;

struct LockElement {
  uint64_t offset = 0;
  uint64_t length_bytes = 0;
  uint32_t flags = 0;
};

struct LockRequest {
  uint8_t lock_sequence_number = 0;   // Low 4 bits of LockSequence.
  uint32_t lock_sequence_index = 0;   // High 28 bits.
  FileId file_id;
  absl::InlinedVector<LockElement, 2> elements;  // At least one; as many as the message holds.
};
// Errors: InvalidParameter when LockCount is 0 or says more than the message holds. Flags and
// ranges are the command's to judge, in order.
NtResult<LockRequest> DecodeLockRequest(std::span<const uint8_t> message);
void EncodeLockResponse(bytes::ByteWriter& out);

}  // namespace continuo::smbwire
