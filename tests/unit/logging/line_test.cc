#include "common/logging/line.h"

#include <catch2/catch.hpp>

namespace continuo::logging {
namespace {

std::string Quoted(std::string_view text) {
  std::string out;
  AppendValue(text, &out);
  return out;
}

TEST_CASE("log line: no value can forge a field, a line or a terminal sequence",
          "[unit][logging]") {
  struct Case {
    const char* why;
    std::string_view text;
    const char* expected;
  };
  const auto c = GENERATE(values<Case>({
      {"plain", "share-1/a.b:c@d", "share-1/a.b:c@d"},
      {"empty is visible", "", "\"\""},
      {"space", "a b", "\"a b\""},
      {"equals would look like a field", "a=b", "\"a=b\""},
      {"quote and backslash", "a\"b\\c", "\"a\\\"b\\\\c\""},
      {"line end", "a\nevent=forged", "\"a\\nevent=forged\""},
      {"escape sequence", "\x1b[2J", "\"\\x1b[2J\""},
      {"NUL", std::string_view("a\0b", 3), "\"a\\x00b\""},
      {"UTF-8 stays", "\xc3\xa9", "\"\xc3\xa9\""},
      {"invalid UTF-8", "\xff\xc3", "\"\\xff\\xc3\""},
      {"overlong slash", "\xc0\xaf", "\"\\xc0\\xaf\""},
      {"surrogate", "\xed\xa0\x80", "\"\\xed\\xa0\\x80\""},
      {"C1 control as UTF-8", "\xc2\x9b", "\"\\xc2\\x9b\""},
  }));
  CAPTURE(c.why);
  CHECK(Quoted(c.text) == c.expected);
}

TEST_CASE("log line: event first, then fields in order", "[unit][logging]") {
  const Field fields[] = {{"session", Hex(0x11)}, {"count", 3}, {"is_new", true}, {"ratio", 2u}};
  CHECK(FormatFields("share.connected", fields, 4) ==
        "event=share.connected session=0x11 count=3 is_new=true ratio=2");
}

TEST_CASE("log line: values and lines are bounded", "[unit][logging]") {
  CHECK(Quoted(std::string(5000, 'x')).size() <= kValueMaxBytes + 5);
  std::vector<Field> fields(100, Field{"k", std::string(1000, 'x')});
  const std::string line = FormatFields("e", fields.data(), fields.size());
  CHECK(line.size() <= kLineMaxBytes);
  CHECK(line.find("fields_left_out=true") != std::string::npos);
}

}  // namespace
}  // namespace continuo::logging
