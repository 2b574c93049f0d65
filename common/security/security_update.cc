// Reading and replacing parts of a descriptor.
#include "common/security/security_descriptor.h"

namespace continuo::security {
namespace {

// SACL parts travel in one ACL; which of its ACEs a request is about depends on the bits.
constexpr uint32_t kAnySaclInformation = kSaclSecurityInformation | kLabelSecurityInformation |
                                         kAttributeSecurityInformation |
                                         kScopeSecurityInformation | kBackupSecurityInformation;

constexpr uint16_t kDaclControl = kSdDaclPresent | kSdDaclDefaulted | kSdDaclTrusted |
                                  kSdDaclInheritRequired | kSdDaclAutoInherited | kSdDaclProtected;
constexpr uint16_t kSaclControl = kSdSaclPresent | kSdSaclDefaulted | kSdSaclInheritRequired |
                                  kSdSaclAutoInherited | kSdSaclProtected;

// Auto-inherited stays only when the setter asked for it with both bits, [MS-DTYP] 2.5.3.4.1.
uint16_t SettleInheritance(uint16_t control, uint16_t required, uint16_t auto_inherited) {
  const bool keeps = (control & required) != 0 && (control & auto_inherited) != 0;
  uint16_t out = static_cast<uint16_t>(control & ~(required | auto_inherited));
  if (keeps) out = static_cast<uint16_t>(out | auto_inherited);
  return out;
}

void MapGenericRights(Acl& acl) {
  for (Ace& ace : acl.aces) ace.mask = MapGenericFileRights(ace.mask);
}

bool Fits(const std::optional<Acl>& acl) {
  return !acl || acl->EncodedSizeBytes() <= kAclMaxSizeBytes;
}

}  // namespace

SecurityDescriptor SelectSecurity(const SecurityDescriptor& sd, uint32_t security_information) {
  SecurityDescriptor out;
  out.rm_control = sd.rm_control;
  out.control = sd.control & kSdRmControlValid;
  if ((security_information & kOwnerSecurityInformation) != 0) {
    out.owner = sd.owner;
    out.control |= sd.control & kSdOwnerDefaulted;
  }
  if ((security_information & kGroupSecurityInformation) != 0) {
    out.group = sd.group;
    out.control |= sd.control & kSdGroupDefaulted;
  }
  if ((security_information & kDaclSecurityInformation) != 0) {
    out.dacl = sd.dacl;
    out.control |= sd.control & kDaclControl;
  }
  if ((security_information & kAnySaclInformation) != 0) {
    out.sacl = sd.sacl;
    out.control |= sd.control & kSaclControl;
  }
  return out;
}

NtResult<SecurityDescriptor> MergeSecurity(const SecurityDescriptor& stored,
                                           const SecurityDescriptor& update,
                                           uint32_t security_information) {
  SecurityDescriptor out = stored;
  const auto take_control = [&out, &update](uint16_t bits) {
    out.control = static_cast<uint16_t>((out.control & ~bits) | (update.control & bits));
  };
  if ((security_information & kOwnerSecurityInformation) != 0 && update.owner.IsValid()) {
    out.owner = update.owner;
    take_control(kSdOwnerDefaulted);
  }
  if ((security_information & kGroupSecurityInformation) != 0 && update.group.IsValid()) {
    out.group = update.group;
    take_control(kSdGroupDefaulted);
  }
  if ((security_information & kDaclSecurityInformation) != 0) {
    out.dacl = update.dacl;
    take_control(kDaclControl);
    out.control = SettleInheritance(out.control | kSdDaclPresent, kSdDaclInheritRequired,
                                    kSdDaclAutoInherited);
    if (out.dacl) MapGenericRights(*out.dacl);
  }
  if ((security_information & kAnySaclInformation) != 0) {
    out.sacl = update.sacl;
    take_control(kSaclControl);
    out.control =
        SettleInheritance(out.control, kSdSaclInheritRequired, kSdSaclAutoInherited);
    if (out.sacl) MapGenericRights(*out.sacl);
  }
  if (!Fits(out.dacl) || !Fits(out.sacl)) return NtStatus::kInvalidAcl;
  return out;
}

AccessMask RightsToQuerySecurity(uint32_t security_information) {
  AccessMask rights = 0;
  if ((security_information & (kOwnerSecurityInformation | kGroupSecurityInformation |
                               kDaclSecurityInformation | kLabelSecurityInformation |
                               kAttributeSecurityInformation | kScopeSecurityInformation)) != 0) {
    rights |= kReadControl;
  }
  if ((security_information & (kSaclSecurityInformation | kBackupSecurityInformation)) != 0) {
    rights |= kAccessSystemSecurity;
  }
  if ((security_information & kBackupSecurityInformation) != 0) rights |= kReadControl;
  return rights;
}

AccessMask RightsToSetSecurity(uint32_t security_information) {
  AccessMask rights = 0;
  if ((security_information & (kOwnerSecurityInformation | kGroupSecurityInformation |
                               kLabelSecurityInformation)) != 0) {
    rights |= kWriteOwner;
  }
  if ((security_information & (kDaclSecurityInformation | kAttributeSecurityInformation)) != 0) {
    rights |= kWriteDac;
  }
  if ((security_information & (kSaclSecurityInformation | kScopeSecurityInformation)) != 0) {
    rights |= kAccessSystemSecurity;
  }
  if ((security_information & kBackupSecurityInformation) != 0) {
    rights |= kWriteDac | kWriteOwner | kAccessSystemSecurity;
  }
  return rights;
}

}  // namespace continuo::security
