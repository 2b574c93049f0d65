#include "tools/continuoctl/config_commands.h"

#include <iostream>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/config/key_docs.h"
#include "common/config/key_table.h"
#include "common/config/parser.h"
#include "common/security/sddl_check.h"

namespace continuo::ctl {
namespace {

using Json = nlohmann::ordered_json;

void Print(const Json& json) {
  std::cout << json.dump(1, ' ', false, Json::error_handler_t::replace) << '\n';
}

config::ParseResult Load(const std::string& path) {
  config::ParseOptions options;
  options.validate_sddl = security::CheckSddl;
  return config::LoadConfigFile(path, options);
}

Json ToJson(const std::vector<config::Diagnostic>& list) {
  Json json = Json::array();
  for (const config::Diagnostic& diagnostic : list) {
    json.push_back({{"file", diagnostic.file},
                    {"line", diagnostic.line},
                    {"column", diagnostic.column},
                    {"key", diagnostic.key},
                    {"message", diagnostic.message}});
  }
  return json;
}

}  // namespace

int CheckConfig(const Context& context, const std::string& path) {
  const config::ParseResult parsed = Load(path);
  if (context.is_json) {
    Print({{"is_valid", parsed.ok()},
           {"errors", ToJson(parsed.errors)},
           {"warnings", ToJson(parsed.warnings)},
           {"notes", ToJson(parsed.notes)}});
  } else {
    std::cout << parsed.Describe();
    if (parsed.ok()) std::cout << path << ": good\n";
  }
  return parsed.ok() ? kExitOk : kExitBadConfig;
}

int ShowConfigFile(const Context& context, const std::string& path) {
  const config::ParseResult parsed = Load(path);
  if (!parsed.ok()) {
    std::cerr << parsed.DescribeErrors();
    return kExitBadConfig;
  }
  if (!context.is_json) {
    std::cout << config::ShowConfig(parsed.config);
    return kExitOk;
  }
  Json json;
  for (const config::KeyInfo& key : config::KeyTable()) {
    if (key.IsInGlobal()) json["global"][key.name] = key.show_global(parsed.config.global);
  }
  json["shares"] = Json::array();
  for (const config::Share& share : parsed.config.shares) {
    Json entry;
    for (const config::KeyInfo& key : config::KeyTable()) {
      if (key.IsInShare()) entry[key.name] = key.show_share(share);
    }
    json["shares"].push_back(std::move(entry));
  }
  Print(json);
  return kExitOk;
}

int ShowKeys(const Context& context, KeyFormat format) {
  if (!context.is_json) {
    std::cout << (format == KeyFormat::kMarkdown ? config::KeyDocsMarkdown()
                                                 : config::KeyDocsText());
    return kExitOk;
  }
  Json json = Json::array();
  for (const config::KeyInfo& key : config::KeyTable()) {
    json.push_back({{"name", key.name},
                    {"in_global", key.IsInGlobal()},
                    {"in_share", key.IsInShare()},
                    {"value", key.syntax},
                    {"default", key.Default()},
                    {"needs_restart", key.apply == config::Apply::kRestart},
                    {"meaning", key.meaning}});
  }
  Print(json);
  return kExitOk;
}

}  // namespace continuo::ctl
