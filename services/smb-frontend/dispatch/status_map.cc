#include "services/smb-frontend/dispatch/status_map.h"

#include "common/logging/log.h"

namespace continuo::dispatch {

NtStatus ToNtStatus(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return NtStatus::kSuccess;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return NtStatus::kInvalidParameter;
    case absl::StatusCode::kNotFound:
      return NtStatus::kNotFound;
    case absl::StatusCode::kAlreadyExists:
      return NtStatus::kObjectNameCollision;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return NtStatus::kAccessDenied;
    case absl::StatusCode::kResourceExhausted:
      return NtStatus::kInsufficientResources;
    case absl::StatusCode::kUnimplemented:
      return NtStatus::kNotSupported;
    case absl::StatusCode::kDeadlineExceeded:
      return NtStatus::kIoTimeout;
    case absl::StatusCode::kCancelled:
      return NtStatus::kCancelled;
    default: {
      // The client learns nothing from the status: the cause must be in the log.
      static logging::RateLimit limit;
      limit.Log(logging::Severity::kWarning, "request.not_served", {{"status", status}});
      return NtStatus::kInsuffServerResources;
    }
  }
}

}  // namespace continuo::dispatch
