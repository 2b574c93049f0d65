// What information classes ask of an open and of the buffer.
#include "services/smb-frontend/commands/info_rules.h"

#include <catch2/catch.hpp>

#include "common/smbwire/file_flags.h"
#include "common/smbwire/fscc.h"
#include "common/smbwire/fscc_volume.h"

namespace continuo::commands {
namespace {

TEST_CASE("query rules: the buffer and the rights that a class needs",
          "[unit][commands][MS-SMB2:3.3.5.20.1]") {
  struct Case {
    uint8_t info_class;
    size_t minimum;
    security::AccessMask any_of;
  };
  const auto c = GENERATE(values<Case>({
      {4, 40, security::kFileReadAttributes},
      {5, 24, 0},
      {8, 4, 0},
      {15, 0, security::kFileReadEa},
      {18, 104, security::kFileReadAttributes},
      {22, 32, 0},
      {34, 56, security::kFileReadAttributes},
      {35, 8, security::kFileReadAttributes},
  }));
  CAPTURE(int{c.info_class});
  const auto rule = FileQueryRule(c.info_class);
  REQUIRE(rule);
  CHECK(rule->minimum_size_bytes == c.minimum);
  CHECK(rule->any_of == c.any_of);
}

TEST_CASE("query rules: directory, set-only and unknown classes are none",
          "[unit][commands][MS-SMB2:3.3.5.20.1]") {
  for (const int info_class : {0, 1, 3, 10, 13, 20, 37, 64, 255}) {
    CAPTURE(info_class);
    CHECK_FALSE(FileQueryRule(static_cast<uint8_t>(info_class)));
  }
  CHECK_FALSE(FileSystemQueryRule(0));
  CHECK_FALSE(FileSystemQueryRule(smbwire::kFileFsLabelInformation));
}

TEST_CASE("set rules: rename and disposition need DELETE, sizes need the right to write",
          "[unit][commands][MS-SMB2:3.3.5.21.1]") {
  CHECK(FileSetRights(smbwire::kFileRenameInformation) == security::kDelete);
  CHECK(FileSetRights(smbwire::kFileDispositionInformationEx) == security::kDelete);
  CHECK(FileSetRights(smbwire::kFileEndOfFileInformation) == security::kFileWriteData);
  CHECK(FileSetRights(smbwire::kFileBasicInformation) == security::kFileWriteAttributes);
  CHECK(FileSetRights(smbwire::kFileFullEaInformation) == security::kFileWriteEa);
  CHECK(FileSetRights(smbwire::kFileModeInformation) == security::AccessMask{0});
  CHECK_FALSE(FileSetRights(smbwire::kFileStandardInformation));
}

TEST_CASE("mode: only what may change, and one way to be synchronous",
          "[unit][commands][MS-FSA:2.1.5.15.8]") {
  CHECK(IsSettableMode(0));
  CHECK(IsSettableMode(smbwire::kOptionWriteThrough | smbwire::kOptionSynchronousIoAlert));
  CHECK_FALSE(IsSettableMode(smbwire::kOptionDeleteOnClose));
  CHECK_FALSE(IsSettableMode(smbwire::kOptionNoIntermediateBuffering));
  CHECK_FALSE(IsSettableMode(smbwire::kOptionSynchronousIoAlert |
                             smbwire::kOptionSynchronousIoNonalert));
}

}  // namespace
}  // namespace continuo::commands
