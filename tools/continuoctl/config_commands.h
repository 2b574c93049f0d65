// config check|show|keys: what needs no daemon.
#pragma once

#include <string>

#include "tools/continuoctl/context.h"

namespace continuo::ctl {

// Prints errors, warnings and notes. kExitBadConfig when there are errors.
int CheckConfig(const Context& context, const std::string& path);

// Prints every key with the value in force.
int ShowConfigFile(const Context& context, const std::string& path);

enum class KeyFormat { kText, kMarkdown };
int ShowKeys(const Context& context, KeyFormat format);

}  // namespace continuo::ctl
