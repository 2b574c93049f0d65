#include "common/failover_trace/event.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <absl/strings/numbers.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>

namespace continuo::failover_trace {
namespace {

constexpr std::string_view kVersion = "1";
constexpr size_t kFieldCount = 9;
constexpr size_t kNameMaxBytes = 128;
// Longer ones are no times of ours.
constexpr int64_t kMicrosMax = int64_t{1} << 60;

constexpr std::array<std::pair<Kind, std::string_view>, 16> kNames = {{
    {Kind::kStop, "stop"},
    {Kind::kDetect, "detect"},
    {Kind::kKilled, "killed"},
    {Kind::kFence, "fence"},
    {Kind::kStart, "start"},
    {Kind::kAdoptBegin, "adopt-begin"},
    {Kind::kAdoptEnd, "adopt-end"},
    {Kind::kListen, "listen"},
    {Kind::kReady, "ready"},
    {Kind::kAddress, "address"},
    {Kind::kTickle, "tickle"},
    {Kind::kReconnect, "reconnect"},
    {Kind::kReclaimFirst, "reclaim-first"},
    {Kind::kReclaimLast, "reclaim-last"},
    {Kind::kReclaimDone, "reclaim-done"},
    {Kind::kNote, "note"},
}};

std::string Field(std::string_view text, size_t max_bytes) {
  std::string field(text.substr(0, max_bytes));
  std::replace_if(
      field.begin(), field.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '?');
  return field;
}

std::optional<int64_t> Micros(const std::string& text) {
  int64_t value = 0;
  if (!absl::SimpleAtoi(text, &value) || value < 0 || value > kMicrosMax) return std::nullopt;
  return value;
}

}  // namespace

std::string_view NameOf(Kind kind) {
  for (const auto& [known, name] : kNames) {
    if (known == kind) return name;
  }
  return "note";
}

std::optional<Kind> KindOf(std::string_view name) {
  for (const auto& [kind, known] : kNames) {
    if (known == name) return kind;
  }
  return std::nullopt;
}

std::string EncodeLine(const Event& event) {
  const std::string head = absl::StrFormat(
      "%s\t%d\t%d\t%s\t%s\t%d\t%s\t%s\t", kVersion, absl::ToUnixMicros(event.wall),
      absl::ToInt64Microseconds(event.since_boot), Field(event.boot, kNameMaxBytes),
      Field(event.node, kNameMaxBytes), event.epoch, Field(event.daemon, kNameMaxBytes),
      NameOf(event.kind));
  return head + Field(event.detail, kLineMaxBytes - 1 - head.size()) + "\n";
}

std::optional<Event> DecodeLine(std::string_view line) {
  if (line.size() >= kLineMaxBytes) return std::nullopt;
  const std::vector<std::string> fields = absl::StrSplit(std::string(line), '\t');
  if (fields.size() != kFieldCount || fields[0] != kVersion) return std::nullopt;
  const std::optional<int64_t> wall = Micros(fields[1]);
  const std::optional<int64_t> boot = Micros(fields[2]);
  const std::optional<Kind> kind = KindOf(fields[7]);
  Event event;
  if (!wall || !boot || !kind || !absl::SimpleAtoi(fields[5], &event.epoch)) return std::nullopt;
  event.wall = absl::FromUnixMicros(*wall);
  event.since_boot = absl::Microseconds(*boot);
  event.boot = fields[3];
  event.node = fields[4];
  event.daemon = fields[6];
  event.kind = *kind;
  event.detail = fields[8];
  return event;
}

}  // namespace continuo::failover_trace
