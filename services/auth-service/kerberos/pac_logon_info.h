// KERB_VALIDATION_INFO of a PAC: who the KDC says the user is.
//
// Source:    [MS-PAC] 2.5 (structure), [MS-RPCE] 2.2.6 (type serialisation version 1).
// Errors:    nullopt for anything malformed: the whole PAC is then of no use.
// Threading: pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/security/sid.h"

namespace continuo::auth::kerberos {

// A PAC of 64 KiB cannot hold more.
inline constexpr uint32_t kPacGroupsMax = 4'096;

struct PacLogonInfo {
  std::string user_name;         // EffectiveName.
  std::string domain_name;       // LogonDomainName, NetBIOS.
  security::Sid user_sid;
  security::Sid primary_group_sid;
  std::vector<security::Sid> group_sids;  // Groups, extra SIDs and resource groups.
  uint64_t kick_off_filetime = 0;         // 0x7FFFFFFFFFFFFFFF: never.
};

std::optional<PacLogonInfo> DecodePacLogonInfo(std::span<const uint8_t> data);

}  // namespace continuo::auth::kerberos
