// Goal: names survive the way to the disk and back, and what has no UTF-8 form is refused.
#include <catch2/catch.hpp>

#include "common/bytes/utf16.h"

namespace continuo::bytes {
namespace {

TEST_CASE("UTF-16: well-formed text survives both ways", "[unit][bytes]") {
  const auto text = GENERATE(values<std::string>({"", "a", "Grüße", "日本語", "𝄞 clef", "ÿ"}));
  CAPTURE(text);
  const auto wire = Utf8ToUtf16Le(text);
  REQUIRE(wire.has_value());
  CHECK(Utf16LeToUtf8(*wire) == text);
}

TEST_CASE("UTF-16: malformed input is refused", "[unit][bytes]") {
  CHECK_FALSE(Utf16LeToUtf8(Bytes{0x41}).has_value());
  CHECK_FALSE(Utf16LeToUtf8(Bytes{0x00, 0xD8}).has_value());              // High surrogate at the end.
  CHECK_FALSE(Utf16LeToUtf8(Bytes{0x00, 0xDC, 0x41, 0x00}).has_value());  // Low surrogate first.
  CHECK_FALSE(Utf16LeToUtf8(Bytes{0x00, 0xD8, 0x41, 0x00}).has_value());  // High without low.
  CHECK_FALSE(Utf8ToUtf16Le("\xC0\x80").has_value());                     // Overlong.
  CHECK_FALSE(Utf8ToUtf16Le("\xED\xA0\x80").has_value());                 // Encoded surrogate.
  CHECK_FALSE(Utf8ToUtf16Le("\xF4\x90\x80\x80").has_value());             // Past U+10FFFF.
  CHECK_FALSE(Utf8ToUtf16Le("\xE2\x82").has_value());                     // Truncated.
}

TEST_CASE("Case folding: names that differ only in case are equal", "[unit][bytes]") {
  CHECK(EqualsIgnoringCase("Report.DOCX", "report.docx"));
  CHECK(EqualsIgnoringCase("GRÜSSE", "grüsse"));
  CHECK(EqualsIgnoringCase("ΑΒΓ", "αβγ"));
  CHECK_FALSE(EqualsIgnoringCase("straße", "STRASSE"));  // Windows folds 1:1 only.
  CHECK_FALSE(EqualsIgnoringCase("a", "b"));
}

}  // namespace
}  // namespace continuo::bytes
