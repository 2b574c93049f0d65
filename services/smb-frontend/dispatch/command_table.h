// What each SMB2 command needs before its handler runs: one row a command.
#pragma once

#include <cstdint>
#include <optional>

#include "common/smbwire/header.h"
#include "services/smb-frontend/dispatch/request_scope.h"

namespace continuo::dispatch {

enum class Needs : uint8_t { kNothing, kSession, kTree, kOpen };

struct CommandRule {
  Handler handler = nullptr;
  Needs needs = Needs::kNothing;
  // Where the FileId lies in the body (Needs::kOpen), from the SMB2 header.
  uint16_t file_id_offset = 0;
  // Served although the session's ticket is over ([MS-SMB2] 3.3.5.2.9).
  bool is_allowed_when_expired = false;
};

// Null for a command that does not exist, and for CANCEL and server-to-client messages, which have
// no response.
const CommandRule* FindCommandRule(smbwire::Command command);

}  // namespace continuo::dispatch
