#include <catch2/catch.hpp>

#include <set>

#include "common/bytes/utf16.h"
#include "services/smb-frontend/vfs/names.h"
#include "services/smb-frontend/vfs/wildcard.h"

namespace continuo::vfs {

TEST_CASE("names: what is accepted becomes components and a stream", "[unit][vfs]") {
  auto name = ParseNameUtf8("dir\\Report.docx:notes:$DATA", {});
  REQUIRE(name.ok());
  CHECK(name->components == std::vector<std::string>{"dir", "Report.docx"});
  CHECK(name->stream == "notes");
  CHECK(name->Path() == "dir/Report.docx");
  name = ParseNameUtf8("f::$data", {});
  REQUIRE(name.ok());
  CHECK_FALSE(name->stream.has_value());
  CHECK(name->has_data_stream_suffix);
  name = ParseNameUtf8("", {});
  REQUIRE(name.ok());
  CHECK(name->IsRoot());
  CHECK(ParseNameUtf8("dir\\", {})->is_directory_syntax);
  CHECK(ParseNameUtf8("name.", {}).ok());
}

TEST_CASE("names: hostile ones have the specified status", "[unit][vfs][hostile-23]") {
  struct Case {
    const char* name;
    NtStatus::Code status;
  };
  const auto c = GENERATE(values<Case>({
      {"\\leading", NtStatus::kInvalidParameter},
      {"..", NtStatus::kObjectPathSyntaxBad},
      {"a\\..\\b", NtStatus::kObjectPathSyntaxBad},
      {".", NtStatus::kObjectNameInvalid},
      {"a\\\\b", NtStatus::kObjectNameInvalid},
      {"a/b", NtStatus::kObjectNameInvalid},
      {"a\\../b", NtStatus::kObjectNameInvalid},
      {"a*", NtStatus::kObjectNameInvalid},
      {"a?", NtStatus::kObjectNameInvalid},
      {"a|b", NtStatus::kObjectNameInvalid},
      {"a\"b", NtStatus::kObjectNameInvalid},
      {"a<b", NtStatus::kObjectNameInvalid},
      {"a\x01", NtStatus::kObjectNameInvalid},
      {"a:", NtStatus::kObjectNameInvalid},
      {"a:b:", NtStatus::kObjectNameInvalid},
      {"a:b:$FOO", NtStatus::kObjectNameInvalid},
      {"a:b/../../c", NtStatus::kObjectNameInvalid},
      {"a:b\\..\\c", NtStatus::kObjectNameInvalid},
      {"dir:s\\file", NtStatus::kObjectNameInvalid},
  }));
  CAPTURE(c.name);
  CHECK(ParseNameUtf8(c.name, {}).status().name() == NtStatus(c.status).name());
}

constexpr ParseOptions kCreateOptions{.slash_separates = true, .folds_parent = true};

TEST_CASE("names: a parent folds into what holds it", "[unit][vfs][MS-FSCC:2.1.5.1]") {
  struct Valid {
    const char* name;
    const char* path;
  };
  const auto valid = GENERATE(values<Valid>({
      {"a\\..", ""},
      {"a\\..\\b", "b"},
      {"a/../b", "b"},
      {"a\\b\\..\\..\\c", "c"},
      {"a\\b\\..", "a"},
      {"a\\b\\..\\", "a"},
      {"a\\...", "a/..."},
  }));
  CAPTURE(valid.name);
  const auto name = ParseNameUtf8(valid.name, kCreateOptions);
  REQUIRE(name.ok());
  CHECK(name->Path() == valid.path);
}

TEST_CASE("names: a parent never leads out of the share, and hides no bad component",
          "[unit][vfs][hostile-23][MS-FSCC:2.1.5.1]") {
  struct Refused {
    const char* name;
    NtStatus::Code status;
  };
  const auto refused = GENERATE(values<Refused>({
      {"..", NtStatus::kObjectPathSyntaxBad},
      {"..\\a", NtStatus::kObjectPathSyntaxBad},
      {"a\\..\\..", NtStatus::kObjectPathSyntaxBad},
      {"a\\..\\..\\a", NtStatus::kObjectPathSyntaxBad},
      {"a\\b\\../../../c", NtStatus::kObjectPathSyntaxBad},
      {"a\\\\..", NtStatus::kObjectNameInvalid},
      {"a?\\..", NtStatus::kObjectNameInvalid},
      {".\\..", NtStatus::kObjectNameInvalid},
      {"a:s\\..", NtStatus::kObjectNameInvalid},
  }));
  CAPTURE(refused.name);
  const NtStatus status = ParseNameUtf8(refused.name, kCreateOptions).status();
  CHECK(status.name() == NtStatus(refused.status).name());
}

TEST_CASE("names: NUL, odd length, unpaired surrogates and length limits",
          "[unit][vfs][hostile-23]") {
  const Bytes nul = {'a', 0, 0, 0, 'b', 0};
  CHECK(ParseName(nul, {}).status() == NtStatus::kObjectNameInvalid);
  const Bytes odd = {'a', 0, 'b'};
  CHECK(ParseName(odd, {}).status() == NtStatus::kObjectNameInvalid);
  const Bytes surrogate = {0x00, 0xD8, 'b', 0};
  CHECK(ParseName(surrogate, {}).status() == NtStatus::kObjectNameInvalid);
  CHECK(ParseNameUtf8(std::string(255, 'x'), {}).ok());
  CHECK_FALSE(ParseNameUtf8(std::string(256, 'x'), {}).ok());
  std::string wide;  // 100 characters of 3 bytes: fits NTFS, not the kernel.
  for (int i = 0; i < 100; ++i) wide += "\xE4\xB8\xAD";
  CHECK_FALSE(ParseNameUtf8(wide, {}).ok());
  CHECK_FALSE(ParseNameUtf8("a:b", {.has_streams = false, .allow_leading_backslash = false}).ok());
}

TEST_CASE("names: short names are 8.3, stable, and differ", "[unit][vfs]") {
  CHECK(ShortName("readme.txt") == "README.TXT");
  CHECK(IsShortNameSyntax("A.B"));
  CHECK_FALSE(IsShortNameSyntax("a.b.c"));
  CHECK_FALSE(IsShortNameSyntax("has space"));
  std::set<std::string> seen;
  for (int i = 0; i < 2000; ++i) {
    const std::string alias = ShortName("a long name " + std::to_string(i) + ".text");
    CHECK(IsShortNameSyntax(alias));
    CHECK(LooksMangled(alias));
    seen.insert(alias);
  }
  CHECK(seen.size() == 2000);
}

TEST_CASE("wildcards: Windows' patterns", "[unit][vfs][MS-FSA:2.1.4.4]") {
  struct Case {
    const char* pattern;
    const char* name;
    bool matches;
  };
  const auto c = GENERATE(values<Case>({
      {"*", "anything", true},       {"*.*", "nodot", true},       {"*.txt", "A.TXT", true},
      {"*.txt", "a.txt.bak", false}, {"a?c", "abc", true},         {"a?c", "ac", false},
      {"a*c*e", "abcde", true},      {"<.txt", "a.b.txt", true},   {"<.txt", "a.txt.b", false},
      {"<", "a.b.c", false},         {"<c", "a.b.c", true}, {"<", "abc", true},
      {"a>", "a", true},            {"a>>", "ab", true},
      {"a>>", "abcd", false},        {">>>.txt", "ab.txt", true},  {"a\"", "a", true},
      {"a\"b", "a.b", true},         {"a\"b", "axb", false},       {"ABC", "abc", true},
      {"abc", "abcd", false},        {"*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
  }));
  CAPTURE(c.pattern, c.name);
  CHECK(NamePattern(c.pattern).Matches(c.name) == c.matches);
}

}  // namespace continuo::vfs
