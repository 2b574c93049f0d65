// QUERY_INFO of the file system behind a share.
#include <sys/statvfs.h>

#include <algorithm>
#include <array>

#include "common/bytes/utf16.h"
#include "common/smbwire/fscc_volume.h"
#include "services/smb-frontend/commands/file_reply.h"
#include "services/smb-frontend/commands/info_query.h"

namespace continuo::commands {
namespace {

// Clients take "NTFS" as the promise of descriptors, streams and the like.
constexpr std::string_view kFileSystemName = "NTFS";

NtStatus Overflow(bool is_complete) {
  return is_complete ? NtStatus::kSuccess : NtStatus::kBufferOverflow;
}

smbwire::FsSizes SizesOf(const vfs::VolumeInfo& volume) {
  return {.total_allocation_units = volume.total_units,
          .caller_available_allocation_units = volume.caller_free_units,
          .actual_available_allocation_units = volume.actual_free_units,
          .sectors_per_allocation_unit = volume.sectors_per_unit,
          .bytes_per_sector = volume.bytes_per_sector};
}

NtStatus QueryVolume(const InfoQuery& query, const vfs::VolumeInfo& volume,
                     bytes::ByteWriter& out) {
  const auto label = bytes::Utf8ToUtf16Le(query.open.share().netname());
  smbwire::FsVolumeInformation info{.creation_time = ToWireTime(volume.created),
                                    .serial_number = volume.serial};
  if (label) info.label_utf16le = *label;
  return Overflow(smbwire::EncodeFsVolumeInformation(info, query.limit_bytes, out));
}

uint32_t FsAttributesOf(const open::OpenFile& open, const vfs::VolumeInfo& volume) {
  uint32_t attributes = smbwire::kFsCasePreservedNames | smbwire::kFsUnicodeOnDisk |
                        smbwire::kFsPersistentAcls | smbwire::kFsSupportsSparseFiles |
                        smbwire::kFsSupportsObjectIds | smbwire::kFsSupportsHardLinks |
                        smbwire::kFsSupportsExtendedAttributes;
  const vfs::ShareOptions& options = open.share().root->options();
  // The file system below tells names apart by case, whatever look-ups do.
  attributes |= smbwire::kFsCaseSensitiveSearch;
  if (options.has_named_streams) attributes |= smbwire::kFsNamedStreams;
  if (volume.is_read_only) attributes |= smbwire::kFsReadOnlyVolume;
  return attributes;
}

NtStatus QueryAttributes(const InfoQuery& query, const vfs::VolumeInfo& volume,
                         bytes::ByteWriter& out) {
  const auto name = bytes::Utf8ToUtf16Le(kFileSystemName);
  const smbwire::FsAttributeInformation info{
      .attributes = FsAttributesOf(query.open, volume),
      .maximum_component_name_length = volume.max_component_units,
      .file_system_name_utf16le = *name};
  return Overflow(smbwire::EncodeFsAttributeInformation(info, query.limit_bytes, out));
}

void QueryObjectId(const InfoQuery& query, bytes::ByteWriter& out) {
  smbwire::Guid id{};
  const vfs::FileSystemUuid& uuid = query.open.share().root->file_system();
  std::copy(uuid.begin(), uuid.end(), id.begin());
  constexpr std::array<uint8_t, 48> kNoExtendedInfo{};
  smbwire::EncodeFsObjectIdInformation(id, kNoExtendedInfo, out);
}

NtStatus QueryPosixVolume(const InfoQuery& query, bytes::ByteWriter& out) {
  struct statvfs info{};
  if (::fstatvfs(query.open.share().root->fd(), &info) != 0) return NtStatus::kUnexpectedIoError;
  smbwire::EncodeFsPosixInformation(
      {.optimal_transfer_size_bytes = static_cast<uint32_t>(info.f_bsize),
       .block_size_bytes = static_cast<uint32_t>(info.f_frsize),
       .total_blocks = info.f_blocks,
       .blocks_available = info.f_bfree,
       .user_blocks_available = info.f_bavail,
       .total_file_nodes = info.f_files,
       .free_file_nodes = info.f_ffree,
       .file_system_identifier = query.open.share().root->volume_serial()},
      out);
  return NtStatus::kSuccess;
}

NtStatus QueryPipeFileSystem(const InfoQuery& query, bytes::ByteWriter& out) {
  if (query.info_class != smbwire::kFileFsDeviceInformation) return NtStatus::kNotSupported;
  smbwire::EncodeFsDeviceInformation(smbwire::kDeviceTypeNamedPipe, 0, out);
  return NtStatus::kSuccess;
}

}  // namespace

NtStatus QueryFileSystemInfo(const InfoQuery& query, bytes::ByteWriter& out) {
  if (query.open.is_pipe()) return QueryPipeFileSystem(query, out);
  CONTINUO_ASSIGN_OR_RETURN(const vfs::VolumeInfo volume, query.open.vfs().GetVolumeInfo());
  switch (query.info_class) {
    case smbwire::kFileFsVolumeInformation:
      return QueryVolume(query, volume, out);
    case smbwire::kFileFsSizeInformation:
      smbwire::EncodeFsSizeInformation(SizesOf(volume), out);
      break;
    case smbwire::kFileFsFullSizeInformation:
      smbwire::EncodeFsFullSizeInformation(SizesOf(volume), out);
      break;
    case smbwire::kFileFsDeviceInformation: {
      uint32_t characteristics = smbwire::kDeviceCharacteristicMounted;
      if (volume.is_read_only) characteristics |= smbwire::kDeviceCharacteristicReadOnly;
      smbwire::EncodeFsDeviceInformation(smbwire::kDeviceTypeDisk, characteristics, out);
      break;
    }
    case smbwire::kFileFsAttributeInformation:
      return QueryAttributes(query, volume, out);
    case smbwire::kFileFsControlInformation:
      // Quotas are not kept: no limit and no tracking.
      smbwire::EncodeFsControlInformation({}, out);
      break;
    case smbwire::kFileFsObjectIdInformation:
      QueryObjectId(query, out);
      break;
    case smbwire::kFileFsSectorSizeInformation: {
      smbwire::FsSectorSizeInformation info;
      const uint32_t unit = volume.sectors_per_unit * volume.bytes_per_sector;
      info.physical_bytes_for_atomicity = unit;
      info.physical_bytes_for_performance = unit;
      info.effective_physical_bytes_for_atomicity = unit;
      smbwire::EncodeFsSectorSizeInformation(info, out);
      break;
    }
    case smbwire::kFileFsPosixInformation:
      return QueryPosixVolume(query, out);
    default:
      return NtStatus::kInvalidInfoClass;
  }
  return NtStatus::kSuccess;
}

}  // namespace continuo::commands
