// The logs below `path=` that this daemon does not write: of other nodes, and of its own former lives.
//
// Threading: the store's thread; every call may wait for the storage.
#pragma once

#include <set>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "services/tickle-service/registry/connection.h"

namespace continuo::tickle {

inline constexpr size_t kLogMaxBytes = size_t{64} << 20;
// The log of a dead writer that nobody has written to for so long is of no use to any client.
inline constexpr absl::Duration kLogMaxAge = absl::Hours(24);

struct OtherLog {
  std::string name;
  std::set<Connection> live;
};

// All but `own_name`. What cannot be read is logged and left out. Errors: when the directory cannot
// be listed.
absl::StatusOr<std::vector<OtherLog>> ReadOtherLogs(const std::string& directory,
                                                    const std::string& own_name);

// The clients of `done` have had their tickles: in the logs of dead writers their records are closed,
// and logs that have nothing else are removed. Logs of living writers are theirs to change.
// Errors: the first one that happened; the rest is done all the same.
absl::Status SettleOtherLogs(const std::string& directory, const std::string& own_name,
                             const std::set<Connection>& done);

}  // namespace continuo::tickle
