// Names ↔ SIDs ↔ uids and gids.
//
// | SID                         | name                       | unix id                          |
// | --------------------------- | -------------------------- | -------------------------------- |
// | machine SID + RID           | SERVER\user or group       | that of the user database        |
// | machine SID + 513           | SERVER\None                | none                             |
// | S-1-22-1-uid, S-1-22-2-gid  | Unix User\..., Unix Group\...| the number in it                |
// | BUILTIN and well-known ones | built in                   | none                             |
// | S-1-5-21-... of a domain    | SSSD's, or of those seen   | SSSD's, or its algorithm's       |
//
// An id of a local user or group gives its SID; one in the slice of a domain that is known, the SID
// there; any other id its S-1-22 SID. An unknown SID is an answer, not an error.
//
// Threading: const after construction; any thread. Names of unix accounts and of domains come from NSS
// and SSSD and may block: callers that must not wait use a worker.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/security/sid.h"
#include "common/userdb/user_database.h"
#include "services/auth-service/idmap/domain_directory.h"
#include "services/auth-service/idmap/known_domains.h"
#include "services/auth-service/idmap/well_known.h"

namespace continuo::auth {

enum class UnixIdKind : uint8_t { kNone, kUid, kGid, kBoth };

struct UnixId {
  UnixIdKind kind = UnixIdKind::kNone;
  uint32_t id = 0;
  friend bool operator==(const UnixId&, const UnixId&) = default;
};

// Names of unix accounts, as an interface: the real one asks NSS.
class UnixNames {
 public:
  virtual ~UnixNames() = default;
  virtual std::optional<std::string> UserName(uint32_t uid) const = 0;
  virtual std::optional<std::string> GroupName(uint32_t gid) const = 0;
  virtual std::optional<uint32_t> Uid(const std::string& name) const = 0;
  virtual std::optional<uint32_t> Gid(const std::string& name) const = 0;
};
std::unique_ptr<UnixNames> MakeNssUnixNames();

class IdMapper {
 public:
  // Where names come from that are not in the user database; borrowed.
  struct Sources {
    const UnixNames& unix_names;
    const KnownDomains& domains;
    DomainDirectory& directory;
  };
  // `server_name` is the domain part of local names.
  IdMapper(std::shared_ptr<const userdb::UserDatabase> users, std::string server_name,
           const Sources& sources);

  // The lookups may wait for a name service, the conversions below wait for nothing.
  NamedSid LookupSid(const security::Sid& sid) const;
  // "name", "DOMAIN\name" or "name@domain".
  NamedSid LookupName(std::string_view name) const;
  UnixId ToUnixId(const security::Sid& sid) const;
  // Of kBoth the uid decides.
  security::Sid ToSid(UnixId id) const;

 private:
  NamedSid LookupLocalRid(const security::Sid& sid) const;

  const std::shared_ptr<const userdb::UserDatabase> users_;
  const std::string server_name_;
  const UnixNames& unix_names_;
  const KnownDomains& domains_;
  DomainDirectory& directory_;
};

}  // namespace continuo::auth
