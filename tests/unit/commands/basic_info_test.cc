// FileBasicInformation taken apart: special times, attribute rules, what watchers hear.
#include "services/smb-frontend/commands/basic_info.h"

#include <catch2/catch.hpp>

#include "common/fsa/requests.h"
#include "common/smbwire/file_flags.h"

namespace continuo::commands {
namespace {

TEST_CASE("basic information: the special times store nothing", "[unit][commands][MS-FSCC:2.4.7]") {
  struct Case {
    const char* why;
    int64_t write;
    bool freezes;
    bool thaws;
  };
  const auto c = GENERATE(values<Case>({
      {"0 leaves the time as it is", 0, false, false},
      {"-1 holds it from now on", -1, true, false},
      {"-2 lets it go again", -2, false, true},
  }));
  CAPTURE(c.why);
  const auto change = PlanBasicChange({.last_write_time = {c.write}}, false);
  REQUIRE(change.ok());
  CHECK_FALSE(change->times.write);
  CHECK_FALSE(change->attributes);
  CHECK(change->freezes_write_time == c.freezes);
  CHECK(change->thaws_write_time == c.thaws);
  CHECK(NotifyFilterOf(*change) == 0);
}

TEST_CASE("basic information: times are set one by one, and watchers hear of each",
          "[unit][commands][MS-FSA:2.1.5.15.2]") {
  const auto change = PlanBasicChange(
      {.creation_time = {1}, .last_access_time = {2}, .last_write_time = {3}, .change_time = {4}},
      true);
  REQUIRE(change.ok());
  CHECK(change->times.creation == vfs::FileTime{1});
  CHECK(change->times.access == vfs::FileTime{2});
  CHECK(change->times.write == vfs::FileTime{3});
  CHECK(change->times.change == vfs::FileTime{4});
  CHECK(NotifyFilterOf(*change) ==
        (fsa::kNotifyCreation | fsa::kNotifyLastAccess | fsa::kNotifyLastWrite));
}

TEST_CASE("basic information: attributes", "[unit][commands][MS-FSA:2.1.5.15.2]") {
  struct Case {
    const char* why;
    uint32_t attributes;
    bool is_directory;
    NtStatus::Code status;
    std::optional<uint32_t> stored;
  };
  const auto c = GENERATE(values<Case>({
      {"0 changes nothing", 0, false, NtStatus::kSuccess, std::nullopt},
      {"NORMAL clears all", smbwire::kAttributeNormal, false, NtStatus::kSuccess, 0u},
      {"READONLY", smbwire::kAttributeReadonly, false, NtStatus::kSuccess,
       smbwire::kAttributeReadonly},
      {"a client cannot make a file sparse so", smbwire::kAttributeSparseFile, false,
       NtStatus::kSuccess, 0u},
      {"a file is no directory", smbwire::kAttributeDirectory, false, NtStatus::kInvalidParameter,
       std::nullopt},
      {"a directory is one", smbwire::kAttributeDirectory | smbwire::kAttributeHidden, true,
       NtStatus::kSuccess, smbwire::kAttributeHidden},
      {"a directory is not temporary", smbwire::kAttributeTemporary, true,
       NtStatus::kInvalidParameter, std::nullopt},
  }));
  CAPTURE(c.why);
  const auto change = PlanBasicChange({.file_attributes = c.attributes}, c.is_directory);
  REQUIRE(change.status() == c.status);
  if (change.ok()) CHECK(change->attributes == c.stored);
}

}  // namespace
}  // namespace continuo::commands
