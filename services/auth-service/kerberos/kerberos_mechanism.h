// Kerberos by keytab through MIT GSSAPI, raw krb5 mechanism: SPNEGO is ours.
//
// The only folder that includes gssapi.h; its types stay in the .cc files.
//
// Whom the KDC vouches for: with a PAC that the library verified, the SIDs of the PAC; without one
// (a plain MIT realm) the local user that krb5's own mapping gives for the principal (its name, when
// it is of the default realm; auth_to_local rules apply).
//
// Threading: a credential may be used from any thread; a mechanism has one owner at a time. Step
// reads the keytab and the replay cache: run it on a worker.
#pragma once

#include <memory>
#include <string>

#include <absl/status/statusor.h>

#include "services/auth-service/idmap/domain_directory.h"
#include "services/auth-service/idmap/known_domains.h"
#include "services/auth-service/logon/logon_engine.h"

namespace continuo::auth::kerberos {

// What the service accepts tickets with. Needs no KRB5_KTNAME.
class AcceptorCredential {
 public:
  struct Impl;
  // Errors: FailedPrecondition, with GSSAPI's words, when the keytab is missing, unreadable or
  //         empty.
  static absl::StatusOr<std::shared_ptr<const AcceptorCredential>> Load(
      const std::string& keytab_path);
  explicit AcceptorCredential(std::unique_ptr<Impl> impl);
  ~AcceptorCredential();
  const Impl& impl() const { return *impl_; }

 private:
  const std::unique_ptr<Impl> impl_;
};

// `domains` learns whom the KDC vouched for; `directory` knows ids. Both outlive every mechanism.
KerberosFactory MakeFactory(std::shared_ptr<const AcceptorCredential> credential,
                            KnownDomains& domains, DomainDirectory& directory);

}  // namespace continuo::auth::kerberos
