// The key table as documentation for people. deploy/tsmb.conf.md is exactly KeyDocsMarkdown(); a
// unit test compares them.
#pragma once

#include <string>

#include "common/config/config.h"

namespace continuo::config {

std::string KeyDocsMarkdown();

// One paragraph for each key, for terminals.
std::string KeyDocsText();

// A configuration as tsmb.conf text with every key: what is in force. Secrets read "<set>".
std::string ShowConfig(const Config& config);

}  // namespace continuo::config
