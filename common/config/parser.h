// Reads tsmb.conf text into a Config and collects everything that is wrong with it.
//
// Source:    the format is documented in deploy/tsmb.conf.md.
// Errors:    never stops at the first: every error names file, line, column, key and what was
//            expected. Values of secret keys are never part of a message.
// Threading: pure but for LoadConfigFile, which reads one file.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>

#include "common/config/config.h"

namespace continuo::config {

// Above these a file is refused before it is looked at, so that the parser's memory is bounded.
inline constexpr size_t kMaxConfigSizeBytes = 16u << 20;
inline constexpr size_t kMaxShares = 20000;
inline constexpr size_t kMaxDiagnostics = 1000;

// One remark about one place of the file. `line` and `column` count from 1; 0: the whole file.
struct Diagnostic {
  std::string file;
  int line = 0;
  int column = 0;
  std::string key;      // Empty where no key is concerned.
  std::string message;  // What is wrong and what was expected.

  // "tsmb.conf:3:9: ca_path: expected …"
  std::string ToString() const;
};

struct ParseOptions {
  // Says whether a security_descriptor is good SDDL. Without it the text is kept unchecked.
  std::function<absl::Status(std::string_view)> validate_sddl;
};

struct ParseResult {
  Config config;                      // Complete only when ok().
  std::vector<Diagnostic> errors;     // In the order of the file.
  std::vector<Diagnostic> warnings;   // Accepted, but probably not what was meant or not built yet.
  std::vector<Diagnostic> notes;      // How a value with two published meanings was taken.
  bool ok() const { return errors.empty(); }

  // All errors, one a line, each ended by a newline.
  std::string DescribeErrors() const;
  // "error: …", "warning: …" and "note: …" lines: what --check-config prints.
  std::string Describe() const;
};

// `file_name` is only used in diagnostics.
ParseResult ParseConfig(std::string_view text, std::string_view file_name,
                        const ParseOptions& options = {});

// Reads and parses. A file that cannot be read is an error of the result.
ParseResult LoadConfigFile(const std::string& path, const ParseOptions& options = {});

}  // namespace continuo::config
