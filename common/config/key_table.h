// The one table of tsmb.conf's keys: what the parser accepts, what the documentation says, what a
// reload applies.
//
// Threading: the table is built once and never changes.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>

#include "common/config/config.h"

namespace continuo::config {

enum class Apply { kReload, kRestart };

// One key. The share functions are empty for keys of [global] alone, and the other way round.
struct KeyInfo {
  std::string name;
  std::string syntax;   // How the value is written, with unit and range.
  std::string meaning;
  Apply apply = Apply::kReload;
  bool is_repeatable = false;
  bool is_secret = false;

  std::function<absl::Status(Global&, std::string_view)> set_global;
  std::function<std::string(const Global&)> show_global;
  std::function<bool(const Global&, const Global&)> same_global;
  std::function<absl::Status(Share&, std::string_view)> set_share;
  std::function<std::string(const Share&)> show_share;
  std::function<bool(const Share&, const Share&)> same_share;

  bool IsInGlobal() const { return static_cast<bool>(set_global); }
  bool IsInShare() const { return static_cast<bool>(set_share); }
  // The value that holds when the file says nothing, as text.
  std::string Default() const;
};

// In the order of the documentation.
const std::vector<KeyInfo>& KeyTable();

// nullptr if there is none.
const KeyInfo* FindKey(std::string_view name);

// The known key with the smallest edit distance, if that is small enough to be a slip; else "".
std::string NearestKey(std::string_view name);

}  // namespace continuo::config
