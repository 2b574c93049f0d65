// What a configuration says of a node's identity.
//
// Threading: pure.
#pragma once

#include "common/config/config.h"
#include "common/identity/identity.h"

namespace continuo::identity {

// server_name and, where something is continuously available, ca_path.
Facts FactsOf(const config::Config& config);

// kRefuse where another node may serve the same clients.
OnDifference PolicyOf(const config::Config& config);

}  // namespace continuo::identity
