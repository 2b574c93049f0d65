#include "common/config/key_docs.h"

#include <vector>

#include <absl/strings/str_format.h>

#include "common/config/key_table.h"
#include "common/config/not_built.h"

namespace continuo::config {
namespace {

constexpr std::string_view kIntroduction =
    R"(# tsmb.conf

One file for all daemons of a node. This page is written from the key table in
`common/config/key_table.cc`; `continuoctl config keys` prints it, and
`continuoctl config check FILE` says what is wrong with a file.

- Blocks: `[global] … [/global]` first, then one `[share] … [/share]` for each share.
- Lines: `key = value`. `#` starts a comment, also behind a value. A value that needs a `#` or
  blanks at its ends stands in double quotes, with `\"` and `\\` inside.
- Booleans: `true|false`, `yes|no`, `1|0`.
- Durations take a suffix: `ms`, `s`, `m`, `h`, `d`. A bare number means what the key says. A bare
  `watchdog_timeout` is milliseconds; published manuals disagree, and the check prints the meaning
  taken.
- Sizes may end in `K`, `M` or `G` (powers of 1024).
- An unknown key, a bad value, a key twice in a block, an unclosed block, a share without name or
  path and two shares of one name are errors: nothing starts, and a reload keeps what was in force.
- *Applied by*: `reload` means SIGHUP is enough, `restart` means the daemons must start again.

)";

// Text for a cell of a Markdown table.
std::string EscapeCell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += "\\|";
    else if (c == '<') out += "&lt;";
    else out += c;
  }
  return out;
}

// `key = value` as a line of tsmb.conf, in quotes where the bare value would be read otherwise;
// nothing for a value that is empty.
std::string SettingLine(const KeyInfo& key, const std::string& value) {
  if (value.empty()) return "";
  const bool is_bare_safe = value.find('#') == std::string::npos && !value.starts_with('"') &&
                            value.find_last_not_of(" \t") + 1 == value.size() &&
                            value.find_first_not_of(" \t") == 0;
  if (is_bare_safe) return key.name + " = " + value + "\n";
  std::string quoted;
  for (const char c : value) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return key.name + " = \"" + quoted + "\"\n";
}

std::string BlocksOf(const KeyInfo& key) {
  if (key.IsInGlobal() && key.IsInShare()) return "global, share";
  return key.IsInGlobal() ? "global" : "share";
}

std::string_view AppliedBy(const KeyInfo& key) {
  return key.apply == Apply::kReload ? "reload" : "restart";
}

// "Not built yet: …" for a key that has no effect, wholly or for some values; else "".
std::string NotBuiltRemark(const KeyInfo& key) {
  std::string values;
  std::string_view consequence;
  for (const NotBuilt& entry : NotBuiltKeys()) {
    if (entry.key != key.name) continue;
    consequence = entry.consequence;
    if (!values.empty()) values += ", ";
    values += entry.value_part;
  }
  if (consequence.empty()) return "";
  if (!values.empty()) values = " (" + values + ")";
  return absl::StrFormat("Not built yet%s: %s.", values, std::string(consequence));
}

std::string MeaningOf(const KeyInfo& key) {
  const std::string remark = NotBuiltRemark(key);
  return remark.empty() ? key.meaning : key.meaning + " " + remark;
}

}  // namespace

std::string KeyDocsMarkdown() {
  std::string text(kIntroduction);
  text += "| key | block | value | default | applied by | meaning |\n";
  text += "| --- | --- | --- | --- | --- | --- |\n";
  for (const KeyInfo& key : KeyTable()) {
    const std::string standard = key.Default();
    text += absl::StrFormat("| `%s` | %s | %s | %s | %s | %s |\n", key.name, BlocksOf(key),
                            EscapeCell(key.syntax),
                            standard.empty() ? "" : "`" + EscapeCell(standard) + "`",
                            std::string(AppliedBy(key)), EscapeCell(MeaningOf(key)));
  }
  return text;
}

std::string KeyDocsText() {
  std::string text;
  for (const KeyInfo& key : KeyTable()) {
    const std::string standard = key.Default();
    text += absl::StrFormat("%s [%s]\n    %s\n    value: %s\n    default: %s\n    applied by: %s\n\n",
                            key.name, BlocksOf(key), MeaningOf(key), key.syntax,
                            standard.empty() ? "(empty)" : standard, std::string(AppliedBy(key)));
  }
  return text;
}

std::string ShowConfig(const Config& config) {
  std::string text = "[global]\n";
  for (const KeyInfo& key : KeyTable()) {
    if (!key.IsInGlobal() || key.is_repeatable) continue;
    text += SettingLine(key, key.show_global(config.global));
  }
  for (const Listen& listen : config.global.listen) {
    Global one;
    one.listen = {listen};
    text += "listen = " + FindKey("listen")->show_global(one) + "\n";
  }
  text += "[/global]\n";
  for (const Share& share : config.shares) {
    text += "[share]\n";
    for (const KeyInfo& key : KeyTable()) {
      if (key.IsInShare()) text += SettingLine(key, key.show_share(share));
    }
    text += "[/share]\n";
  }
  return text;
}

}  // namespace continuo::config
