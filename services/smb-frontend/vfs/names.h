// From a name on the wire to components that are safe to hand to the kernel.
//
//   NtResult<ObjectName> name = ParseName(create.name_utf16le, ParseOptions{});
//   name->components == {"dir", "report.docx"}, name->stream == "notes"
//
// Source: [MS-FSCC] 2.1.5 (names), [MS-FSA] 2.1.5.1 (streams), [MS-SMB2] 2.2.13 (no leading
// backslash).
// Threading: pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/ntstatus/ntstatus.h"

namespace continuo::vfs {

// NTFS: 255 UTF-16 code units a component; the kernel: 255 bytes of UTF-8. Both are checked.
inline constexpr size_t kComponentMaxUnits = 255;
inline constexpr size_t kComponentMaxSizeBytes = 255;
inline constexpr size_t kPathMaxUnits = 32760;
inline constexpr size_t kPathMaxComponents = 1024;
// Our own directory below a share's root (overflow streams); no client sees or names it.
inline constexpr std::string_view kHiddenDirectory = ".continuo";

struct ObjectName {
  std::vector<std::string> components;  // UTF-8; empty means the root of the share.
  // The stream's name without colons and type; nullopt is the unnamed data stream ("f::$DATA",
  // too).
  std::optional<std::string> stream;
  bool is_directory_syntax = false;  // Ended in a backslash, or named "::$INDEX_ALLOCATION".
  bool has_data_stream_suffix = false;  // "::$DATA" was spelled out: no directory can be meant.

  bool IsRoot() const { return components.empty(); }
  // Components joined by '/': the key of the functions below. "" is the root.
  std::string Path() const;
};

struct ParseOptions {
  bool has_streams = true;  // named_streams = false: a colon is an invalid character.
  // Patterns of QUERY_DIRECTORY, rename targets that start with a backslash.
  bool allow_leading_backslash = false;
  // CREATE: "a/b" is "a\b", as Samba has it and clients written against it expect; elsewhere '/' is
  // an invalid character.
  bool slash_separates = false;
  // CREATE: "a\.." is the directory that holds "a". Nothing is looked up for it and no ".." reaches
  // the kernel. [MS-FSCC] 2.1.5.1 forbids clients to send it, but some do, and Windows and Samba
  // answer so.
  bool folds_parent = false;
};

// Errors: kInvalidParameter for a leading backslash; kObjectNameInvalid for reserved characters
//         (" * / : < > ? | and below 0x20), NUL, unpaired surrogates, empty components, components
//         or streams that are too long, and for "." ; kObjectPathSyntaxBad for "..", with
//         folds_parent only for one that leads above the share.
NtResult<ObjectName> ParseName(std::span<const uint8_t> utf16le, const ParseOptions& options);
NtResult<ObjectName> ParseNameUtf8(std::string_view utf8, const ParseOptions& options);

// One component without stream part: the checks of ParseName, for names from elsewhere.
NtStatus CheckComponent(std::string_view component);

// ":name:$DATA" as in rename of streams and FILE_STREAM_INFORMATION. Empty name: the unnamed one.
NtResult<std::optional<std::string>> ParseStreamSuffix(std::string_view utf8);

// Whether a client can name `disk_name` as it is; if not (reserved characters, not UTF-8, hidden
// store of ours) it is shown under its short name, or not at all.
bool IsClientName(std::string_view disk_name);

std::string JoinPath(std::string_view directory, std::string_view leaf);
// {"a/b", "c"} of "a/b/c"; {"", "c"} of "c".
std::pair<std::string_view, std::string_view> SplitPath(std::string_view path);

// The 8.3 alias. A name that is 8.3 already is its own, upper-cased; every other gets one of the
// form "FABCDE~X.EXT" from a hash of its folded form, so that it needs no table.
// Source: [MS-FSCC] 2.1.5.2.1 for what a valid 8.3 name is.
std::string ShortName(std::string_view disk_name);
bool IsShortNameSyntax(std::string_view name);
bool LooksMangled(std::string_view component);  // Could be an alias that ShortName made.

}  // namespace continuo::vfs
