// Tables for people and JSON for scripts.
//
// JSON is the protobuf mapping of the daemons' answers with the fields' own names; 64-bit numbers
// are strings in it, fields that are not set are present.
// Threading: pure but for Print*, which write to stdout.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>

namespace continuo::ctl {

class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_({std::move(header)}) {}
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  // Columns padded with blanks, no trailing blanks. Control characters in cells become '?', so
  // that a client's file name cannot play with the terminal.
  std::string Text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

std::string ToJson(const google::protobuf::Message& message);
void PrintJson(const google::protobuf::Message& message);

// "3.1 MB"; powers of 1000.
std::string BytesText(double bytes);
// "1d 2h", "3h 4m", "5m 6s", "7s".
std::string AgeText(int64_t seconds);
// How long ago, or "-" when not set.
std::string AgoText(const google::protobuf::Timestamp& time);
std::string YesNo(bool value);
std::string Hex(uint64_t value);
// Text or "-".
std::string OrDash(std::string_view text);

}  // namespace continuo::ctl
