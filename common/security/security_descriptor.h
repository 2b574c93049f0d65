// Security descriptors and their self-relative wire and disk form.
//
//   NtResult<SecurityDescriptor> sd = DecodeSecurityDescriptor(buffer);
//   const Bytes wire = EncodeSecurityDescriptor(*sd);
//
// Source: [MS-DTYP] 2.4.6 (descriptor), 2.4.5 (ACL), 2.4.4 (ACEs).
// Threading: values and pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "common/ntstatus/ntstatus.h"
#include "common/security/access_mask.h"
#include "common/security/sid.h"

namespace continuo::security {

// An ACL's size is a 16-bit field, so no descriptor can be larger than two full ACLs, two SIDs and
// its header; the limit below is what we accept from a client or a disk.
inline constexpr size_t kAclMaxSizeBytes = 0xFFFF;
inline constexpr size_t kSecurityDescriptorMaxSizeBytes = 2 * 65536 + 20 + 2 * kSidMaxSizeBytes + 1024;

enum class AceType : uint8_t {  // [MS-DTYP] 2.4.4.1
  kAccessAllowed = 0x00,
  kAccessDenied = 0x01,
  kSystemAudit = 0x02,
  kAccessAllowedObject = 0x05,
  kAccessDeniedObject = 0x06,
  kSystemAuditObject = 0x07,
  kAccessAllowedCallback = 0x09,
  kAccessDeniedCallback = 0x0A,
  kSystemMandatoryLabel = 0x11,
  kSystemResourceAttribute = 0x12,
  kSystemScopedPolicyId = 0x13,
};

inline constexpr uint8_t kAceObjectInherit = 0x01;
inline constexpr uint8_t kAceContainerInherit = 0x02;
inline constexpr uint8_t kAceNoPropagateInherit = 0x04;
inline constexpr uint8_t kAceInheritOnly = 0x08;
inline constexpr uint8_t kAceInherited = 0x10;
inline constexpr uint8_t kAceSuccessfulAccess = 0x40;
inline constexpr uint8_t kAceFailedAccess = 0x80;

struct Ace {
  AceType type = AceType::kAccessAllowed;  // Types outside the enumeration are kept as they are.
  uint8_t flags = 0;
  AccessMask mask = 0;
  // Invalid for a type without a SID that we know; `opaque` then holds everything after the header.
  Sid sid;
  // Object types: the 4-byte flags and GUIDs between mask and SID, as on the wire.
  Bytes object;
  // What follows the SID (callback conditions, resource attributes), or the body of an unknown type.
  Bytes opaque;

  friend bool operator==(const Ace&, const Ace&) = default;
};

struct Acl {
  uint8_t revision = 2;  // 2, or 4 when object ACEs are present.
  std::vector<Ace> aces;

  size_t EncodedSizeBytes() const;
  friend bool operator==(const Acl&, const Acl&) = default;
};

// Control bits, [MS-DTYP] 2.4.6.
inline constexpr uint16_t kSdOwnerDefaulted = 0x0001;
inline constexpr uint16_t kSdGroupDefaulted = 0x0002;
inline constexpr uint16_t kSdDaclPresent = 0x0004;
inline constexpr uint16_t kSdDaclDefaulted = 0x0008;
inline constexpr uint16_t kSdSaclPresent = 0x0010;
inline constexpr uint16_t kSdSaclDefaulted = 0x0020;
inline constexpr uint16_t kSdDaclTrusted = 0x0040;
inline constexpr uint16_t kSdServerSecurity = 0x0080;
inline constexpr uint16_t kSdDaclInheritRequired = 0x0100;
inline constexpr uint16_t kSdSaclInheritRequired = 0x0200;
inline constexpr uint16_t kSdDaclAutoInherited = 0x0400;
inline constexpr uint16_t kSdSaclAutoInherited = 0x0800;
inline constexpr uint16_t kSdDaclProtected = 0x1000;
inline constexpr uint16_t kSdSaclProtected = 0x2000;
inline constexpr uint16_t kSdRmControlValid = 0x4000;
inline constexpr uint16_t kSdSelfRelative = 0x8000;

// Shape: `dacl` without a value and kSdDaclPresent set is a NULL DACL (everyone may do everything);
//        kSdDaclPresent clear means that the descriptor says nothing about a DACL. The same for
//        the SACL. kSdSelfRelative is set by encoding and of no meaning in memory.
struct SecurityDescriptor {
  uint16_t control = 0;
  uint8_t rm_control = 0;
  Sid owner;  // Invalid when absent.
  Sid group;  // Invalid when absent.
  std::optional<Acl> sacl;
  std::optional<Acl> dacl;

  bool HasDacl() const { return (control & kSdDaclPresent) != 0; }
  bool HasSacl() const { return (control & kSdSaclPresent) != 0; }
  void SetDacl(Acl acl) {
    dacl = std::move(acl);
    control |= kSdDaclPresent;
  }
  friend bool operator==(const SecurityDescriptor&, const SecurityDescriptor&) = default;
};

// Errors: kInvalidSecurityDescr for a bad header, offset or owner; kInvalidAcl for a bad ACL or ACE;
//         kInvalidSid for a bad SID; kUnknownRevision. Nothing outside `in` is read and nothing is
//         allocated from a count that the remaining bytes do not bear out.
NtResult<SecurityDescriptor> DecodeSecurityDescriptor(std::span<const uint8_t> in);

// Self-relative form. Order SACL, DACL, owner, group as Windows lays it out.
// Requires: each ACL's encoded size <= kAclMaxSizeBytes (what Decode and the functions of this
//           folder produce satisfies it).
Bytes EncodeSecurityDescriptor(const SecurityDescriptor& sd);
size_t EncodedSizeBytes(const SecurityDescriptor& sd);

// One ACL alone, for SDDL tests, pipes and stores.
NtResult<Acl> DecodeAcl(std::span<const uint8_t> in);

// SECURITY_INFORMATION, [MS-DTYP] 2.4.7.
inline constexpr uint32_t kOwnerSecurityInformation = 0x00000001;
inline constexpr uint32_t kGroupSecurityInformation = 0x00000002;
inline constexpr uint32_t kDaclSecurityInformation = 0x00000004;
inline constexpr uint32_t kSaclSecurityInformation = 0x00000008;
inline constexpr uint32_t kLabelSecurityInformation = 0x00000010;
inline constexpr uint32_t kAttributeSecurityInformation = 0x00000020;
inline constexpr uint32_t kScopeSecurityInformation = 0x00000040;
inline constexpr uint32_t kBackupSecurityInformation = 0x00010000;

// The parts of `sd` that `security_information` asks for, for QUERY_INFO: control bits of parts
// that are left out are cleared. Source: [MS-FSA] 2.1.5.13.
SecurityDescriptor SelectSecurity(const SecurityDescriptor& sd, uint32_t security_information);

// `stored` with the parts of `update` that `security_information` names put in their place, for
// SET_INFO; generic rights are mapped, inherit-required and auto-inherited bits settled as
// [MS-FSA] 2.1.5.17 and [MS-DTYP] 2.5.3.4.1 say. Does not check rights. An owner or group that is
// named but absent in `update` stays as it was; a DACL that is named but absent is a NULL DACL.
// Errors: kInvalidAcl when an ACL does not fit.
NtResult<SecurityDescriptor> MergeSecurity(const SecurityDescriptor& stored,
                                           const SecurityDescriptor& update,
                                           uint32_t security_information);

// What the open must have been granted to read or write these parts. Source: [MS-FSA] 2.1.5.13 and
// 2.1.5.17.
AccessMask RightsToQuerySecurity(uint32_t security_information);
AccessMask RightsToSetSecurity(uint32_t security_information);

}  // namespace continuo::security
