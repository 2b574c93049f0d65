// What a reload (SIGHUP) changes.
//
// Threading: pure.
#pragma once

#include <string>
#include <vector>

#include "common/config/config.h"

namespace continuo::config {

struct ConfigChange {
  std::string share;  // The netname; empty for [global].
  std::string key;    // Empty where a whole share was added or removed.
  bool needs_restart = false;
  // "global watchdog_interval", "share Data path", "share Data added".
  std::string description;
};

// Every key whose value differs, in the order of the key table; shares are matched by netname.
std::vector<ConfigChange> DiffConfig(const Config& before, const Config& after);

}  // namespace continuo::config
