#include "common/logging/line.h"

#include <absl/strings/str_format.h>

namespace continuo::logging {

namespace {

bool IsPlain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9') || std::string_view("_-./:@%+,*#~").find(c) !=
                                             std::string_view::npos;
}

bool IsPlainText(std::string_view text) {
  for (const char c : text) {
    if (!IsPlain(c)) return false;
  }
  return !text.empty();
}

// The length of a well-formed, printable UTF-8 sequence of two or more bytes at the start of
// `text`, or 0. U+0080 to U+009F count as control characters.
size_t Utf8SequenceSize(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const size_t size = lead >= 0xF0 && lead <= 0xF4   ? 4
                      : lead >= 0xE0 && lead <= 0xEF ? 3
                      : lead >= 0xC2 && lead <= 0xDF ? 2
                                                     : 0;
  if (size == 0 || size > text.size()) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool is_overlong = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xF0 && byte(1) < 0x90);
  const bool is_surrogate = lead == 0xED && byte(1) >= 0xA0;
  const bool is_too_high = lead == 0xF4 && byte(1) >= 0x90;
  const bool is_control = lead == 0xC2 && byte(1) < 0xA0;
  return is_overlong || is_surrogate || is_too_high || is_control ? 0 : size;
}

}  // namespace

void AppendValue(std::string_view text, std::string* out) {
  const bool is_cut = text.size() > kValueMaxBytes;
  if (is_cut) text = text.substr(0, kValueMaxBytes);
  if (!is_cut && IsPlainText(text)) {
    out->append(text);
    return;
  }
  out->push_back('"');
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text[0]);
    size_t size = 1;
    if (byte == '"' || byte == '\\') {
      out->push_back('\\');
      out->push_back(text[0]);
    } else if (byte == '\n') {
      out->append("\\n");
    } else if (byte >= 0x20 && byte < 0x7F) {
      out->push_back(text[0]);
    } else if (const size_t sequence = byte >= 0x80 ? Utf8SequenceSize(text) : 0; sequence != 0) {
      out->append(text.substr(0, sequence));
      size = sequence;
    } else {
      absl::StrAppendFormat(out, "\\x%02x", byte);
    }
    text.remove_prefix(size);
  }
  out->append(is_cut ? "...\"" : "\"");
}

std::string FormatFields(std::string_view event, const Field* fields, size_t field_count) {
  std::string line;
  line.reserve(160);
  line.append("event=");
  AppendValue(event, &line);
  for (size_t i = 0; i < field_count; ++i) {
    if (line.size() > kLineMaxBytes - 2 * kValueMaxBytes) {
      line.append(" fields_left_out=true");
      break;
    }
    line.push_back(' ');
    line.append(fields[i].key);
    line.push_back('=');
    AppendValue(fields[i].value.text(), &line);
  }
  return line;
}

}  // namespace continuo::logging
