// Which keys are read and checked but have no effect, because what they switch on is not built.
// This is the only place that knows; the parser turns it into warnings and the documentation into
// remarks.
#pragma once

#include <span>
#include <string_view>

namespace continuo::config {

struct NotBuilt {
  std::string_view key;
  // When not empty: only values that contain this text (as the file writes them) are affected;
  // empty: every value other than the default is.
  std::string_view value_part;
  std::string_view consequence;  // What happens instead: a clause for people.
};

std::span<const NotBuilt> NotBuiltKeys();

// The entry that `value` of `key` meets, or nullptr. `is_default`: the value is the default.
const NotBuilt* FindNotBuilt(std::string_view key, std::string_view value, bool is_default);

}  // namespace continuo::config
