// One client's connection to a share, within a session. [MS-SMB2] 3.3.1.9.
#pragma once

#include <atomic>
#include <memory>

#include <absl/time/time.h>

#include "common/smbwire/header.h"
#include "services/smb-frontend/session/share.h"

namespace continuo::session {

// Threading: const but for is_disconnected; any thread.
struct TreeConnect {
  smbwire::TreeId id;
  std::shared_ptr<const Share> share;
  security::AccessMask maximal_access = 0;
  bool is_encryption_required = false;
  absl::Time created;
  std::atomic<bool> is_disconnected{false};
};

}  // namespace continuo::session
