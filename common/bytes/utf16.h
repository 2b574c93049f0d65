// UTF-16LE (the wire's) to UTF-8 (ours) and back.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/bytes.h"

namespace continuo::bytes {

// Returns nullopt for an odd length or an unpaired surrogate: such a name has no UTF-8 form.
std::optional<std::string> Utf16LeToUtf8(std::span<const uint8_t> utf16le);

// Invalid UTF-8 yields nullopt (a name on disk that is not UTF-8 cannot be shown to a client).
std::optional<Bytes> Utf8ToUtf16Le(std::string_view utf8);

// The same, between UTF-8 and native UTF-16 code units.
std::optional<std::u16string> Utf8ToUtf16(std::string_view utf8);
std::optional<std::string> Utf16ToUtf8(std::u16string_view utf16);

// One code unit upper-cased as Windows' name comparison does: simple (1:1) Unicode mapping of the
// basic multilingual plane, independent of the process's locale.
char16_t FoldUpper(char16_t unit);

// The case-folded form under which two names that a client may not tell apart are equal.
// Input and result are UTF-8; invalid input is returned unchanged.
std::string FoldName(std::string_view utf8);

// Whether two names are equal without regard to case.
bool EqualsIgnoringCase(std::string_view utf8_a, std::string_view utf8_b);

}  // namespace continuo::bytes
