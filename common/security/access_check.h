// Whether a token may open an object with the access that it asks for.
//
//   const AccessDecision d = CheckAccess(sd, token, desired, {});
//   if (!d.status.ok()) return d.status;
//   open.granted_access = d.granted;
//
// Source: [MS-DTYP] 2.5.3.2 (the algorithm), [MS-FSA] 2.1.5.1.2.1 (opens of files).
// Threading: pure.
#pragma once

#include "common/ntstatus/ntstatus.h"
#include "common/security/access_mask.h"
#include "common/security/security_descriptor.h"
#include "common/security/token.h"

namespace continuo::security {

struct AccessOptions {
  // FILE_OPEN_FOR_BACKUP_INTENT: SeBackup and SeRestore grant what they stand for.
  bool has_backup_intent = false;
  // Rights that the parent directory gives besides: DELETE through its FILE_DELETE_CHILD,
  // FILE_READ_ATTRIBUTES through its FILE_LIST_DIRECTORY ([MS-FSA] 2.1.5.1.2.1). Compute with
  // RightsThroughParent.
  AccessMask from_parent = 0;
  // An upper bound: what the share's permissions leave ([MS-SMB2] 3.3.5.9). MAXIMUM_ALLOWED is
  // cut down to it; asking for more explicitly is refused.
  AccessMask ceiling = ~AccessMask{0};
};

struct AccessDecision {
  AccessMask granted = 0;  // Specific rights only; 0 unless status is OK.
  NtStatus status;         // kAccessDenied, or kPrivilegeNotHeld for ACCESS_SYSTEM_SECURITY.
};

// `desired` may hold generic bits and MAXIMUM_ALLOWED (alone or with others).
// A descriptor without a DACL, or with a NULL one, grants everything but ACCESS_SYSTEM_SECURITY.
AccessDecision CheckAccess(const SecurityDescriptor& sd, const SecurityToken& token,
                           AccessMask desired, const AccessOptions& options);

// Everything that `token` would get for MAXIMUM_ALLOWED: for the MxAc create context and
// FileAccessInformation-like answers.
AccessMask MaximalAccess(const SecurityDescriptor& sd, const SecurityToken& token,
                         const AccessOptions& options);

// What the directory's descriptor lets `token` do to any child regardless of the child's own.
AccessMask RightsThroughParent(const SecurityDescriptor& parent, const SecurityToken& token);

// Whether a new owner in SET_INFO is allowed: the token may own it, or has SeRestorePrivilege.
// Errors: kInvalidOwner.
NtStatus CheckNewOwner(const Sid& owner, const SecurityToken& token);

}  // namespace continuo::security
