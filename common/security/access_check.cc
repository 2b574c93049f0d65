#include "common/security/access_check.h"

#include <algorithm>

namespace continuo::security {
namespace {

constexpr AccessMask kOwnerImplicit = kReadControl | kWriteDac;
constexpr AccessMask kBackupRights = kReadControl | kFileGenericRead | kFileTraverse;
constexpr AccessMask kRestoreRights = kWriteDac | kWriteOwner | kFileGenericWrite | kFileAddFile |
                                      kFileAddSubdirectory | kDelete;
constexpr AccessMask kParentGives = kDelete | kFileReadAttributes;

bool IsEffective(const Ace& ace) { return (ace.flags & kAceInheritOnly) == 0; }

// Callback ACEs need their condition evaluated; without it an allow never allows and a deny always
// denies, which is the safe reading of "unknown" in [MS-DTYP] 2.5.3.1.5.
bool IsAllow(const Ace& ace) {
  return ace.type == AceType::kAccessAllowed || ace.type == AceType::kAccessAllowedObject;
}
bool IsDeny(const Ace& ace) {
  return ace.type == AceType::kAccessDenied || ace.type == AceType::kAccessDeniedObject ||
         ace.type == AceType::kAccessDeniedCallback;
}

struct Caller {
  const SecurityToken& token;
  bool is_owner;

  bool IsNamedBy(const Ace& ace) const {
    if (ace.sid == kOwnerRightsSid) return is_owner;
    return token.Matches(ace.sid);
  }
};

bool HasOwnerRightsAce(const Acl& dacl) {
  return std::any_of(dacl.aces.begin(), dacl.aces.end(), [](const Ace& ace) {
    return IsEffective(ace) && ace.sid == kOwnerRightsSid && (IsAllow(ace) || IsDeny(ace));
  });
}

AccessMask RightsFromPrivileges(const SecurityToken& token, const AccessOptions& options) {
  AccessMask rights = 0;
  if (token.Has(Privilege::kTakeOwnership)) rights |= kWriteOwner;
  if (options.has_backup_intent) {
    if (token.Has(Privilege::kBackup)) rights |= kBackupRights;
    if (token.Has(Privilege::kRestore)) rights |= kRestoreRights;
  }
  return rights;
}

// Everything that the DACL gives: first match of each right wins, [MS-DTYP] 2.5.3.2.
AccessMask RightsFromDacl(const SecurityDescriptor& sd, const SecurityToken& token) {
  if (!sd.HasDacl() || !sd.dacl) return kFileAllAccess;
  const Caller caller{token, sd.owner.IsValid() && token.Matches(sd.owner)};
  AccessMask granted = 0;
  AccessMask denied = 0;
  if (caller.is_owner && !HasOwnerRightsAce(*sd.dacl)) granted |= kOwnerImplicit;
  for (const Ace& ace : sd.dacl->aces) {
    if (!IsEffective(ace) || !caller.IsNamedBy(ace)) continue;
    const AccessMask mask = MapGenericFileRights(ace.mask);
    if (IsAllow(ace)) granted |= mask & ~denied;
    if (IsDeny(ace)) denied |= mask & ~granted;
  }
  return granted & kFileAllAccess;
}

}  // namespace

AccessMask MaximalAccess(const SecurityDescriptor& sd, const SecurityToken& token,
                         const AccessOptions& options) {
  const AccessMask rights = RightsFromDacl(sd, token) | RightsFromPrivileges(token, options) |
                            (options.from_parent & kParentGives);
  return rights & options.ceiling;
}

AccessDecision CheckAccess(const SecurityDescriptor& sd, const SecurityToken& token,
                           AccessMask desired, const AccessOptions& options) {
  const AccessMask wanted = MapGenericFileRights(desired);
  const AccessMask explicit_rights = wanted & ~(kMaximumAllowed | kAccessSystemSecurity);
  AccessMask granted = 0;
  if ((wanted & kAccessSystemSecurity) != 0) {
    const bool may = token.Has(Privilege::kSecurity) ||
                     (options.has_backup_intent &&
                      (token.Has(Privilege::kBackup) || token.Has(Privilege::kRestore)));
    if (!may) return {.granted = 0, .status = NtStatus::kPrivilegeNotHeld};
    granted |= kAccessSystemSecurity;
  }
  const AccessMask available = MaximalAccess(sd, token, options);
  if ((explicit_rights & ~available) != 0) {
    return {.granted = 0, .status = NtStatus::kAccessDenied};
  }
  granted |= explicit_rights;
  if ((wanted & kMaximumAllowed) != 0) granted |= available;
  // MAXIMUM_ALLOWED that comes to nothing is a refusal.
  if (granted == 0 && wanted != 0) return {.granted = 0, .status = NtStatus::kAccessDenied};
  return {.granted = granted, .status = NtStatus()};
}

AccessMask RightsThroughParent(const SecurityDescriptor& parent, const SecurityToken& token) {
  const AccessMask rights = RightsFromDacl(parent, token);
  AccessMask out = 0;
  if ((rights & kFileDeleteChild) != 0) out |= kDelete;
  if ((rights & kFileListDirectory) != 0) out |= kFileReadAttributes;
  return out;
}

NtStatus CheckNewOwner(const Sid& owner, const SecurityToken& token) {
  if (!owner.IsValid()) return NtStatus::kInvalidOwner;
  if (token.MayOwn(owner) || token.Has(Privilege::kRestore)) return NtStatus();
  return NtStatus::kInvalidOwner;
}

}  // namespace continuo::security
