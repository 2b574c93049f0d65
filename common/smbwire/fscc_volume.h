// [MS-FSCC] file-system information classes.
//
// Source: [MS-FSCC] 2.5; POSIX: the SMB3 POSIX extensions draft. Threading: pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/bytes/byte_writer.h"
#include "common/ntstatus/ntstatus.h"
#include "common/smbwire/filetime.h"
#include "common/smbwire/header.h"

namespace continuo::smbwire {

inline constexpr uint8_t kFileFsVolumeInformation = 1;
inline constexpr uint8_t kFileFsLabelInformation = 2;
inline constexpr uint8_t kFileFsSizeInformation = 3;
inline constexpr uint8_t kFileFsDeviceInformation = 4;
inline constexpr uint8_t kFileFsAttributeInformation = 5;
inline constexpr uint8_t kFileFsControlInformation = 6;
inline constexpr uint8_t kFileFsFullSizeInformation = 7;
inline constexpr uint8_t kFileFsObjectIdInformation = 8;
inline constexpr uint8_t kFileFsDriverPathInformation = 9;
inline constexpr uint8_t kFileFsVolumeFlagsInformation = 10;
inline constexpr uint8_t kFileFsSectorSizeInformation = 11;
inline constexpr uint8_t kFileFsPosixInformation = 100;

struct FsVolumeInformation {
  FileTime creation_time;
  uint32_t serial_number = 0;
  bool supports_objects = false;
  std::span<const uint8_t> label_utf16le;
};
inline constexpr size_t kFsVolumeInformationFixedSizeBytes = 18;
// The label is cut to `limit_bytes`: returns false then (STATUS_BUFFER_OVERFLOW).
// Requires: limit_bytes >= kFsVolumeInformationFixedSizeBytes.
bool EncodeFsVolumeInformation(const FsVolumeInformation& info, size_t limit_bytes,
                               bytes::ByteWriter& out);

struct FsSizes {
  uint64_t total_allocation_units = 0;
  uint64_t caller_available_allocation_units = 0;
  uint64_t actual_available_allocation_units = 0;  // FullSize alone.
  uint32_t sectors_per_allocation_unit = 0;
  uint32_t bytes_per_sector = 0;
};
inline constexpr size_t kFsSizeInformationSizeBytes = 24;
inline constexpr size_t kFsFullSizeInformationSizeBytes = 32;
void EncodeFsSizeInformation(const FsSizes& sizes, bytes::ByteWriter& out);
void EncodeFsFullSizeInformation(const FsSizes& sizes, bytes::ByteWriter& out);

inline constexpr uint32_t kDeviceTypeDisk = 0x00000007;
inline constexpr uint32_t kDeviceTypeNamedPipe = 0x00000011;
inline constexpr uint32_t kDeviceCharacteristicReadOnly = 0x00000002;
inline constexpr uint32_t kDeviceCharacteristicRemote = 0x00000010;
inline constexpr uint32_t kDeviceCharacteristicMounted = 0x00000020;
inline constexpr size_t kFsDeviceInformationSizeBytes = 8;
void EncodeFsDeviceInformation(uint32_t device_type, uint32_t characteristics,
                               bytes::ByteWriter& out);

inline constexpr uint32_t kFsCaseSensitiveSearch = 0x00000001;
inline constexpr uint32_t kFsCasePreservedNames = 0x00000002;
inline constexpr uint32_t kFsUnicodeOnDisk = 0x00000004;
inline constexpr uint32_t kFsPersistentAcls = 0x00000008;
inline constexpr uint32_t kFsFileCompression = 0x00000010;
inline constexpr uint32_t kFsVolumeQuotas = 0x00000020;
inline constexpr uint32_t kFsSupportsSparseFiles = 0x00000040;
inline constexpr uint32_t kFsSupportsReparsePoints = 0x00000080;
inline constexpr uint32_t kFsSupportsObjectIds = 0x00010000;
inline constexpr uint32_t kFsNamedStreams = 0x00040000;
inline constexpr uint32_t kFsReadOnlyVolume = 0x00080000;
inline constexpr uint32_t kFsSupportsHardLinks = 0x00400000;
inline constexpr uint32_t kFsSupportsExtendedAttributes = 0x00800000;
inline constexpr uint32_t kFsSupportsOpenByFileId = 0x01000000;
inline constexpr uint32_t kFsSupportsBlockRefcounting = 0x08000000;

struct FsAttributeInformation {
  uint32_t attributes = 0;
  uint32_t maximum_component_name_length = 255;
  std::span<const uint8_t> file_system_name_utf16le;
};
inline constexpr size_t kFsAttributeInformationFixedSizeBytes = 12;
bool EncodeFsAttributeInformation(const FsAttributeInformation& info, size_t limit_bytes,
                                  bytes::ByteWriter& out);

inline constexpr uint32_t kSectorFlagAlignedDevice = 0x00000001;
inline constexpr uint32_t kSectorFlagPartitionAligned = 0x00000002;
inline constexpr uint32_t kSectorFlagNoSeekPenalty = 0x00000004;
inline constexpr uint32_t kSectorFlagTrimEnabled = 0x00000008;
struct FsSectorSizeInformation {
  uint32_t logical_bytes_per_sector = 512;
  uint32_t physical_bytes_for_atomicity = 512;
  uint32_t physical_bytes_for_performance = 512;
  uint32_t effective_physical_bytes_for_atomicity = 512;
  uint32_t flags = kSectorFlagAlignedDevice | kSectorFlagPartitionAligned;
  uint32_t byte_offset_for_sector_alignment = 0;
  uint32_t byte_offset_for_partition_alignment = 0;
};
inline constexpr size_t kFsSectorSizeInformationSizeBytes = 28;
void EncodeFsSectorSizeInformation(const FsSectorSizeInformation& info, bytes::ByteWriter& out);

inline constexpr size_t kFsObjectIdInformationSizeBytes = 64;
void EncodeFsObjectIdInformation(const Guid& object_id, std::span<const uint8_t, 48> extended_info,
                                 bytes::ByteWriter& out);

inline constexpr uint64_t kNoQuotaLimit = UINT64_MAX;
struct FsControlInformation {
  uint64_t free_space_start_filtering = 0;
  uint64_t free_space_threshold = 0;
  uint64_t free_space_stop_filtering = 0;
  uint64_t default_quota_threshold = kNoQuotaLimit;
  uint64_t default_quota_limit = kNoQuotaLimit;
  uint32_t control_flags = 0;
};
inline constexpr size_t kFsControlInformationSizeBytes = 48;
void EncodeFsControlInformation(const FsControlInformation& info, bytes::ByteWriter& out);
NtResult<FsControlInformation> DecodeFsControlInformation(std::span<const uint8_t> buffer);

struct FsPosixInformation {
  uint32_t optimal_transfer_size_bytes = 0;
  uint32_t block_size_bytes = 0;
  uint64_t total_blocks = 0;
  uint64_t blocks_available = 0;
  uint64_t user_blocks_available = 0;
  uint64_t total_file_nodes = 0;
  uint64_t free_file_nodes = 0;
  uint64_t file_system_identifier = 0;
};
inline constexpr size_t kFsPosixInformationSizeBytes = 56;
void EncodeFsPosixInformation(const FsPosixInformation& info, bytes::ByteWriter& out);

}  // namespace continuo::smbwire
