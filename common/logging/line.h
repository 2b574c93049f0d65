// The text of one log line.
//
// Threading: pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/logging/log.h"

namespace continuo::logging {

inline constexpr size_t kValueMaxBytes = 1024;  // Longer values end in "...".
inline constexpr size_t kLineMaxBytes = 8192;   // Further fields are left out.

// `event=name key=value …` without timestamp and newline. Values that hold anything but letters,
// digits and simple punctuation are quoted; quotes, backslashes, control characters and what is not
// valid UTF-8 are escaped, so that no value can forge a field, a line or a terminal sequence.
std::string FormatFields(std::string_view event, const Field* fields, size_t field_count);

// Appends `text` as one value.
void AppendValue(std::string_view text, std::string* out);

}  // namespace continuo::logging
