// Compares this node with the cluster it serves in, and keeps what the cluster knows of itself:
// common/identity's file, with the facts that only this daemon sees.
//
// Where something is continuously available or scales out, a node that differs is refused; a node of
// its own writes down what it is.
//
// Threading: one caller at a time (DirectoryLoader's lock); blocks on storage.
#pragma once

#include <string>

#include <absl/status/status.h>

#include "common/base/clock.h"
#include "common/config/config.h"
#include "common/identity/identity_file.h"
#include "common/userdb/user_store.h"
#include "services/auth-service/idmap/known_domains.h"

namespace continuo::auth {

// Where the keys for tickets are; empty: no Kerberos.
std::string KeytabOf(const config::Config& config);

class IdentityKeeper {
 public:
  // All outlive it.
  IdentityKeeper(const userdb::UserStore& store, base::RandomSource& random, KnownDomains& domains)
      : store_(store), random_(random), domains_(domains) {}

  // Errors: FailedPrecondition when this node is not the cluster's; what the storage says.
  absl::Status Check(const config::Config& config, const userdb::UserDatabase& users);
  // Writes down domains that were seen since. Errors: what the storage says; it is tried again.
  absl::Status KeepDomains(const config::Config& config);

 private:
  const userdb::UserStore& store_;
  base::RandomSource& random_;
  KnownDomains& domains_;
  uint64_t kept_revision_ = 0;
};

}  // namespace continuo::auth
