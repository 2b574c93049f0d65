// What a logon is decided by: the user database, the privileges and the policy, as one snapshot.
//
// Threading: immutable once made; shared by pointer, replaced as a whole on a reload.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/functional/function_ref.h>
#include <absl/time/time.h>

#include "common/ntstatus/ntstatus.h"
#include "common/security/sid.h"
#include "common/security/token.h"
#include "common/userdb/user_database.h"
#include "services/auth-service/ntlm/ntlm_acceptor.h"
#include "services/auth-service/privileges/privilege_database.h"

namespace continuo::auth {

inline constexpr uint32_t kRidGuest = 501;
inline constexpr uint32_t kRidUsers = 513;  // Primary group of local users.
inline constexpr uint32_t kNobodyId = 65534;

enum class AnonymousPolicy { kRefuse, kAnonymous, kAsGuest };

struct LogonPolicy {
  bool allow_guest = false;
  AnonymousPolicy anonymous = AnonymousPolicy::kRefuse;
  std::string server_name;  // NetBIOS name, upper case: the domain part of local users.
  ntlm::NtlmNames ntlm_names;
};

// Who logged on.
struct Identity {
  std::string user_name;
  std::string domain_name;
  security::Sid user_sid;
  security::Sid primary_group_sid;
  std::vector<security::Sid> group_sids;
  uint32_t uid = kNobodyId;
  uint32_t gid = kNobodyId;
  std::vector<uint32_t> supplementary_gids;
  security::Privileges privileges;
  bool is_guest = false;
  bool is_anonymous = false;
  absl::Time expiry = absl::InfiniteFuture();
};

struct Directory {
  std::shared_ptr<const userdb::UserDatabase> users;
  PrivilegeDatabase privileges;
  LogonPolicy policy;

  // `name` or, when there is no such user, what stands before its '@'.
  const userdb::UserRecord* FindUser(std::string_view name) const;

  // Whether a user who has proved who he is may come in: kAccountDisabled, kAccountExpired,
  // kPasswordExpired. Never asked before the proof: a stranger learns nothing of an account.
  NtStatus CheckAccount(const userdb::UserRecord& user, absl::Time now) const;

  Identity LocalIdentity(const userdb::UserRecord& user) const;
  Identity GuestIdentity() const;
  Identity AnonymousIdentity() const;
  // A domain user: SIDs as the KDC signed them, the ids that `id_of` gives them.
  struct DomainUser {
    std::string user_name;
    std::string domain_name;
    security::Sid user_sid;
    security::Sid primary_group_sid;
    std::span<const security::Sid> group_sids;
  };
  using IdOf = absl::FunctionRef<std::optional<uint32_t>(const security::Sid&)>;
  Identity DomainIdentity(const DomainUser& user, IdOf id_of) const;

 private:
  void Complete(Identity& identity, const std::vector<std::string>& group_names) const;
};

}  // namespace continuo::auth
