// Goal: what is printed is readable, and text from clients cannot play with the terminal.
#include <catch2/catch.hpp>

#include "continuo/frontend/v1/frontend_admin_service.pb.h"
#include "tools/continuoctl/output.h"

namespace continuo::ctl {
namespace {

TEST_CASE("table: columns line up by characters, control characters do not pass",
          "[unit][continuoctl]") {
  Table table({"NAME", "SIZE"});
  table.Add({"Büro", "1"});
  table.Add({"evil\x1B[2J\n\x7F", "22"});
  CHECK(table.Text() ==
        "NAME        SIZE\n"
        "Büro        1\n"
        "evil?[2J??  22\n");
}

TEST_CASE("text: sizes and ages are short", "[unit][continuoctl]") {
  CHECK(BytesText(0) == "0 B");
  CHECK(BytesText(999) == "999 B");
  CHECK(BytesText(1500) == "1.5 kB");
  CHECK(BytesText(2.5e15) == "2.5 PB");
  CHECK(BytesText(9e18) == "9000.0 PB");
  CHECK(AgeText(-1) == "0s");
  CHECK(AgeText(59) == "59s");
  CHECK(AgeText(61) == "1m 1s");
  CHECK(AgeText(3 * 3600 + 60) == "3h 1m");
  CHECK(AgeText(90'000) == "1d 1h");
}

TEST_CASE("JSON: fields keep their names, zeros are there", "[unit][continuoctl]") {
  frontend::v1::CloseOpenResponse response;
  CHECK(ToJson(response) == "{\n \"found\": false\n}\n");
}

}  // namespace
}  // namespace continuo::ctl
