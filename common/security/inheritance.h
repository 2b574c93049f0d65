// The descriptor of a new file or directory.
//
// Source: [MS-DTYP] 2.5.3.4 (CreateSecurityDescriptor and its helpers).
// Threading: pure.
#pragma once

#include "common/ntstatus/ntstatus.h"
#include "common/security/security_descriptor.h"
#include "common/security/token.h"

namespace continuo::security {

enum class ObjectKind { kFile, kDirectory };

// Combines what the parent hands down, what the creator asked for (SD_BUFFER create context, may
// be null) and the token's defaults. Owner and group of the result are always set.
// Shape:  explicit ACEs first, then inherited ones. They carry kAceInherited, and the result
//         kSdDaclAutoInherited, when the parent's DACL is itself auto-inherited.
// Errors: kInvalidAcl when the result would not fit an ACL (bounded growth); kInvalidOwner when
//         the creator names an owner that `token` may not set.
NtResult<SecurityDescriptor> DescriptorForNewObject(const SecurityDescriptor* parent,
                                                    const SecurityDescriptor* creator,
                                                    const SecurityToken& token,
                                                    const Sid& primary_group, ObjectKind kind);

struct InheritOptions {
  ObjectKind kind = ObjectKind::kFile;
  Sid owner;
  Sid group;
  bool marks_inherited = true;  // Sets kAceInherited on what is handed down.
};
// The ACEs of `parent` that apply to a child, with CREATOR OWNER and CREATOR GROUP replaced.
// Source: [MS-DTYP] 2.5.3.4.4 and 2.5.3.4.5.
Acl InheritedAcl(const Acl& parent, const InheritOptions& options);

// Owner full control, SYSTEM full control: what an object gets when nothing is handed down.
Acl DefaultDacl(const Sid& owner);

}  // namespace continuo::security
