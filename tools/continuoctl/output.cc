#include "tools/continuoctl/output.h"

#include <algorithm>
#include <array>
#include <iostream>

#include <absl/strings/str_format.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <google/protobuf/util/json_util.h>

namespace continuo::ctl {
namespace {

// What a terminal shows of UTF-8 text is near enough its code points.
size_t WidthOf(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string WithoutControls(std::string text) {
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) c = '?';
  }
  return text;
}

}  // namespace

std::string Table::Text() const {
  std::vector<size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], WidthOf(row[i]));
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += WithoutControls(row[i]);
      line.append(widths[i] - WidthOf(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json, options).ok()) return "{}\n";
  return json;
}

void PrintJson(const google::protobuf::Message& message) { std::cout << ToJson(message); }

std::string BytesText(double bytes) {
  static constexpr std::array<const char*, 6> kUnits = {"B", "kB", "MB", "GB", "TB", "PB"};
  size_t unit = 0;
  while (bytes >= 1000 && unit + 1 < kUnits.size()) {
    bytes /= 1000;
    ++unit;
  }
  if (unit == 0) return absl::StrFormat("%.0f B", bytes);
  return absl::StrFormat("%.1f %s", bytes, kUnits[unit]);
}

std::string AgeText(int64_t seconds) {
  constexpr int64_t kMinute = 60;
  constexpr int64_t kHour = 60 * kMinute;
  constexpr int64_t kDay = 24 * kHour;
  if (seconds >= kDay) return absl::StrFormat("%dd %dh", seconds / kDay, seconds % kDay / kHour);
  if (seconds >= kHour) return absl::StrFormat("%dh %dm", seconds / kHour, seconds % kHour / kMinute);
  if (seconds >= kMinute) return absl::StrFormat("%dm %ds", seconds / kMinute, seconds % kMinute);
  return absl::StrFormat("%ds", std::max<int64_t>(seconds, 0));
}

std::string AgoText(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0) return "-";
  return AgeText(absl::ToUnixSeconds(absl::Now()) - time.seconds());
}

std::string YesNo(bool value) { return value ? "yes" : "no"; }

std::string Hex(uint64_t value) { return absl::StrFormat("0x%x", value); }

std::string OrDash(std::string_view text) { return text.empty() ? "-" : std::string(text); }

}  // namespace continuo::ctl
