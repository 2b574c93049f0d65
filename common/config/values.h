// How each kind of value in tsmb.conf is written: one Codec for each C++ type and range.
//
// Threading: pure.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/str_format.h>
#include <absl/time/time.h>

#include "common/config/config.h"

namespace continuo::config {

// Reads and writes values of one type. `parse` gets text without surrounding blanks and leaves
// `out` alone when it fails; its message begins with "expected". `format` writes what `parse`
// reads back as the same value.
template <typename T>
struct Codec {
  std::string syntax;  // For people: "true|false", "0 … 100".
  std::function<absl::Status(std::string_view, T& out)> parse;
  std::function<std::string(const T&)> format;
};

// What a duration without a suffix counts.
enum class BareUnit { kMilliseconds, kSeconds };

struct DurationRange {
  absl::Duration min;
  absl::Duration max;
};

struct CountRange {
  uint32_t min = 0;
  uint32_t max = UINT32_MAX;
};

Codec<bool> BooleanCodec();
Codec<std::string> TextCodec(std::string syntax);
// One to 255 bytes of well-formed UTF-8 without control characters.
Codec<std::string> NameCodec(std::string syntax);
// A share name: [MS-FSCC] 2.1.6, and not IPC$.
Codec<std::string> NetnameCodec();
Codec<std::string> AbsolutePathCodec();
// `path=<p>` as the only parameter.
Codec<std::string> PathParamCodec();
Codec<Secret> SecretCodec();
Codec<uint32_t> CountCodec(CountRange range);
// Bytes, with K, M or G for powers of 1024.
Codec<uint32_t> SizeCodec(CountRange range);
Codec<uint32_t> OctalModeCodec();
Codec<absl::Duration> DurationCodec(BareUnit bare_unit, DurationRange range);
Codec<Listen> ListenCodec();
Codec<std::vector<Dialect>> DialectsCodec();
Codec<HostPort> LoopbackAddressCodec();
Codec<HostPort> AddressAndPortCodec();
Codec<VfsSpec> VfsCodec();
Codec<std::vector<PermissionEntry>> PermissionsCodec();
Codec<std::vector<AclMapping>> AclMappingsCodec();
Codec<std::vector<AttributeMapping>> AttributeMappingsCodec();
Codec<CaParams> CaParamsCodec();
Codec<AuditParams> AuditParamsCodec();
Codec<VssParams> VssParamsCodec();

// The text forms of an enumeration; letters compare without case.
template <typename E>
using EnumNames = std::vector<std::pair<std::string_view, E>>;

bool EqualsIgnoringAsciiCase(std::string_view a, std::string_view b);
// Without surrounding blanks and tabs.
std::string_view Trim(std::string_view text);
// At every `separator`; parts are trimmed. "" gives one empty part.
std::vector<std::string_view> SplitTrimmed(std::string_view text, char separator);
std::string JoinNames(const std::vector<std::string>& names, std::string_view separator);

template <typename E>
std::string SyntaxOf(const EnumNames<E>& names) {
  std::string text;
  for (const auto& [name, value] : names) {
    if (!text.empty()) text += '|';
    text += name;
  }
  return text;
}

template <typename E>
std::string_view NameOf(const EnumNames<E>& names, E value) {
  for (const auto& [name, candidate] : names) {
    if (candidate == value) return name;
  }
  return "?";
}

template <typename E>
absl::Status ParseEnum(const EnumNames<E>& names, std::string_view text, E& out) {
  for (const auto& [name, value] : names) {
    if (EqualsIgnoringAsciiCase(name, text)) {
      out = value;
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError("expected " + SyntaxOf(names));
}

template <typename E>
Codec<E> EnumCodec(EnumNames<E> names) {
  return Codec<E>{
      SyntaxOf(names),
      [names](std::string_view text, E& out) { return ParseEnum(names, text, out); },
      [names](const E& value) { return std::string(NameOf(names, value)); },
  };
}

}  // namespace continuo::config
