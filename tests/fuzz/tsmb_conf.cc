// Any text as tsmb.conf: no crash, every refusal says why, and what is accepted can be shown.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/check.h"
#include "common/config/key_docs.h"
#include "common/config/parser.h"
#include "common/config/reload.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(data, data + size);
  const auto first = continuo::config::ParseConfig(text, "fuzz");
  if (!first.ok()) {
    CONTINUO_CHECK(!first.DescribeErrors().empty());
    return 0;
  }
  CONTINUO_CHECK(continuo::config::DiffConfig(first.config, first.config).empty());
  static_cast<void>(continuo::config::ShowConfig(first.config));
  return 0;
}
