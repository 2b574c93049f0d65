#include "services/smb-frontend/commands/info_rules.h"

#include <array>

#include "common/smbwire/file_flags.h"
#include "common/smbwire/fscc.h"
#include "common/smbwire/fscc_volume.h"

namespace continuo::commands {
namespace {

using security::AccessMask;

struct QueryRow {
  uint8_t info_class;
  size_t minimum_size_bytes;
  AccessMask any_of;
};

constexpr AccessMask kReadAttributes = security::kFileReadAttributes;

// Where a structure ends in a name, its minimum is the structure's size with alignment, as Windows
// checks it.
constexpr std::array kFileRows = {
    QueryRow{smbwire::kFileBasicInformation, 40, kReadAttributes},
    QueryRow{smbwire::kFileStandardInformation, 24, 0},
    QueryRow{smbwire::kFileInternalInformation, 8, 0},
    QueryRow{smbwire::kFileEaInformation, 4, 0},
    QueryRow{smbwire::kFileAccessInformation, 4, 0},
    QueryRow{smbwire::kFileNameInformation, 8, 0},
    QueryRow{smbwire::kFilePositionInformation, 8, 0},
    QueryRow{smbwire::kFileFullEaInformation, 0, security::kFileReadEa},
    QueryRow{smbwire::kFileModeInformation, 4, 0},
    QueryRow{smbwire::kFileAlignmentInformation, 4, 0},
    QueryRow{smbwire::kFileAllInformation, 104, kReadAttributes},
    QueryRow{smbwire::kFileAlternateNameInformation, 8, 0},
    QueryRow{smbwire::kFileStreamInformation, 32, 0},
    QueryRow{smbwire::kFilePipeInformation, 8, kReadAttributes},
    QueryRow{smbwire::kFilePipeLocalInformation, 40, kReadAttributes},
    QueryRow{smbwire::kFileCompressionInformation, 16, 0},
    QueryRow{smbwire::kFileNetworkOpenInformation, 56, kReadAttributes},
    QueryRow{smbwire::kFileAttributeTagInformation, 8, kReadAttributes},
    QueryRow{smbwire::kFileNormalizedNameInformation, 8, 0},
    QueryRow{smbwire::kFileStandardLinkInformation, 12, 0},
    QueryRow{smbwire::kFileIdInformation, 24, 0},
    QueryRow{smbwire::kFilePosixInformation, 80, kReadAttributes},
};

constexpr std::array kFileSystemRows = {
    QueryRow{smbwire::kFileFsVolumeInformation, 24, 0},
    QueryRow{smbwire::kFileFsSizeInformation, smbwire::kFsSizeInformationSizeBytes, 0},
    QueryRow{smbwire::kFileFsDeviceInformation, smbwire::kFsDeviceInformationSizeBytes, 0},
    QueryRow{smbwire::kFileFsAttributeInformation, 16, 0},
    QueryRow{smbwire::kFileFsControlInformation, smbwire::kFsControlInformationSizeBytes, 0},
    QueryRow{smbwire::kFileFsFullSizeInformation, smbwire::kFsFullSizeInformationSizeBytes, 0},
    QueryRow{smbwire::kFileFsObjectIdInformation, smbwire::kFsObjectIdInformationSizeBytes, 0},
    QueryRow{smbwire::kFileFsSectorSizeInformation, smbwire::kFsSectorSizeInformationSizeBytes, 0},
    QueryRow{smbwire::kFileFsPosixInformation, smbwire::kFsPosixInformationSizeBytes, 0},
};

template <typename Rows>
std::optional<QueryRule> FindRule(const Rows& rows, uint8_t info_class) {
  for (const QueryRow& row : rows) {
    if (row.info_class == info_class) {
      return QueryRule{.minimum_size_bytes = row.minimum_size_bytes, .any_of = row.any_of};
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<QueryRule> FileQueryRule(uint8_t info_class) {
  return FindRule(kFileRows, info_class);
}

std::optional<QueryRule> FileSystemQueryRule(uint8_t info_class) {
  return FindRule(kFileSystemRows, info_class);
}

std::optional<AccessMask> FileSetRights(uint8_t info_class) {
  switch (info_class) {
    case smbwire::kFileBasicInformation:
    case smbwire::kFilePipeInformation:
      return security::kFileWriteAttributes;
    case smbwire::kFileRenameInformation:
    case smbwire::kFileRenameInformationEx:
    case smbwire::kFileDispositionInformation:
    case smbwire::kFileDispositionInformationEx:
    case smbwire::kFileShortNameInformation:
      return security::kDelete;
    case smbwire::kFileEndOfFileInformation:
    case smbwire::kFileAllocationInformation:
    case smbwire::kFileValidDataLengthInformation:
      return security::kFileWriteData;
    case smbwire::kFileFullEaInformation:
      return security::kFileWriteEa;
    case smbwire::kFilePositionInformation:
      return security::kFileReadData | security::kFileWriteData;
    case smbwire::kFileModeInformation:
    case smbwire::kFileLinkInformation:
    case smbwire::kFileLinkInformationEx:
      return AccessMask{0};
    default:
      return std::nullopt;
  }
}

bool IsUnsupportedFileClass(uint8_t info_class) {
  return info_class == smbwire::kFileObjectIdInformation ||
         info_class == smbwire::kFileQuotaInformation ||
         info_class == smbwire::kFileReparsePointInformation ||
         info_class == smbwire::kFilePipeRemoteInformation;
}

bool IsSettableMode(uint32_t mode) {
  constexpr uint32_t kBothSynchronous =
      smbwire::kOptionSynchronousIoAlert | smbwire::kOptionSynchronousIoNonalert;
  return (mode & ~kSettableModeOptions) == 0 && (mode & kBothSynchronous) != kBothSynchronous;
}

}  // namespace continuo::commands
