#include "common/config/values.h"

#include <algorithm>
#include <charconv>

#include "common/base/text.h"
#include "common/bytes/utf16.h"

namespace continuo::config {
namespace {

constexpr size_t kMaxNameSizeBytes = 255;
constexpr size_t kMaxNetnameCharacters = 80;
constexpr uint32_t kMaxModeBits = 07777;

absl::Status Expected(std::string_view what) {
  return absl::InvalidArgumentError("expected " + std::string(what));
}

template <typename Number>
bool ParseWholeNumber(std::string_view text, int base, Number& out) {
  if (text.empty()) return false;
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  out = number;
  return true;
}

struct Suffix {
  std::string_view name;
  int64_t factor;
};

// Splits "200ms" into 200 and "ms".
std::pair<std::string_view, std::string_view> SplitNumber(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  return {text.substr(0, digits), Trim(text.substr(digits))};
}

std::string DurationText(absl::Duration duration) {
  const int64_t milliseconds = absl::ToInt64Milliseconds(duration);
  if (milliseconds % 1000 != 0) return absl::StrFormat("%dms", milliseconds);
  return absl::StrFormat("%ds", milliseconds / 1000);
}

absl::Status ParseDuration(std::string_view text, BareUnit bare_unit, absl::Duration& out) {
  static constexpr Suffix kSuffixes[] = {
      {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  const auto [digits, suffix] = SplitNumber(text);
  int64_t number = 0;
  const absl::Status wrong = Expected("a number with ms, s, m, h or d behind it");
  if (!ParseWholeNumber(digits, 10, number) || number > 1'000'000'000'000) return wrong;
  int64_t factor = bare_unit == BareUnit::kMilliseconds ? 1 : 1000;
  if (!suffix.empty()) {
    const auto* found = std::find_if(std::begin(kSuffixes), std::end(kSuffixes),
                                     [s = suffix](const Suffix& known) { return known.name == s; });
    if (found == std::end(kSuffixes)) return wrong;
    factor = found->factor;
  }
  out = absl::Milliseconds(number) * factor;
  return absl::OkStatus();
}

absl::Status ParseSize(std::string_view text, uint64_t& out) {
  const auto [digits, suffix] = SplitNumber(text);
  uint64_t number = 0;
  const absl::Status wrong = Expected("bytes, with K, M or G for powers of 1024");
  if (!ParseWholeNumber(digits, 10, number) || number > UINT32_MAX) return wrong;
  int shift = 0;
  if (suffix == "K" || suffix == "k") shift = 10;
  else if (suffix == "M" || suffix == "m") shift = 20;
  else if (suffix == "G" || suffix == "g") shift = 30;
  else if (!suffix.empty()) return wrong;
  out = number << shift;
  return absl::OkStatus();
}

absl::Status CheckCleanText(std::string_view text) {
  if (!bytes::Utf8ToUtf16Le(text).has_value()) return Expected("well-formed UTF-8");
  return absl::OkStatus();
}

absl::Status ParseNetname(std::string_view text, std::string& out) {
  const auto wide = bytes::Utf8ToUtf16Le(text);
  if (!wide.has_value()) return Expected("well-formed UTF-8");
  if (text.empty() || wide->size() / 2 > kMaxNetnameCharacters) {
    return Expected("a share name of 1 to 80 characters");
  }
  if (text.find_first_of("\"\\/[]:|<>+=;,*?") != std::string_view::npos) {
    return Expected("a share name without any of \" \\ / [ ] : | < > + = ; , * ?");
  }
  if (EqualsIgnoringAsciiCase(text, "IPC$")) return Expected("another name: IPC$ is built in");
  out = text;
  return absl::OkStatus();
}

}  // namespace

bool EqualsIgnoringAsciiCase(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string_view> SplitTrimmed(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  size_t begin = 0;
  for (size_t end = text.find(separator); end != std::string_view::npos;
       end = text.find(separator, begin)) {
    parts.push_back(Trim(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  parts.push_back(Trim(text.substr(begin)));
  return parts;
}

std::string JoinNames(const std::vector<std::string>& names, std::string_view separator) {
  std::string text;
  for (const std::string& name : names) {
    if (!text.empty()) text += separator;
    text += name;
  }
  return text;
}

Codec<bool> BooleanCodec() {
  return {
      "true|false",
      [](std::string_view text, bool& out) {
        static constexpr std::string_view kTrue[] = {"true", "yes", "1"};
        static constexpr std::string_view kFalse[] = {"false", "no", "0"};
        const auto is = [text](std::string_view name) {
          return EqualsIgnoringAsciiCase(text, name);
        };
        if (std::any_of(std::begin(kTrue), std::end(kTrue), is)) {
          out = true;
        } else if (std::any_of(std::begin(kFalse), std::end(kFalse), is)) {
          out = false;
        } else {
          return Expected("true or false (yes, no, 1 and 0 too)");
        }
        return absl::OkStatus();
      },
      [](const bool& value) { return std::string(value ? "true" : "false"); },
  };
}

Codec<std::string> TextCodec(std::string syntax) {
  return {
      std::move(syntax),
      [](std::string_view text, std::string& out) {
        const absl::Status clean = CheckCleanText(text);
        if (clean.ok()) out = text;
        return clean;
      },
      [](const std::string& value) { return value; },
  };
}

Codec<std::string> NameCodec(std::string syntax) {
  Codec<std::string> codec = TextCodec(std::move(syntax));
  codec.parse = [text_parse = codec.parse](std::string_view text, std::string& out) {
    if (text.empty() || text.size() > kMaxNameSizeBytes) return Expected("1 to 255 bytes of text");
    return text_parse(text, out);
  };
  return codec;
}

Codec<std::string> NetnameCodec() {
  return {"share name", ParseNetname, [](const std::string& value) { return value; }};
}

Codec<std::string> AbsolutePathCodec() {
  return {
      "path",
      [](std::string_view text, std::string& out) {
        if (!text.starts_with('/')) return Expected("an absolute path");
        while (text.size() > 1 && text.ends_with('/')) text.remove_suffix(1);
        out = text;
        return absl::OkStatus();
      },
      [](const std::string& value) { return value; },
  };
}

Codec<std::string> PathParamCodec() {
  return {
      "path=<path>",
      [](std::string_view text, std::string& out) {
        if (!text.starts_with("path=")) return Expected("path=<absolute path>");
        return AbsolutePathCodec().parse(Trim(text.substr(5)), out);
      },
      [](const std::string& value) { return value.empty() ? value : "path=" + value; },
  };
}

Codec<Secret> SecretCodec() {
  return {
      "text",
      [](std::string_view text, Secret& out) {
        out = Secret(std::string(text));
        return absl::OkStatus();
      },
      [](const Secret& value) { return std::string(value.empty() ? "" : "<set>"); },
  };
}

Codec<uint32_t> CountCodec(CountRange range) {
  const std::string text_range = range.max == UINT32_MAX
                                     ? absl::StrFormat("%u or more", range.min)
                                     : absl::StrFormat("%u to %u", range.min, range.max);
  return {
      text_range,
      [range, text_range](std::string_view text, uint32_t& out) {
        uint32_t number = 0;
        if (!ParseWholeNumber(text, 10, number) || number < range.min || number > range.max) {
          return Expected("a whole number, " + text_range);
        }
        out = number;
        return absl::OkStatus();
      },
      [](const uint32_t& value) { return absl::StrFormat("%u", value); },
  };
}

Codec<uint32_t> SizeCodec(CountRange range) {
  const std::string text_range = absl::StrFormat("%u to %u bytes", range.min, range.max);
  return {
      text_range,
      [range, text_range](std::string_view text, uint32_t& out) {
        uint64_t size_bytes = 0;
        const absl::Status parsed = ParseSize(text, size_bytes);
        if (!parsed.ok()) return parsed;
        if (size_bytes < range.min || size_bytes > range.max) return Expected(text_range);
        out = static_cast<uint32_t>(size_bytes);
        return absl::OkStatus();
      },
      [](const uint32_t& value) { return absl::StrFormat("%u", value); },
  };
}

Codec<uint32_t> OctalModeCodec() {
  return {
      "octal mode",
      [](std::string_view text, uint32_t& out) {
        uint32_t mode = 0;
        if (!ParseWholeNumber(text, 8, mode) || mode > kMaxModeBits) {
          return Expected("an octal mode, 0 to 7777");
        }
        out = mode;
        return absl::OkStatus();
      },
      [](const uint32_t& value) { return absl::StrFormat("%04o", value); },
  };
}

Codec<absl::Duration> DurationCodec(BareUnit bare_unit, DurationRange range) {
  const std::string text_range =
      DurationText(range.min) + " to " + DurationText(range.max) +
      (bare_unit == BareUnit::kMilliseconds ? "; bare: milliseconds" : "; bare: seconds");
  return {
      text_range,
      [=](std::string_view text, absl::Duration& out) {
        absl::Duration duration;
        const absl::Status parsed = ParseDuration(text, bare_unit, duration);
        if (!parsed.ok()) return parsed;
        if (duration < range.min || duration > range.max) return Expected(text_range);
        out = duration;
        return absl::OkStatus();
      },
      [](const absl::Duration& value) { return DurationText(value); },
  };
}

}  // namespace continuo::config
