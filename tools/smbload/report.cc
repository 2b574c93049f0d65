#include "tools/smbload/report.h"

#include <string>

#include <absl/strings/str_format.h>
#include <nlohmann/json.hpp>

#include "common/ntstatus/ntstatus.h"

namespace continuo::smbload {
namespace {

constexpr double kMegabyte = 1000 * 1000;

struct Named {
  const char* name;
  double fraction;
};
constexpr Named kPercentiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99_9", 0.999}};

std::string StatusName(uint32_t status) {
  const NtStatus named(status);
  return named.name() == "STATUS_UNNAMED" ? absl::StrFormat("0x%08X", status)
                                          : std::string(named.name());
}

double Microseconds(absl::Duration duration) { return absl::ToDoubleMicroseconds(duration); }

OperationResults Total(const Results& results) {
  OperationResults total;
  for (const auto& [operation, part] : results.by_operation) {
    total.operations += part.operations;
    total.bytes += part.bytes;
    total.latency.Merge(part.latency);
  }
  return total;
}

std::string Line(std::string_view name, const OperationResults& part, double seconds) {
  return absl::StrFormat(
      "%-7s %10d ops %11.1f ops/s %9.1f MB/s  us: p50 %.0f p90 %.0f p99 %.0f p99.9 %.0f max %.0f\n",
      std::string(name), part.operations, static_cast<double>(part.operations) / seconds,
      static_cast<double>(part.bytes) / seconds / kMegabyte,
      Microseconds(part.latency.Percentile(0.5)), Microseconds(part.latency.Percentile(0.9)),
      Microseconds(part.latency.Percentile(0.99)), Microseconds(part.latency.Percentile(0.999)),
      Microseconds(part.latency.max()));
}

nlohmann::json ToJsonPart(const OperationResults& part, double seconds) {
  nlohmann::json latency;
  for (const Named& percentile : kPercentiles) {
    latency[percentile.name] = Microseconds(part.latency.Percentile(percentile.fraction));
  }
  latency["max"] = Microseconds(part.latency.max());
  latency["mean"] = Microseconds(part.latency.mean());
  return {{"operations", part.operations},
          {"operations_per_second", static_cast<double>(part.operations) / seconds},
          {"bytes", part.bytes},
          {"bytes_per_second", static_cast<double>(part.bytes) / seconds},
          {"latency_us", latency}};
}

}  // namespace

std::string ToText(const RunDescription& description, const Results& results) {
  const double seconds = absl::ToDoubleSeconds(results.elapsed);
  std::string text = absl::StrFormat(
      "%s %s dialect 0x%04x: %d connections, depth %d, %.2f s\n", description.mix,
      description.mode, description.dialect, description.connections, description.depth, seconds);
  for (const auto& [operation, part] : results.by_operation) {
    text += Line(OperationName(operation), part, seconds);
  }
  if (results.by_operation.size() > 1) text += Line("total", Total(results), seconds);
  for (const auto& [status, count] : results.errors) {
    text += absl::StrFormat("error   %10d %s\n", count, StatusName(status));
  }
  if (results.connections_lost > 0) {
    text += absl::StrFormat("lost    %10d connections: %s\n", results.connections_lost,
                            results.first_loss);
  }
  return text;
}

std::string ToJson(const RunDescription& description, const Results& results) {
  const double seconds = absl::ToDoubleSeconds(results.elapsed);
  nlohmann::json json = ToJsonPart(Total(results), seconds);
  json["mix"] = description.mix;
  json["mode"] = description.mode;
  json["dialect"] = absl::StrFormat("0x%04x", description.dialect);
  json["connections"] = description.connections;
  json["depth"] = description.depth;
  json["seconds"] = seconds;
  json["connections_lost"] = results.connections_lost;
  json["errors"] = nlohmann::json::object();
  for (const auto& [status, count] : results.errors) json["errors"][StatusName(status)] = count;
  json["by_operation"] = nlohmann::json::object();
  for (const auto& [operation, part] : results.by_operation) {
    json["by_operation"][std::string(OperationName(operation))] = ToJsonPart(part, seconds);
  }
  return json.dump(2) + "\n";
}

}  // namespace continuo::smbload
