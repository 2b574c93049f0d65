#include "services/smb-frontend/vfs/names.h"

#include <algorithm>
#include <array>

#include "common/bytes/utf16.h"

namespace continuo::vfs {
namespace {

constexpr std::u16string_view kReservedUnits = u"\"*/:<>?|\\";
constexpr size_t kShortBaseUnits = 8;
constexpr size_t kShortExtensionUnits = 3;

bool IsReserved(char16_t unit) {
  return unit < 0x20 || kReservedUnits.find(unit) != std::u16string_view::npos;
}

NtResult<std::string> CheckedUtf8(std::u16string_view component) {
  if (component.empty() || component.size() > kComponentMaxUnits) {
    return NtStatus::kObjectNameInvalid;
  }
  if (component == u".") return NtStatus::kObjectNameInvalid;
  if (component == u"..") return NtStatus::kObjectPathSyntaxBad;
  for (const char16_t unit : component) {
    if (IsReserved(unit)) return NtStatus::kObjectNameInvalid;
  }
  auto utf8 = bytes::Utf16ToUtf8(component);
  if (!utf8 || utf8->size() > kComponentMaxSizeBytes) return NtStatus::kObjectNameInvalid;
  return *std::move(utf8);
}

// Stream names may hold what file names may not, except separators and NUL ([MS-FSCC] 2.1.5.3).
NtResult<std::string> CheckedStream(std::u16string_view name) {
  if (name.size() > kComponentMaxUnits) return NtStatus::kObjectNameInvalid;
  for (const char16_t unit : name) {
    if (unit == 0 || unit == u'/' || unit == u'\\' || unit == u':') {
      return NtStatus::kObjectNameInvalid;
    }
  }
  auto utf8 = bytes::Utf16ToUtf8(name);
  if (!utf8 || utf8->size() > kComponentMaxSizeBytes) return NtStatus::kObjectNameInvalid;
  return *std::move(utf8);
}

bool EqualsAsciiIgnoringCase(std::u16string_view a, std::u16string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (bytes::FoldUpper(a[i]) != bytes::FoldUpper(b[i])) return false;
  }
  return true;
}

// What stands behind the first colon of the last component: "name", "name:$DATA", ":$DATA", or
// ":$INDEX_ALLOCATION" of a directory.
NtStatus ParseStreamPart(std::u16string_view text, ObjectName& out) {
  const size_t colon = text.find(u':');
  const std::u16string_view name = text.substr(0, colon);
  std::u16string_view type;
  if (colon != std::u16string_view::npos) {
    type = text.substr(colon + 1);
    if (type.empty()) return NtStatus::kObjectNameInvalid;
  }
  if (type.empty() && name.empty()) return NtStatus::kObjectNameInvalid;
  if (!type.empty()) {
    const bool is_index = EqualsAsciiIgnoringCase(type, u"$INDEX_ALLOCATION");
    if (!is_index && !EqualsAsciiIgnoringCase(type, u"$DATA")) return NtStatus::kObjectNameInvalid;
    if (is_index) {
      if (!name.empty() && !EqualsAsciiIgnoringCase(name, u"$I30")) {
        return NtStatus::kObjectNameInvalid;
      }
      out.is_directory_syntax = true;
      return NtStatus();
    }
  }
  if (name.empty()) {
    out.has_data_stream_suffix = true;
    return NtStatus();
  }
  auto utf8 = CheckedStream(name);
  if (!utf8.ok()) return utf8.status();
  out.stream = *std::move(utf8);
  return NtStatus();
}

NtStatus AddComponent(std::u16string_view text, const ParseOptions& options, ObjectName& out) {
  if (options.folds_parent && text == u"..") {
    if (out.components.empty()) return NtStatus::kObjectPathSyntaxBad;
    out.components.pop_back();
    return NtStatus();
  }
  CONTINUO_ASSIGN_OR_RETURN(std::string component, CheckedUtf8(text));
  if (out.components.size() == kPathMaxComponents) return NtStatus::kObjectNameInvalid;
  out.components.push_back(std::move(component));
  return NtStatus();
}

NtResult<ObjectName> ParseUnits(std::u16string_view text, const ParseOptions& options) {
  ObjectName out;
  if (text.size() > kPathMaxUnits) return NtStatus::kObjectNameInvalid;
  std::u16string unified;
  if (options.slash_separates && text.find(u'/') != std::u16string_view::npos) {
    unified = text;
    std::replace(unified.begin(), unified.end(), u'/', u'\\');
    text = unified;
  }
  if (!text.empty() && text.front() == u'\\') {
    if (!options.allow_leading_backslash) return NtStatus::kInvalidParameter;
    text.remove_prefix(1);
  }
  // The stream part first: only the last component may have one, and "\" cannot stand in it.
  if (const size_t colon = text.find(u':'); colon != std::u16string_view::npos) {
    if (!options.has_streams) return NtStatus::kObjectNameInvalid;
    const std::u16string_view stream = text.substr(colon + 1);
    if (stream.find(u'\\') != std::u16string_view::npos) return NtStatus::kObjectNameInvalid;
    CONTINUO_RETURN_IF_ERROR(ParseStreamPart(stream, out));
    text = text.substr(0, colon);
    if (!text.empty() && text.back() == u'\\') return NtStatus::kObjectNameInvalid;
  } else if (!text.empty() && text.back() == u'\\') {
    out.is_directory_syntax = true;
    text.remove_suffix(1);
  }
  while (!text.empty()) {
    const size_t separator = text.find(u'\\');
    CONTINUO_RETURN_IF_ERROR(AddComponent(text.substr(0, separator), options, out));
    if (separator == std::u16string_view::npos) break;
    text.remove_prefix(separator + 1);
    if (text.empty()) return NtStatus::kObjectNameInvalid;
  }
  return out;
}

bool IsShortUnit(char16_t unit) {
  if (unit <= 0x20 || unit >= 0x7F) return false;
  return !IsReserved(unit) && std::u16string_view(u"+,;=[].").find(unit) ==
                                  std::u16string_view::npos;
}

uint64_t HashName(std::string_view folded) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : folded) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3u;
  return hash ^ (hash >> 32);
}

}  // namespace

std::string ObjectName::Path() const {
  std::string path;
  for (const std::string& component : components) {
    if (!path.empty()) path += '/';
    path += component;
  }
  return path;
}

NtResult<ObjectName> ParseName(std::span<const uint8_t> utf16le, const ParseOptions& options) {
  if (utf16le.size() % 2 != 0) return NtStatus::kObjectNameInvalid;
  std::u16string units(utf16le.size() / 2, u'\0');
  for (size_t i = 0; i < units.size(); ++i) {
    units[i] = static_cast<char16_t>(utf16le[2 * i] | (utf16le[2 * i + 1] << 8));
  }
  return ParseUnits(units, options);
}

NtResult<ObjectName> ParseNameUtf8(std::string_view utf8, const ParseOptions& options) {
  const auto units = bytes::Utf8ToUtf16(utf8);
  if (!units) return NtStatus::kObjectNameInvalid;
  return ParseUnits(*units, options);
}

NtStatus CheckComponent(std::string_view component) {
  const auto units = bytes::Utf8ToUtf16(component);
  if (!units) return NtStatus::kObjectNameInvalid;
  return CheckedUtf8(*units).status();
}

NtResult<std::optional<std::string>> ParseStreamSuffix(std::string_view utf8) {
  if (utf8.empty() || utf8.front() != ':') return NtStatus::kObjectNameInvalid;
  const auto units = bytes::Utf8ToUtf16(utf8.substr(1));
  if (!units) return NtStatus::kObjectNameInvalid;
  ObjectName name;
  CONTINUO_RETURN_IF_ERROR(ParseStreamPart(*units, name));
  if (name.is_directory_syntax) return NtStatus::kObjectNameInvalid;
  return name.stream;
}

bool IsClientName(std::string_view disk_name) {
  if (disk_name == kHiddenDirectory) return false;
  return CheckComponent(disk_name).ok();
}

std::string JoinPath(std::string_view directory, std::string_view leaf) {
  std::string path(directory);
  if (!path.empty()) path += '/';
  path += leaf;
  return path;
}

std::pair<std::string_view, std::string_view> SplitPath(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {{}, path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

bool IsShortNameSyntax(std::string_view name) {
  const size_t dot = name.find('.');
  const std::string_view base = name.substr(0, dot);
  const std::string_view extension =
      dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
  if (base.empty() || base.size() > kShortBaseUnits) return false;
  if (dot != std::string_view::npos && extension.empty()) return false;
  if (extension.size() > kShortExtensionUnits) return false;
  for (const char c : base) {
    if (!IsShortUnit(static_cast<uint8_t>(c))) return false;
  }
  for (const char c : extension) {
    if (!IsShortUnit(static_cast<uint8_t>(c))) return false;
  }
  return true;
}

bool LooksMangled(std::string_view component) {
  return component.size() >= 8 && component[6] == '~' && IsShortNameSyntax(component);
}

std::string ShortName(std::string_view disk_name) {
  if (IsShortNameSyntax(disk_name)) {
    std::string upper(disk_name);
    for (char& c : upper) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return upper;
  }
  constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  uint64_t hash = HashName(bytes::FoldName(disk_name));
  std::string out;
  // A letter first, so that no alias looks like a number; then 36^5 * 36 values.
  const char first = static_cast<char>(
      disk_name.empty() ? '_' : (disk_name[0] & 0x5F) >= 'A' && (disk_name[0] & 0x5F) <= 'Z'
                                    ? (disk_name[0] & 0x5F)
                                    : '_');
  out += first;
  for (int i = 0; i < 5; ++i, hash /= 36) out += kDigits[hash % 36];
  out += '~';
  out += kDigits[hash % 36];
  const size_t dot = disk_name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return out;
  std::string extension;
  for (const char c : disk_name.substr(dot + 1)) {
    const char upper = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    if (IsShortUnit(static_cast<uint8_t>(upper)) && extension.size() < kShortExtensionUnits) {
      extension += upper;
    }
  }
  if (!extension.empty()) out += "." + extension;
  return out;
}

}  // namespace continuo::vfs
