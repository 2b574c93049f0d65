// Windows' file-name patterns: * ? and the DOS forms < > ".
//
// Source: [MS-FSA] 2.1.4.4 (algorithm), [MS-FSCC] 2.1.4.
// Threading: a compiled pattern is immutable.
#pragma once

#include <string>
#include <string_view>

namespace continuo::vfs {

class NamePattern {
 public:
  // Requires: valid UTF-8. "" and "*" match everything; "*.*" does, too, as clients expect.
  explicit NamePattern(std::string_view utf8_pattern);

  bool Matches(std::string_view utf8_name) const;
  bool MatchesAll() const { return matches_all_; }
  bool HasWildcards() const { return has_wildcards_; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::u16string folded_;
  bool matches_all_ = false;
  bool has_wildcards_ = false;
};

}  // namespace continuo::vfs
