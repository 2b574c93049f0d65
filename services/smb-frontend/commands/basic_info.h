// What a FileBasicInformation asks for: the special times and attribute rules, taken apart.
//
// Source: [MS-FSCC] 2.4.7, [MS-FSA] 2.1.5.15.2. Threading: pure.
#pragma once

#include <cstdint>
#include <optional>

#include "common/ntstatus/ntstatus.h"
#include "common/smbwire/fscc.h"
#include "services/smb-frontend/vfs/vfs.h"

namespace continuo::commands {

struct BasicChange {
  vfs::TimeChange times;
  std::optional<uint32_t> attributes;  // Absent: unchanged. 0: none are left.
  // Time -1: operations on this open leave the write time alone from now on; -2: they change it
  // again.
  bool freezes_write_time = false;
  bool thaws_write_time = false;
};

// Errors: InvalidParameter for FILE_ATTRIBUTE_DIRECTORY on a file or FILE_ATTRIBUTE_TEMPORARY on a
//         directory.
NtResult<BasicChange> PlanBasicChange(const smbwire::FileBasicInformation& info,
                                      bool is_directory);

// FILE_NOTIFY_CHANGE_* of a change; 0: nothing that anyone watches.
uint32_t NotifyFilterOf(const BasicChange& change);

}  // namespace continuo::commands
