// SDDL text: what parses is written in a form that parses to the same descriptor.
#include <cstdlib>
#include <string_view>

#include "common/security/sddl.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace continuo::security;
  const std::string text(data, data + size);
  const auto sd = ParseSddl(text, {});
  if (!sd.ok()) return 0;
  const auto again = ParseSddl(FormatSddl(*sd, {}), {});
  if (!again.ok()) std::abort();
  if (again->owner != sd->owner || again->group != sd->group) std::abort();
  if (again->dacl != sd->dacl) std::abort();
  return 0;
}
