// One mapping from the file system's errno to the status that a client sees.
#pragma once

#include "common/ntstatus/ntstatus.h"

namespace continuo {

// Source: the meanings in [MS-ERREF] 2.3.1 and [MS-FSA] 2.1.5. An errno without an entry of its own
// becomes STATUS_UNEXPECTED_IO_ERROR, never a success.
NtStatus NtStatusFromErrno(int error);

}  // namespace continuo
