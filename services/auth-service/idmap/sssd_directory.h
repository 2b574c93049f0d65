// SSSD, through its own client library.
//
// Where SSSD does not run a question costs a failed connect. One that is not answered within
// kAnswerMax makes SSSD count as silent: nobody asks it for kSilence, so that it holds up a worker
// once in a while and not each.
//
// Source:    sss_nss_idmap.h (the only file that includes it is the .cc).
// Threading: any thread; waits at most kAnswerMax.
#pragma once

#include <memory>

#include <absl/time/time.h>

#include "services/auth-service/idmap/domain_directory.h"

namespace continuo::auth {

inline constexpr absl::Duration kAnswerMax = absl::Seconds(2);
inline constexpr absl::Duration kSilence = absl::Seconds(10);

std::unique_ptr<DomainDirectory> MakeSssdDirectory();

}  // namespace continuo::auth
