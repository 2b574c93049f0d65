// NTSTATUS values and the result type of the SMB layer.
//
// Source: [MS-ERREF] 2.3.1. Everything outside the SMB layer uses absl::Status.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "common/base/check.h"

namespace continuo {

// X(enumerator, value, specification name)
#define CONTINUO_NTSTATUS_LIST(X)                                                            \
  X(kSuccess, 0x00000000, "STATUS_SUCCESS")                                                  \
  X(kPending, 0x00000103, "STATUS_PENDING")                                                  \
  X(kNotifyCleanup, 0x0000010B, "STATUS_NOTIFY_CLEANUP")                                     \
  X(kNotifyEnumDir, 0x0000010C, "STATUS_NOTIFY_ENUM_DIR")                                    \
  X(kSomeNotMapped, 0x00000107, "STATUS_SOME_NOT_MAPPED")                                    \
  X(kMoreEntries, 0x00000105, "STATUS_MORE_ENTRIES")                                         \
  X(kBufferOverflow, 0x80000005, "STATUS_BUFFER_OVERFLOW")                                   \
  X(kNoMoreFiles, 0x80000006, "STATUS_NO_MORE_FILES")                                        \
  X(kNoMoreEntries, 0x8000001A, "STATUS_NO_MORE_ENTRIES")                                    \
  X(kStoppedOnSymlink, 0x8000002D, "STATUS_STOPPED_ON_SYMLINK")                              \
  X(kEaListInconsistent, 0x80000014, "STATUS_EA_LIST_INCONSISTENT")                          \
  X(kInvalidEaName, 0x80000013, "STATUS_INVALID_EA_NAME")                                    \
  X(kInvalidEaFlag, 0x80000015, "STATUS_INVALID_EA_FLAG")                                    \
  X(kUnsuccessful, 0xC0000001, "STATUS_UNSUCCESSFUL")                                        \
  X(kNotImplemented, 0xC0000002, "STATUS_NOT_IMPLEMENTED")                                   \
  X(kInvalidInfoClass, 0xC0000003, "STATUS_INVALID_INFO_CLASS")                              \
  X(kInfoLengthMismatch, 0xC0000004, "STATUS_INFO_LENGTH_MISMATCH")                          \
  X(kInvalidHandle, 0xC0000008, "STATUS_INVALID_HANDLE")                                     \
  X(kInvalidParameter, 0xC000000D, "STATUS_INVALID_PARAMETER")                               \
  X(kNoSuchDevice, 0xC000000E, "STATUS_NO_SUCH_DEVICE")                                      \
  X(kNoSuchFile, 0xC000000F, "STATUS_NO_SUCH_FILE")                                          \
  X(kInvalidDeviceRequest, 0xC0000010, "STATUS_INVALID_DEVICE_REQUEST")                      \
  X(kEndOfFile, 0xC0000011, "STATUS_END_OF_FILE")                                            \
  X(kMoreProcessingRequired, 0xC0000016, "STATUS_MORE_PROCESSING_REQUIRED")                  \
  X(kNoMemory, 0xC0000017, "STATUS_NO_MEMORY")                                               \
  X(kAccessDenied, 0xC0000022, "STATUS_ACCESS_DENIED")                                       \
  X(kBufferTooSmall, 0xC0000023, "STATUS_BUFFER_TOO_SMALL")                                  \
  X(kObjectTypeMismatch, 0xC0000024, "STATUS_OBJECT_TYPE_MISMATCH")                          \
  X(kObjectNameInvalid, 0xC0000033, "STATUS_OBJECT_NAME_INVALID")                            \
  X(kObjectNameNotFound, 0xC0000034, "STATUS_OBJECT_NAME_NOT_FOUND")                         \
  X(kObjectNameCollision, 0xC0000035, "STATUS_OBJECT_NAME_COLLISION")                        \
  X(kObjectPathInvalid, 0xC0000039, "STATUS_OBJECT_PATH_INVALID")                            \
  X(kObjectPathNotFound, 0xC000003A, "STATUS_OBJECT_PATH_NOT_FOUND")                         \
  X(kObjectPathSyntaxBad, 0xC000003B, "STATUS_OBJECT_PATH_SYNTAX_BAD")                       \
  X(kDataError, 0xC000003E, "STATUS_DATA_ERROR")                                             \
  X(kSharingViolation, 0xC0000043, "STATUS_SHARING_VIOLATION")                               \
  X(kQuotaExceeded, 0xC0000044, "STATUS_QUOTA_EXCEEDED")                                     \
  X(kEaTooLarge, 0xC0000050, "STATUS_EA_TOO_LARGE")                                          \
  X(kNonexistentEaEntry, 0xC0000051, "STATUS_NONEXISTENT_EA_ENTRY")                          \
  X(kNoEasOnFile, 0xC0000052, "STATUS_NO_EAS_ON_FILE")                                       \
  X(kEaCorruptError, 0xC0000053, "STATUS_EA_CORRUPT_ERROR")                                  \
  X(kFileLockConflict, 0xC0000054, "STATUS_FILE_LOCK_CONFLICT")                              \
  X(kLockNotGranted, 0xC0000055, "STATUS_LOCK_NOT_GRANTED")                                  \
  X(kDeletePending, 0xC0000056, "STATUS_DELETE_PENDING")                                     \
  X(kUnknownRevision, 0xC0000058, "STATUS_UNKNOWN_REVISION")                                 \
  X(kInvalidOwner, 0xC000005A, "STATUS_INVALID_OWNER")                                       \
  X(kNoSuchPrivilege, 0xC0000060, "STATUS_NO_SUCH_PRIVILEGE")                                \
  X(kPrivilegeNotHeld, 0xC0000061, "STATUS_PRIVILEGE_NOT_HELD")                              \
  X(kNoSuchUser, 0xC0000064, "STATUS_NO_SUCH_USER")                                          \
  X(kWrongPassword, 0xC000006A, "STATUS_WRONG_PASSWORD")                                     \
  X(kLogonFailure, 0xC000006D, "STATUS_LOGON_FAILURE")                                       \
  X(kAccountRestriction, 0xC000006E, "STATUS_ACCOUNT_RESTRICTION")                           \
  X(kPasswordExpired, 0xC0000071, "STATUS_PASSWORD_EXPIRED")                                 \
  X(kAccountDisabled, 0xC0000072, "STATUS_ACCOUNT_DISABLED")                                 \
  X(kNoneMapped, 0xC0000073, "STATUS_NONE_MAPPED")                                           \
  X(kInvalidAcl, 0xC0000077, "STATUS_INVALID_ACL")                                           \
  X(kInvalidSid, 0xC0000078, "STATUS_INVALID_SID")                                           \
  X(kInvalidSecurityDescr, 0xC0000079, "STATUS_INVALID_SECURITY_DESCR")                      \
  X(kRangeNotLocked, 0xC000007E, "STATUS_RANGE_NOT_LOCKED")                                  \
  X(kDiskFull, 0xC000007F, "STATUS_DISK_FULL")                                               \
  X(kInsufficientResources, 0xC000009A, "STATUS_INSUFFICIENT_RESOURCES")                     \
  X(kMediaWriteProtected, 0xC00000A2, "STATUS_MEDIA_WRITE_PROTECTED")                        \
  X(kBadImpersonationLevel, 0xC00000A5, "STATUS_BAD_IMPERSONATION_LEVEL")                    \
  X(kInstanceNotAvailable, 0xC00000AB, "STATUS_INSTANCE_NOT_AVAILABLE")                      \
  X(kPipeNotAvailable, 0xC00000AC, "STATUS_PIPE_NOT_AVAILABLE")                              \
  X(kInvalidPipeState, 0xC00000AD, "STATUS_INVALID_PIPE_STATE")                              \
  X(kPipeBusy, 0xC00000AE, "STATUS_PIPE_BUSY")                                               \
  X(kPipeDisconnected, 0xC00000B0, "STATUS_PIPE_DISCONNECTED")                               \
  X(kPipeClosing, 0xC00000B1, "STATUS_PIPE_CLOSING")                                         \
  X(kFileForcedClosed, 0xC00000B6, "STATUS_FILE_FORCED_CLOSED")                              \
  X(kPipeEmpty, 0xC00000D9, "STATUS_PIPE_EMPTY")                                             \
  X(kInvalidReadMode, 0xC00000B4, "STATUS_INVALID_READ_MODE")                                \
  X(kIoTimeout, 0xC00000B5, "STATUS_IO_TIMEOUT")                                             \
  X(kFileIsADirectory, 0xC00000BA, "STATUS_FILE_IS_A_DIRECTORY")                             \
  X(kNotSupported, 0xC00000BB, "STATUS_NOT_SUPPORTED")                                       \
  X(kDuplicateName, 0xC00000BD, "STATUS_DUPLICATE_NAME")                                     \
  X(kBadNetworkPath, 0xC00000BE, "STATUS_BAD_NETWORK_PATH")                                  \
  X(kNetworkNameDeleted, 0xC00000C9, "STATUS_NETWORK_NAME_DELETED")                          \
  X(kNetworkAccessDenied, 0xC00000CA, "STATUS_NETWORK_ACCESS_DENIED")                        \
  X(kBadDeviceType, 0xC00000CB, "STATUS_BAD_DEVICE_TYPE")                                    \
  X(kBadNetworkName, 0xC00000CC, "STATUS_BAD_NETWORK_NAME")                                  \
  X(kTooManySessions, 0xC00000CE, "STATUS_TOO_MANY_SESSIONS")                                \
  X(kRequestNotAccepted, 0xC00000D0, "STATUS_REQUEST_NOT_ACCEPTED")                          \
  X(kNotSameDevice, 0xC00000D4, "STATUS_NOT_SAME_DEVICE")                                    \
  X(kUnexpectedNetworkError, 0xC00000C4, "STATUS_UNEXPECTED_NETWORK_ERROR")                  \
  X(kInvalidDeviceState, 0xC0000184, "STATUS_INVALID_DEVICE_STATE")                          \
  X(kInvalidLockRange, 0xC00001A1, "STATUS_INVALID_LOCK_RANGE")                              \
  X(kFileRenamed, 0xC00000D5, "STATUS_FILE_RENAMED")                                         \
  X(kOplockNotGranted, 0xC00000E2, "STATUS_OPLOCK_NOT_GRANTED")                              \
  X(kInvalidOplockProtocol, 0xC00000E3, "STATUS_INVALID_OPLOCK_PROTOCOL")                    \
  X(kInternalError, 0xC00000E5, "STATUS_INTERNAL_ERROR")                                     \
  X(kUnexpectedIoError, 0xC00000E9, "STATUS_UNEXPECTED_IO_ERROR")                            \
  X(kDirectoryNotEmpty, 0xC0000101, "STATUS_DIRECTORY_NOT_EMPTY")                            \
  X(kNotADirectory, 0xC0000103, "STATUS_NOT_A_DIRECTORY")                                    \
  X(kNameTooLong, 0xC0000106, "STATUS_NAME_TOO_LONG")                                        \
  X(kTooManyOpenedFiles, 0xC000011F, "STATUS_TOO_MANY_OPENED_FILES")                         \
  X(kCancelled, 0xC0000120, "STATUS_CANCELLED")                                              \
  X(kCannotDelete, 0xC0000121, "STATUS_CANNOT_DELETE")                                       \
  X(kFileDeleted, 0xC0000123, "STATUS_FILE_DELETED")                                         \
  X(kFileClosed, 0xC0000128, "STATUS_FILE_CLOSED")                                           \
  X(kPipeBroken, 0xC000014B, "STATUS_PIPE_BROKEN")                                           \
  X(kLogonTypeNotGranted, 0xC000015B, "STATUS_LOGON_TYPE_NOT_GRANTED")                       \
  X(kIoDeviceError, 0xC0000185, "STATUS_IO_DEVICE_ERROR")                                    \
  X(kAccountExpired, 0xC0000193, "STATUS_ACCOUNT_EXPIRED")                                   \
  X(kUserSessionDeleted, 0xC0000203, "STATUS_USER_SESSION_DELETED")                          \
  X(kInsuffServerResources, 0xC0000205, "STATUS_INSUFF_SERVER_RESOURCES")                    \
  X(kNotFound, 0xC0000225, "STATUS_NOT_FOUND")                                               \
  X(kAccountLockedOut, 0xC0000234, "STATUS_ACCOUNT_LOCKED_OUT")                              \
  X(kPathNotCovered, 0xC0000257, "STATUS_PATH_NOT_COVERED")                                  \
  X(kNotAReparsePoint, 0xC0000275, "STATUS_NOT_A_REPARSE_POINT")                             \
  X(kIoReparseTagInvalid, 0xC0000276, "STATUS_IO_REPARSE_TAG_INVALID")                       \
  X(kIoReparseDataInvalid, 0xC0000278, "STATUS_IO_REPARSE_DATA_INVALID")                     \
  X(kIoReparseTagNotHandled, 0xC0000279, "STATUS_IO_REPARSE_TAG_NOT_HANDLED")                \
  X(kReparsePointEncountered, 0xC000050B, "STATUS_REPARSE_POINT_ENCOUNTERED")                \
  X(kNetworkSessionExpired, 0xC000035C, "STATUS_NETWORK_SESSION_EXPIRED")                    \
  X(kFileNotAvailable, 0xC0000467, "STATUS_FILE_NOT_AVAILABLE")                              \
  X(kShareUnavailable, 0xC0000480, "STATUS_SHARE_UNAVAILABLE")                               \
  X(kSmbNoPreauthIntegrityHashOverlap, 0xC05D0000,                                           \
    "STATUS_SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP")                                          \
  X(kSmbBadClusterDialect, 0xC05D0001, "STATUS_SMB_BAD_CLUSTER_DIALECT")                     \
  X(kBadCompressionBuffer, 0xC0000242, "STATUS_BAD_COMPRESSION_BUFFER")                      \
  X(kVirtualCircuitClosed, 0xC00000D6, "STATUS_VIRTUAL_CIRCUIT_CLOSED")                      \
  X(kTrustedRelationshipFailure, 0xC000018D, "STATUS_TRUSTED_RELATIONSHIP_FAILURE")          \
  X(kNoLogonServers, 0xC000005E, "STATUS_NO_LOGON_SERVERS")

class [[nodiscard]] NtStatus {
 public:
  enum Code : uint32_t {
#define CONTINUO_NTSTATUS_ENUMERATOR(enumerator, value, name) enumerator = value,
    CONTINUO_NTSTATUS_LIST(CONTINUO_NTSTATUS_ENUMERATOR)
#undef CONTINUO_NTSTATUS_ENUMERATOR
  };

  constexpr NtStatus() = default;
  constexpr NtStatus(Code code) : code_(code) {}  // NOLINT: conversion is the point.
  constexpr explicit NtStatus(uint32_t value) : code_(static_cast<Code>(value)) {}

  constexpr uint32_t value() const { return code_; }
  constexpr Code code() const { return code_; }
  // STATUS_SUCCESS alone. Other informational and warning codes carry a body where the
  // specification says so; the command that sends one says it explicitly.
  constexpr bool ok() const { return code_ == kSuccess; }
  constexpr NtStatus status() const { return *this; }
  // "STATUS_ACCESS_DENIED"; "STATUS_UNNAMED" for a value that is not in the list.
  std::string_view name() const;

  friend constexpr bool operator==(NtStatus a, NtStatus b) { return a.code_ == b.code_; }
  friend constexpr bool operator==(NtStatus a, Code b) { return a.code_ == b; }

 private:
  Code code_ = kSuccess;
};

// A value or the NTSTATUS that stands in its place. value() on a failure is our own bug.
template <typename T>
class [[nodiscard]] NtResult {
 public:
  NtResult(T value) : value_(std::move(value)) {}                    // NOLINT
  NtResult(NtStatus status) : status_(status) { CONTINUO_CHECK(!status.ok()); }  // NOLINT
  NtResult(NtStatus::Code code) : NtResult(NtStatus(code)) {}         // NOLINT

  bool ok() const { return value_.has_value(); }
  NtStatus status() const { return ok() ? NtStatus() : status_; }
  T& value() & { return Checked(); }
  const T& value() const& {
    CONTINUO_CHECK(ok());
    return *value_;
  }
  T&& value() && { return std::move(Checked()); }
  T& operator*() & { return Checked(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(Checked()); }
  T* operator->() { return &Checked(); }
  const T* operator->() const { return &value(); }

 private:
  T& Checked() {
    CONTINUO_CHECK(ok());
    return *value_;
  }
  std::optional<T> value_;
  NtStatus status_;
};

}  // namespace continuo
