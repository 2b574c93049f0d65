// A SPNEGO mechanism that also says who came and how the answer is to be given.
//
// Threading: one owner at a time.
#pragma once

#include <string_view>

#include <absl/time/time.h>

#include "common/base/bytes.h"
#include "services/auth-service/logon/directory.h"
#include "services/auth-service/spnego/spnego_acceptor.h"

namespace continuo::auth {

struct MechOutcome {
  Identity identity;
  Bytes session_key;  // Empty for guest and anonymous.
  std::string_view mechanism;
};

class LogonMechanism : public spnego::Mechanism {
 public:
  // After Step said kDone.
  virtual MechOutcome TakeOutcome() = 0;
  // How long the answer must be held back, good or bad.
  virtual absl::Duration delay() const { return absl::ZeroDuration(); }
  // For the log of a refusal; empty when no name was given.
  virtual std::string_view claimed_user() const { return {}; }
};

}  // namespace continuo::auth
