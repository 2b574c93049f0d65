// Whether a request has paid for its size: one credit for each 64 KiB of the larger direction.
//
// Source: [MS-SMB2] 3.3.5.2.5, 3.1.5.2.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/ntstatus/ntstatus.h"
#include "services/smb-frontend/dispatch/request_scope.h"
#include "services/smb-frontend/dispatch/smb_connection.h"

namespace continuo::dispatch {

inline constexpr uint32_t kCreditUnitBytes = 65536;

// `payload_bytes`: what is sent or asked for, whichever is larger.
// Errors: InvalidParameter when CreditCharge is too small. Without multi-credit support sizes are
// bounded by the limits of the dialect instead.
inline NtStatus CheckCreditCharge(const RequestScope& scope, uint64_t payload_bytes) {
  if (!scope.connection.negotiated().supports_multi_credit) return NtStatus::kSuccess;
  const uint64_t charge = std::max<uint64_t>(scope.header.credit_charge, 1);
  const uint64_t needed = payload_bytes == 0 ? 1 : (payload_bytes - 1) / kCreditUnitBytes + 1;
  return needed <= charge ? NtStatus::kSuccess : NtStatus::kInvalidParameter;
}

}  // namespace continuo::dispatch
