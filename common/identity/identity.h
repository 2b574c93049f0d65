// What the nodes of a cluster have in common, so that a client that comes back to another node is the
// same client of the same server there. Otherwise no reclaim would pass its owner check.
//
//   Facts      what one node brings: from its configuration, its user database, its keytab
//   Identity   the server GUID and the facts of the node that served last, as <runstate_dir>/identity
//   Reconcile  compares the two, field by field
//
// | fact            | a node that differs                        | and changes it on purpose             |
// | --------------- | ------------------------------------------ | ------------------------------------- |
// | server_name     | is refused                                 | `continuoctl identity accept`         |
// | ca_path         | is refused: another space of persistent ids| `continuoctl identity accept`         |
// | machine_sid     | is refused: other users under the same SIDs| `continuoctl identity accept`         |
// | sealing_key_id  | is refused                                 | `continuoctl identity accept`         |
// | next_rid        | lower: is refused, an old copy of the users| higher: taken over                    |
// | keytab          | an older or missing key: is refused        | a newer or another key: taken over    |
//
// next_rid and key versions only rise, so a change made while no node served is told from an old copy.
//
// Threading: pure.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "common/security/sid.h"

namespace continuo::identity {

// As smbwire::Guid.
using Guid = std::array<uint8_t, 16>;

inline constexpr size_t kIdentityMaxBytes = 256u << 10;
inline constexpr size_t kKeytabPrincipalsMax = 256;
inline constexpr size_t kDomainsMax = 64;

// Empty members are not known and not compared.
struct Facts {
  std::string server_name;
  std::string ca_path;
  std::optional<security::Sid> machine_sid;
  std::string sealing_key_id;  // Of SealingKeyId: never the key.
  uint32_t next_rid = 0;
  // Principal to its highest key version; a keytab that cannot be read is an empty one.
  std::optional<std::map<std::string, uint32_t>> keytab;
  friend bool operator==(const Facts&, const Facts&) = default;
};

struct Identity {
  Guid server_guid{};
  Facts facts;
  // Domains whose users have logged on: NetBIOS name to SID. So that a node that starts knows whose
  // the ids on the file system are.
  std::map<std::string, security::Sid> domains;
  friend bool operator==(const Identity&, const Identity&) = default;
};

// Text, one "key value" a line; the last is a checksum.
std::string Encode(const Identity& identity);
// Errors: DataLoss; FailedPrecondition for a newer version.
absl::StatusOr<Identity> Decode(std::string_view text);

// Names a key without telling anything of it.
std::string SealingKeyId(std::span<const uint8_t> key);

enum class OnDifference {
  kRefuse,  // The node is one of a cluster.
  kAccept,  // A node of its own, or the administrator's word: its facts are the right ones.
};

// `recorded` as it is to be from now on. Errors: FailedPrecondition, naming every difference, where it
// comes from and what to do.
absl::StatusOr<Identity> Reconcile(const Identity& recorded, const Facts& own, OnDifference policy);

}  // namespace continuo::identity
