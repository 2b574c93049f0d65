// SHARE_INFO_x on the wire. Source: [MS-SRVS] 2.2.4.22 to 2.2.4.29.
#pragma once

#include <cstdint>

#include "common/ndr/ndr_writer.h"
#include "services/smb-frontend/pipes/pipe_environment.h"

namespace continuo::pipes {

// Which fields a level has.
struct ShareLevel {
  uint32_t level;
  bool needs_admin;
  bool in_enum;  // May be enumerated, not only asked for one share.
};

// Null for a level that is not served.
const ShareLevel* FindShareLevel(uint32_t level);

// The fixed part, then what its pointers point to. Both are to be called with a level that
// FindShareLevel knows.
void WriteShareFixed(uint32_t level, const ShareEntry& share, ndr::NdrWriter& out);
void WriteShareDeferred(uint32_t level, const ShareEntry& share, ndr::NdrWriter& out);

}  // namespace continuo::pipes
