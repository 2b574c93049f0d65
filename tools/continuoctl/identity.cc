#include "tools/continuoctl/identity.h"

#include <iostream>

#include <absl/strings/escaping.h>
#include <absl/strings/str_format.h>
#include <nlohmann/json.hpp>

#include "common/config/parser.h"
#include "common/identity/identity_file.h"
#include "tools/continuoctl/output.h"

namespace continuo::ctl {
namespace {

// The file of the configuration's runstate_dir, or an exit code.
std::optional<identity::IdentityFile> FileOf(const Context& context, int* exit_code) {
  const config::ParseResult parsed =
      config::LoadConfigFile(context.config_path, config::ParseOptions());
  if (!parsed.ok()) {
    std::cerr << parsed.DescribeErrors();
    *exit_code = kExitBadConfig;
    return std::nullopt;
  }
  return identity::IdentityFile(parsed.config.global.runstate_dir);
}

std::string GuidText(const identity::Guid& guid) {
  return absl::BytesToHexString(std::string(guid.begin(), guid.end()));
}

void PrintAsJson(const identity::Identity& identity) {
  const identity::Facts& facts = identity.facts;
  nlohmann::ordered_json json = {
      {"server_guid", GuidText(identity.server_guid)},
      {"server_name", facts.server_name},
      {"ca_path", facts.ca_path},
      {"machine_sid", facts.machine_sid ? facts.machine_sid->ToString() : ""},
      {"sealing_key_id", facts.sealing_key_id},
      {"next_rid", facts.next_rid},
      {"keytab", facts.keytab.value_or(std::map<std::string, uint32_t>())},
      {"domains", nlohmann::json::object()}};
  for (const auto& [name, sid] : identity.domains) json["domains"][name] = sid.ToString();
  std::cout << json.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
}

}  // namespace

int ShowIdentity(const Context& context) {
  int exit_code = kExitOk;
  const auto file = FileOf(context, &exit_code);
  if (!file) return exit_code;
  const absl::StatusOr<identity::Identity> identity = file->Load();
  if (!identity.ok()) return Fail(kExitFailure, std::string(identity.status().message()));
  if (context.is_json) {
    PrintAsJson(*identity);
    return kExitOk;
  }
  const identity::Facts& facts = identity->facts;
  Table table({"WHAT", "VALUE"});
  table.Add({"server GUID", GuidText(identity->server_guid)});
  table.Add({"server name", OrDash(facts.server_name)});
  table.Add({"persistent handles", OrDash(facts.ca_path)});
  table.Add({"machine SID", OrDash(facts.machine_sid ? facts.machine_sid->ToString() : "")});
  table.Add({"sealing key", OrDash(facts.sealing_key_id)});
  table.Add({"next RID", absl::StrFormat("%d", facts.next_rid)});
  for (const auto& [principal, version] : facts.keytab.value_or(std::map<std::string, uint32_t>())) {
    table.Add({"keytab", absl::StrFormat("%s, version %d", principal, version)});
  }
  for (const auto& [name, sid] : identity->domains) {
    table.Add({"domain", absl::StrFormat("%s, %s", name, sid.ToString())});
  }
  std::cout << table.Text();
  return kExitOk;
}

int AcceptIdentity(const Context& context) {
  int exit_code = kExitOk;
  const auto file = FileOf(context, &exit_code);
  if (!file) return exit_code;
  const absl::Status changed = file->Change([](identity::Identity& identity) {
                                     identity.facts = identity::Facts();
                                     return absl::OkStatus();
                                   })
                                   .status();
  if (!changed.ok()) return Fail(kExitFailure, std::string(changed.message()));
  if (!context.is_json) {
    std::cout << "the next node that starts says what " << file->path() << " holds\n";
  }
  return kExitOk;
}

}  // namespace continuo::ctl
