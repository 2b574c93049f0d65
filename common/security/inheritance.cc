#include "common/security/inheritance.h"

#include <utility>

#include "common/security/access_check.h"

namespace continuo::security {
namespace {

constexpr uint8_t kInheritBits =
    kAceObjectInherit | kAceContainerInherit | kAceNoPropagateInherit | kAceInheritOnly;

bool IsHandedDown(const Ace& ace, ObjectKind kind) {
  if (kind == ObjectKind::kFile) return (ace.flags & kAceObjectInherit) != 0;
  if ((ace.flags & kAceContainerInherit) != 0) return true;
  // An object-only ACE passes through directories to the files below them.
  return (ace.flags & kAceObjectInherit) != 0 && (ace.flags & kAceNoPropagateInherit) == 0;
}

uint8_t FlagsOfChild(const Ace& ace, ObjectKind kind) {
  if (kind == ObjectKind::kFile || (ace.flags & kAceNoPropagateInherit) != 0) return 0;
  uint8_t flags = ace.flags & (kAceObjectInherit | kAceContainerInherit);
  if ((flags & kAceContainerInherit) == 0) flags |= kAceInheritOnly;
  return flags;
}

const Sid* ReplacementOf(const Sid& sid, const Sid& owner, const Sid& group) {
  if (sid == kCreatorOwnerSid) return &owner;
  if (sid == kCreatorGroupSid) return &group;
  return nullptr;
}

void AppendUnlessRepeated(Acl& acl, Ace ace) {
  if (acl.aces.empty() || !(acl.aces.back() == ace)) acl.aces.push_back(std::move(ace));
}

void InheritAce(const Ace& ace, const InheritOptions& options, Acl& out) {
  if (!IsHandedDown(ace, options.kind)) return;
  const uint8_t mark = options.marks_inherited ? kAceInherited : 0;
  const uint8_t audit = ace.flags & (kAceSuccessfulAccess | kAceFailedAccess);
  const uint8_t flags = FlagsOfChild(ace, options.kind);
  const Sid* replacement = ReplacementOf(ace.sid, options.owner, options.group);
  Ace child = ace;
  if (replacement != nullptr && (flags & kAceContainerInherit) != 0) {
    // One ACE that is effective here, and the creator's own to hand further down.
    child.sid = *replacement;
    child.mask = MapGenericFileRights(ace.mask);
    child.flags = static_cast<uint8_t>(mark | audit);
    AppendUnlessRepeated(out, child);
    child = ace;
    child.flags = static_cast<uint8_t>(flags | kAceInheritOnly | mark | audit);
    AppendUnlessRepeated(out, std::move(child));
    return;
  }
  child.flags = static_cast<uint8_t>(flags | mark | audit);
  if ((flags & kAceInheritOnly) == 0) {
    if (replacement != nullptr) child.sid = *replacement;
    child.mask = MapGenericFileRights(ace.mask);
  }
  AppendUnlessRepeated(out, std::move(child));
}

// The creator's own ACEs: generic rights mapped, creator SIDs replaced where effective, inherited
// ones left out (the parent hands down its own).
Acl ExplicitAcl(const Acl& creator, const Sid& owner, const Sid& group) {
  Acl out;
  out.revision = creator.revision;
  for (const Ace& ace : creator.aces) {
    if ((ace.flags & kAceInherited) != 0) continue;
    Ace own = ace;
    own.mask = MapGenericFileRights(own.mask);
    const Sid* replacement = ReplacementOf(ace.sid, owner, group);
    const bool is_effective_only = (ace.flags & kInheritBits) == 0;
    if (replacement != nullptr && is_effective_only) own.sid = *replacement;
    out.aces.push_back(std::move(own));
  }
  return out;
}

void AppendAll(Acl& acl, Acl more) {
  if (more.revision > acl.revision) acl.revision = more.revision;
  for (Ace& ace : more.aces) acl.aces.push_back(std::move(ace));
}

// Source: [MS-DTYP] 2.5.3.4.2 (ComputeACL), for the DACL.
void ComputeDacl(const SecurityDescriptor* parent, const SecurityDescriptor* creator,
                 ObjectKind kind, SecurityDescriptor& out) {
  const bool is_explicit = creator != nullptr && creator->HasDacl();
  const bool is_protected = is_explicit && (creator->control & kSdDaclProtected) != 0;
  if (is_explicit) out.control |= creator->control & kSdDaclProtected;
  if (is_explicit && !creator->dacl) {  // A NULL DACL is what the creator asked for.
    out.control |= kSdDaclPresent;
    return;
  }
  Acl dacl;
  if (is_explicit) dacl = ExplicitAcl(*creator->dacl, out.owner, out.group);
  if (parent != nullptr && parent->dacl && !is_protected) {
    const bool marks = (parent->control & kSdDaclAutoInherited) != 0;
    Acl inherited = InheritedAcl(*parent->dacl, {.kind = kind,
                                                 .owner = out.owner,
                                                 .group = out.group,
                                                 .marks_inherited = marks});
    if (marks) out.control |= kSdDaclAutoInherited;
    AppendAll(dacl, std::move(inherited));
  }
  if (!is_explicit && dacl.aces.empty()) dacl = DefaultDacl(out.owner);
  out.SetDacl(std::move(dacl));
}

void ComputeSacl(const SecurityDescriptor* parent, const SecurityDescriptor* creator,
                 const SecurityToken& token, ObjectKind kind, SecurityDescriptor& out) {
  Acl sacl;
  bool is_protected = false;
  if (creator != nullptr && creator->sacl && token.Has(Privilege::kSecurity)) {
    sacl = ExplicitAcl(*creator->sacl, out.owner, out.group);
    is_protected = (creator->control & kSdSaclProtected) != 0;
    out.control |= creator->control & kSdSaclProtected;
  }
  if (parent != nullptr && parent->sacl && !is_protected) {
    const bool marks = (parent->control & kSdSaclAutoInherited) != 0;
    AppendAll(sacl, InheritedAcl(*parent->sacl, {.kind = kind,
                                                 .owner = out.owner,
                                                 .group = out.group,
                                                 .marks_inherited = marks}));
    if (marks) out.control |= kSdSaclAutoInherited;
  }
  if (sacl.aces.empty()) return;
  out.sacl = std::move(sacl);
  out.control |= kSdSaclPresent;
}

}  // namespace

Acl InheritedAcl(const Acl& parent, const InheritOptions& options) {
  Acl out;
  out.revision = parent.revision;
  for (const Ace& ace : parent.aces) InheritAce(ace, options, out);
  return out;
}

Acl DefaultDacl(const Sid& owner) {
  Acl acl;
  acl.aces.push_back({.type = AceType::kAccessAllowed, .flags = 0, .mask = kFileAllAccess,
                      .sid = owner, .object = {}, .opaque = {}});
  acl.aces.push_back({.type = AceType::kAccessAllowed, .flags = 0, .mask = kFileAllAccess,
                      .sid = kSystemSid, .object = {}, .opaque = {}});
  return acl;
}

NtResult<SecurityDescriptor> DescriptorForNewObject(const SecurityDescriptor* parent,
                                                    const SecurityDescriptor* creator,
                                                    const SecurityToken& token,
                                                    const Sid& primary_group, ObjectKind kind) {
  SecurityDescriptor out;
  out.owner = token.user;
  out.group = primary_group;
  if (creator != nullptr && creator->owner.IsValid()) {
    CONTINUO_RETURN_IF_ERROR(CheckNewOwner(creator->owner, token));
    out.owner = creator->owner;
  }
  if (creator != nullptr && creator->group.IsValid()) out.group = creator->group;
  ComputeDacl(parent, creator, kind, out);
  ComputeSacl(parent, creator, token, kind, out);
  const auto is_too_large = [](const std::optional<Acl>& acl) {
    return acl && acl->EncodedSizeBytes() > kAclMaxSizeBytes;
  };
  if (is_too_large(out.dacl) || is_too_large(out.sacl)) return NtStatus::kInvalidAcl;
  return out;
}

}  // namespace continuo::security
