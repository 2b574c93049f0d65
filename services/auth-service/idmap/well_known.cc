#include "services/auth-service/idmap/well_known.h"

#include <array>

#include "common/bytes/utf16.h"

namespace continuo::auth {

namespace {

using security::Sid;

constexpr std::string_view kBuiltin = "BUILTIN";
constexpr std::string_view kNtAuthority = "NT AUTHORITY";

struct Row {
  Sid sid;
  std::string_view domain;
  std::string_view name;
  NameKind kind;
};

constexpr NameKind kWellKnown = NameKind::kWellKnownGroup;

constexpr auto kRows = std::to_array<Row>({
    {security::kNullSid, "", "NULL SID", kWellKnown},
    {security::kEveryoneSid, "", "Everyone", kWellKnown},
    {Sid(2, {0}), "", "LOCAL", kWellKnown},
    {security::kCreatorOwnerSid, "", "CREATOR OWNER", kWellKnown},
    {security::kCreatorGroupSid, "", "CREATOR GROUP", kWellKnown},
    {security::kOwnerRightsSid, "", "OWNER RIGHTS", kWellKnown},
    {Sid(5, {1}), kNtAuthority, "DIALUP", kWellKnown},
    {security::kNetworkSid, kNtAuthority, "NETWORK", kWellKnown},
    {Sid(5, {3}), kNtAuthority, "BATCH", kWellKnown},
    {Sid(5, {4}), kNtAuthority, "INTERACTIVE", kWellKnown},
    {Sid(5, {6}), kNtAuthority, "SERVICE", kWellKnown},
    {security::kAnonymousSid, kNtAuthority, "ANONYMOUS LOGON", kWellKnown},
    {Sid(5, {9}), kNtAuthority, "ENTERPRISE DOMAIN CONTROLLERS", kWellKnown},
    {security::kPrincipalSelfSid, kNtAuthority, "SELF", kWellKnown},
    {security::kAuthenticatedUsersSid, kNtAuthority, "Authenticated Users", kWellKnown},
    {Sid(5, {12}), kNtAuthority, "RESTRICTED", kWellKnown},
    {security::kThisOrganizationSid, kNtAuthority, "This Organization", kWellKnown},
    {security::kSystemSid, kNtAuthority, "SYSTEM", kWellKnown},
    {Sid(5, {19}), kNtAuthority, "LOCAL SERVICE", kWellKnown},
    {Sid(5, {20}), kNtAuthority, "NETWORK SERVICE", kWellKnown},
    {security::kNtlmAuthenticationSid, kNtAuthority, "NTLM Authentication", kWellKnown},
    {Sid(5, {32}), kBuiltin, "BUILTIN", NameKind::kDomain},
    {security::kBuiltinAdministratorsSid, kBuiltin, "Administrators", NameKind::kAlias},
    {security::kBuiltinUsersSid, kBuiltin, "Users", NameKind::kAlias},
    {security::kBuiltinGuestsSid, kBuiltin, "Guests", NameKind::kAlias},
    {Sid(5, {32, 547}), kBuiltin, "Power Users", NameKind::kAlias},
    {Sid(5, {32, 548}), kBuiltin, "Account Operators", NameKind::kAlias},
    {security::kBuiltinServerOperatorsSid, kBuiltin, "Server Operators", NameKind::kAlias},
    {Sid(5, {32, 550}), kBuiltin, "Print Operators", NameKind::kAlias},
    {security::kBuiltinBackupOperatorsSid, kBuiltin, "Backup Operators", NameKind::kAlias},
    {Sid(5, {32, 552}), kBuiltin, "Replicator", NameKind::kAlias},
});

NamedSid ToNamed(const Row& row) {
  return {row.sid, std::string(row.domain), std::string(row.name), row.kind};
}

}  // namespace

std::optional<NamedSid> FindWellKnown(const Sid& sid) {
  for (const Row& row : kRows) {
    if (row.sid == sid) return ToNamed(row);
  }
  return std::nullopt;
}

std::optional<NamedSid> FindWellKnown(std::string_view domain, std::string_view name) {
  for (const Row& row : kRows) {
    if (!bytes::EqualsIgnoringCase(row.name, name)) continue;
    if (domain.empty() || bytes::EqualsIgnoringCase(row.domain, domain)) return ToNamed(row);
  }
  return std::nullopt;
}

}  // namespace continuo::auth
