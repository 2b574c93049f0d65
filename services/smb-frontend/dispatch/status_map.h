// The one translation from "could not answer" of other daemons to what a client is told.
#pragma once

#include <absl/status/status.h>

#include "common/ntstatus/ntstatus.h"

namespace continuo::dispatch {

// Source: [MS-ERREF] 2.3.1 for the meanings. OK becomes STATUS_SUCCESS.
NtStatus ToNtStatus(const absl::Status& status);

}  // namespace continuo::dispatch
