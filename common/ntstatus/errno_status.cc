#include "common/ntstatus/errno_status.h"

#include <cerrno>

namespace continuo {

NtStatus NtStatusFromErrno(int error) {
  switch (error) {
    case 0:
      return NtStatus::kSuccess;
    case ENOENT:
      return NtStatus::kObjectNameNotFound;
    case ENOTDIR:
      return NtStatus::kObjectPathNotFound;
    case EEXIST:
      return NtStatus::kObjectNameCollision;
    case EACCES:
    case EPERM:
      return NtStatus::kAccessDenied;
    case EISDIR:
      return NtStatus::kFileIsADirectory;
    case ENOTEMPTY:
      return NtStatus::kDirectoryNotEmpty;
    case ENOSPC:
      return NtStatus::kDiskFull;
    case EDQUOT:
      return NtStatus::kQuotaExceeded;
    case EROFS:
      return NtStatus::kMediaWriteProtected;
    case EXDEV:
      return NtStatus::kNotSameDevice;
    case ENAMETOOLONG:
      return NtStatus::kObjectNameInvalid;
    case EILSEQ:
      return NtStatus::kObjectNameInvalid;
    case ELOOP:
      return NtStatus::kObjectPathNotFound;
    case EMFILE:
    case ENFILE:
      return NtStatus::kTooManyOpenedFiles;
    case ENOMEM:
      return NtStatus::kNoMemory;
    case EINVAL:
    case EFBIG:
    case EOVERFLOW:
      return NtStatus::kInvalidParameter;
    case ENOTSUP:
    case ENOSYS:
      return NtStatus::kNotSupported;
    case EBADF:
    case ESTALE:
      return NtStatus::kInvalidHandle;
    case EBUSY:
    case ETXTBSY:
      return NtStatus::kSharingViolation;
    case ETIMEDOUT:
      return NtStatus::kIoTimeout;
    case EIO:
      return NtStatus::kIoDeviceError;
    case ENODATA:
      return NtStatus::kNotFound;
    case ECANCELED:
      return NtStatus::kCancelled;
    default:
      return NtStatus::kUnexpectedIoError;
  }
}

}  // namespace continuo
