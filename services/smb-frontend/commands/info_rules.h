// What each information class asks of an open and of the client's buffer.
//
// Source: [MS-SMB2] 3.3.5.20.1, 3.3.5.20.2, 3.3.5.21.1 (access); [MS-FSA] 2.1.5.12 (sizes).
// Threading: pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/security/access_mask.h"

namespace continuo::commands {

struct QueryRule {
  // A smaller output buffer is STATUS_INFO_LENGTH_MISMATCH; one that holds this much but not the
  // whole answer gets what fits, with STATUS_BUFFER_OVERFLOW.
  size_t minimum_size_bytes = 0;
  // One of these rights must have been granted to the open; 0: none is needed.
  security::AccessMask any_of = 0;
};

// nullopt: not a class that can be queried over SMB2, STATUS_INVALID_INFO_CLASS.
std::optional<QueryRule> FileQueryRule(uint8_t info_class);
std::optional<QueryRule> FileSystemQueryRule(uint8_t info_class);

// The rights of which the open must have one to set the class; 0: none. nullopt as above.
std::optional<security::AccessMask> FileSetRights(uint8_t info_class);

// Classes that exist but have no meaning on our volumes: STATUS_NOT_SUPPORTED.
bool IsUnsupportedFileClass(uint8_t info_class);

// FileModeInformation: the create options that it reports, [MS-FSCC] 2.4.31.
inline constexpr uint32_t kReportedModeOptions = 0x0000103E;
// Those that SET_INFO may change, [MS-FSA] 2.1.5.15.8.
inline constexpr uint32_t kSettableModeOptions = 0x00000036;
bool IsSettableMode(uint32_t mode);

}  // namespace continuo::commands
