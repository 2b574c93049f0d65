#include "common/smbwire/fscc_volume.h"

#include <algorithm>

#include "common/smbwire/body.h"

namespace continuo::smbwire {
namespace {

using bytes::ByteWriter;

bool AppendWithin(std::span<const uint8_t> name, size_t room_bytes, ByteWriter& out) {
  const size_t fitting = std::min(name.size(), room_bytes - room_bytes % 2);
  out.Append(name.first(fitting));
  return fitting == name.size();
}

}  // namespace

bool EncodeFsVolumeInformation(const FsVolumeInformation& info, size_t limit_bytes,
                               ByteWriter& out) {
  CONTINUO_CHECK(limit_bytes >= kFsVolumeInformationFixedSizeBytes);
  internal::WriteFileTime(info.creation_time, out);
  out.U32(info.serial_number);
  out.U32(static_cast<uint32_t>(info.label_utf16le.size()));
  out.U8(info.supports_objects ? 1 : 0);
  out.U8(0);  // Reserved.
  return AppendWithin(info.label_utf16le, limit_bytes - kFsVolumeInformationFixedSizeBytes, out);
}

void EncodeFsSizeInformation(const FsSizes& sizes, ByteWriter& out) {
  out.U64(sizes.total_allocation_units);
  out.U64(sizes.caller_available_allocation_units);
  out.U32(sizes.sectors_per_allocation_unit);
  out.U32(sizes.bytes_per_sector);
}

void EncodeFsFullSizeInformation(const FsSizes& sizes, ByteWriter& out) {
  out.U64(sizes.total_allocation_units);
  out.U64(sizes.caller_available_allocation_units);
  out.U64(sizes.actual_available_allocation_units);
  out.U32(sizes.sectors_per_allocation_unit);
  out.U32(sizes.bytes_per_sector);
}

void EncodeFsDeviceInformation(uint32_t device_type, uint32_t characteristics, ByteWriter& out) {
  out.U32(device_type);
  out.U32(characteristics);
}

bool EncodeFsAttributeInformation(const FsAttributeInformation& info, size_t limit_bytes,
                                  ByteWriter& out) {
  CONTINUO_CHECK(limit_bytes >= kFsAttributeInformationFixedSizeBytes);
  out.U32(info.attributes);
  out.U32(info.maximum_component_name_length);
  out.U32(static_cast<uint32_t>(info.file_system_name_utf16le.size()));
  return AppendWithin(info.file_system_name_utf16le,
                      limit_bytes - kFsAttributeInformationFixedSizeBytes, out);
}

void EncodeFsSectorSizeInformation(const FsSectorSizeInformation& info, ByteWriter& out) {
  out.U32(info.logical_bytes_per_sector);
  out.U32(info.physical_bytes_for_atomicity);
  out.U32(info.physical_bytes_for_performance);
  out.U32(info.effective_physical_bytes_for_atomicity);
  out.U32(info.flags);
  out.U32(info.byte_offset_for_sector_alignment);
  out.U32(info.byte_offset_for_partition_alignment);
}

void EncodeFsObjectIdInformation(const Guid& object_id, std::span<const uint8_t, 48> extended_info,
                                 ByteWriter& out) {
  out.Append(object_id);
  out.Append(extended_info);
}

void EncodeFsControlInformation(const FsControlInformation& info, ByteWriter& out) {
  out.U64(info.free_space_start_filtering);
  out.U64(info.free_space_threshold);
  out.U64(info.free_space_stop_filtering);
  out.U64(info.default_quota_threshold);
  out.U64(info.default_quota_limit);
  out.U32(info.control_flags);
  out.U32(0);  // Padding.
}

NtResult<FsControlInformation> DecodeFsControlInformation(std::span<const uint8_t> buffer) {
  bytes::ByteReader in(buffer);
  FsControlInformation info;
  info.free_space_start_filtering = in.U64();
  info.free_space_threshold = in.U64();
  info.free_space_stop_filtering = in.U64();
  info.default_quota_threshold = in.U64();
  info.default_quota_limit = in.U64();
  info.control_flags = in.U32();
  if (!in.ok()) return NtStatus::kInfoLengthMismatch;
  return info;
}

void EncodeFsPosixInformation(const FsPosixInformation& info, ByteWriter& out) {
  out.U32(info.optimal_transfer_size_bytes);
  out.U32(info.block_size_bytes);
  out.U64(info.total_blocks);
  out.U64(info.blocks_available);
  out.U64(info.user_blocks_available);
  out.U64(info.total_file_nodes);
  out.U64(info.free_file_nodes);
  out.U64(info.file_system_identifier);
}

}  // namespace continuo::smbwire
