// Who is behind a session: made from auth-service's answer, immutable, shared by pointer.
#pragma once

#include <memory>
#include <string>

#include <absl/time/time.h>

#include "common/security/token.h"
#include "services/smb-frontend/clients/auth_client.h"
#include "services/smb-frontend/vfs/credentials.h"

namespace continuo::session {

struct Identity {
  std::string user_name;
  std::string domain_name;
  security::SecurityToken token;
  // What the threads that make the session's file-system calls run as.
  std::shared_ptr<const vfs::UnixToken> unix_token;
  absl::Time expiry = absl::InfiniteFuture();

  // "DOMAIN\user", or the bare name without a domain.
  std::string DisplayName() const;
};

// Unknown privilege names are left out: they grant nothing here.
std::shared_ptr<const Identity> MakeIdentity(const clients::LogonIdentity& logon);

}  // namespace continuo::session
