#include "common/security/sddl_tables.h"

#include <array>

namespace continuo::security::sddl {
namespace {

struct FixedSid {
  std::string_view alias;
  Sid sid;
};
constexpr std::array kFixedSids = {
    FixedSid{"AN", kAnonymousSid},
    FixedSid{"AO", Sid(5, {32, 548})},
    FixedSid{"AU", kAuthenticatedUsersSid},
    FixedSid{"BA", kBuiltinAdministratorsSid},
    FixedSid{"BG", kBuiltinGuestsSid},
    FixedSid{"BO", kBuiltinBackupOperatorsSid},
    FixedSid{"BU", kBuiltinUsersSid},
    FixedSid{"CG", kCreatorGroupSid},
    FixedSid{"CO", kCreatorOwnerSid},
    FixedSid{"ED", Sid(5, {9})},
    FixedSid{"HI", Sid(16, {12288})},
    FixedSid{"IU", Sid(5, {4})},
    FixedSid{"LS", Sid(5, {19})},
    FixedSid{"LW", Sid(16, {4096})},
    FixedSid{"ME", Sid(16, {8192})},
    FixedSid{"MP", Sid(16, {8448})},
    FixedSid{"NO", Sid(5, {32, 556})},
    FixedSid{"NS", Sid(5, {20})},
    FixedSid{"NU", kNetworkSid},
    FixedSid{"OW", kOwnerRightsSid},
    FixedSid{"PO", Sid(5, {32, 550})},
    FixedSid{"PS", kPrincipalSelfSid},
    FixedSid{"PU", Sid(5, {32, 547})},
    FixedSid{"RC", Sid(5, {12})},
    FixedSid{"RD", Sid(5, {32, 555})},
    FixedSid{"RE", Sid(5, {32, 552})},
    FixedSid{"RU", Sid(5, {32, 554})},
    FixedSid{"SI", Sid(16, {16384})},
    FixedSid{"SO", kBuiltinServerOperatorsSid},
    FixedSid{"SU", Sid(5, {6})},
    FixedSid{"SY", kSystemSid},
    FixedSid{"WD", kEveryoneSid},
};

struct DomainSid {
  std::string_view alias;
  uint32_t rid;
};
constexpr std::array kDomainSids = {
    DomainSid{"LA", 500}, DomainSid{"LG", 501}, DomainSid{"DA", 512}, DomainSid{"DU", 513},
    DomainSid{"DG", 514}, DomainSid{"DC", 515}, DomainSid{"DD", 516}, DomainSid{"CA", 517},
    DomainSid{"SA", 518}, DomainSid{"EA", 519}, DomainSid{"PA", 520}, DomainSid{"RS", 553},
};

struct Right {
  std::string_view alias;
  AccessMask mask;
};
constexpr std::array kWholeMasks = {
    Right{"FA", kFileAllAccess},
    Right{"FR", kFileGenericRead},
    Right{"FW", kFileGenericWrite},
    Right{"FX", kFileGenericExecute},
    Right{"GA", kGenericAll},
    Right{"GR", kGenericRead},
    Right{"GW", kGenericWrite},
    Right{"GX", kGenericExecute},
};
constexpr std::array kSingleRights = {
    Right{"RC", kReadControl}, Right{"SD", kDelete},     Right{"WD", kWriteDac},
    Right{"WO", kWriteOwner},  Right{"CC", 0x00000001},  Right{"DC", 0x00000002},
    Right{"LC", 0x00000004},   Right{"SW", 0x00000008},  Right{"RP", 0x00000010},
    Right{"WP", 0x00000020},   Right{"DT", 0x00000040},  Right{"LO", 0x00000080},
    Right{"CR", 0x00000100},   Right{"NR", 0x00000001},  Right{"NW", 0x00000002},
    Right{"NX", 0x00000004},   Right{"KA", 0x000F003F},  Right{"KR", 0x00020019},
    Right{"KW", 0x00020006},   Right{"KX", 0x00020019},
};

struct TypeName {
  std::string_view alias;
  AceType type;
};
constexpr std::array kAceTypes = {
    TypeName{"A", AceType::kAccessAllowed},
    TypeName{"D", AceType::kAccessDenied},
    TypeName{"AU", AceType::kSystemAudit},
    TypeName{"ML", AceType::kSystemMandatoryLabel},
};

constexpr std::array kAceFlags = {
    AceFlagName{"OI", kAceObjectInherit},      AceFlagName{"CI", kAceContainerInherit},
    AceFlagName{"NP", kAceNoPropagateInherit}, AceFlagName{"IO", kAceInheritOnly},
    AceFlagName{"ID", kAceInherited},          AceFlagName{"SA", kAceSuccessfulAccess},
    AceFlagName{"FA", kAceFailedAccess},
};

char Upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

bool SameAlias(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (Upper(a[i]) != Upper(b[i])) return false;
  }
  return true;
}

}  // namespace

std::optional<Sid> SidOfAlias(std::string_view alias, const Sid& domain) {
  for (const FixedSid& entry : kFixedSids) {
    if (SameAlias(entry.alias, alias)) return entry.sid;
  }
  for (const DomainSid& entry : kDomainSids) {
    if (SameAlias(entry.alias, alias)) return domain.WithRid(entry.rid);
  }
  return std::nullopt;
}

std::string_view AliasOfSid(const Sid& sid, const Sid& domain) {
  for (const FixedSid& entry : kFixedSids) {
    if (entry.sid == sid) return entry.alias;
  }
  if (!sid.IsInDomain(domain) || !domain.IsValid()) return {};
  for (const DomainSid& entry : kDomainSids) {
    if (sid.rid() == entry.rid) return entry.alias;
  }
  return {};
}

std::optional<AccessMask> RightOfAlias(std::string_view alias) {
  for (const Right& right : kWholeMasks) {
    if (SameAlias(right.alias, alias)) return right.mask;
  }
  for (const Right& right : kSingleRights) {
    if (SameAlias(right.alias, alias)) return right.mask;
  }
  return std::nullopt;
}

std::string_view AliasOfMask(AccessMask mask) {
  for (const Right& right : kWholeMasks) {
    if (right.mask == mask) return right.alias;
  }
  return {};
}

std::optional<AceType> AceTypeOfAlias(std::string_view alias) {
  for (const TypeName& entry : kAceTypes) {
    if (SameAlias(entry.alias, alias)) return entry.type;
  }
  return std::nullopt;
}

std::string_view AliasOfAceType(AceType type) {
  for (const TypeName& entry : kAceTypes) {
    if (entry.type == type) return entry.alias;
  }
  return {};
}

std::optional<uint8_t> AceFlagOfAlias(std::string_view alias) {
  for (const AceFlagName& entry : kAceFlags) {
    if (SameAlias(entry.alias, alias)) return entry.flag;
  }
  return std::nullopt;
}

std::span<const AceFlagName> AceFlagNames() { return kAceFlags; }

}  // namespace continuo::security::sddl
