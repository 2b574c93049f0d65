// What a run measured, for people and for programs.
#pragma once

#include <string>

#include "tools/smbload/workload.h"

namespace continuo::smbload {

struct RunDescription {
  std::string mix;
  std::string mode;
  uint16_t dialect = 0;
  uint32_t connections = 0;
  uint32_t depth = 0;
};

std::string ToText(const RunDescription& description, const Results& results);
// One JSON object; durations in microseconds.
std::string ToJson(const RunDescription& description, const Results& results);

}  // namespace continuo::smbload
