// FILETIME: 100 ns ticks since 1601-01-01 UTC.
//
// Source: [MS-DTYP] 2.3.3; the special values of FileBasicInformation: [MS-FSCC] 2.4.7.
#pragma once

#include <compare>
#include <cstdint>

#include <absl/time/time.h>

namespace continuo::smbwire {

struct FileTime {
  int64_t ticks = 0;
  friend constexpr auto operator<=>(const FileTime&, const FileTime&) = default;
};

// Meanings when a client *sets* a time. When a server *reports* one, 0 means "not known".
inline constexpr FileTime kFileTimeOmit{0};     // Leave the time as it is.
inline constexpr FileTime kFileTimeFreeze{-1};  // Do not update it by operations on this open.
inline constexpr FileTime kFileTimeThaw{-2};    // Update it by operations on this open again.

// Rounds down to 100 ns. A time before 1601 becomes 0, one after 30828-09-14 the largest FILETIME.
FileTime ToFileTime(absl::Time time);
// Requires: no special meaning is left in `time`; ticks <= 0 yields absl::InfinitePast().
absl::Time FromFileTime(FileTime time);

}  // namespace continuo::smbwire
