#include "common/smbwire/fscc.h"

#include <algorithm>

#include "common/smbwire/body.h"

namespace continuo::smbwire {
namespace {

using bytes::ByteReader;
using bytes::ByteWriter;

constexpr size_t kStreamEntryFixedSizeBytes = 24;

// Appends as much of a name as fits, in whole UTF-16 code units. Whether all of it did.
bool AppendNameWithin(std::span<const uint8_t> name, size_t room_bytes, ByteWriter& out) {
  const size_t fitting = std::min(name.size(), room_bytes - room_bytes % 2);
  out.Append(name.first(fitting));
  return fitting == name.size();
}

void WriteTimes(FileTime creation, FileTime last_access, FileTime last_write, FileTime change,
                ByteWriter& out) {
  internal::WriteFileTime(creation, out);
  internal::WriteFileTime(last_access, out);
  internal::WriteFileTime(last_write, out);
  internal::WriteFileTime(change, out);
}

}  // namespace

void EncodeFileBasicInformation(const FileBasicInformation& info, ByteWriter& out) {
  WriteTimes(info.creation_time, info.last_access_time, info.last_write_time, info.change_time,
             out);
  out.U32(info.file_attributes);
  out.U32(0);  // Reserved.
}

void EncodeFileStandardInformation(const FileStandardInformation& info, ByteWriter& out) {
  out.U64(info.allocation_size_bytes);
  out.U64(info.end_of_file);
  out.U32(info.link_count);
  out.U8(info.is_delete_pending ? 1 : 0);
  out.U8(info.is_directory ? 1 : 0);
  out.U16(0);  // Reserved.
}

bool EncodeFileNameInformation(std::span<const uint8_t> name_utf16le, size_t limit_bytes,
                               ByteWriter& out) {
  CONTINUO_CHECK(limit_bytes >= 4);
  out.U32(static_cast<uint32_t>(name_utf16le.size()));
  return AppendNameWithin(name_utf16le, limit_bytes - 4, out);
}

bool EncodeFileAllInformation(const FileAllInformation& info, size_t limit_bytes,
                              ByteWriter& out) {
  CONTINUO_CHECK(limit_bytes >= kFileAllInformationFixedSizeBytes);
  const size_t start = out.size();
  EncodeFileBasicInformation(info.basic, out);
  EncodeFileStandardInformation(info.standard, out);
  out.U64(info.file_id);
  out.U32(info.ea_size_bytes);
  out.U32(info.access);
  out.U64(info.position);
  out.U32(info.mode);
  out.U32(info.alignment_requirement);
  out.U32(static_cast<uint32_t>(info.name_utf16le.size()));
  CONTINUO_CHECK(out.size() - start == kFileAllInformationFixedSizeBytes);
  return AppendNameWithin(info.name_utf16le, limit_bytes - kFileAllInformationFixedSizeBytes, out);
}

StreamListBuilder::StreamListBuilder(size_t limit_bytes, ByteWriter& out)
    : out_(out), start_(out.size()), limit_bytes_(limit_bytes) {}

bool StreamListBuilder::Add(std::span<const uint8_t> name_utf16le, uint64_t size_bytes,
                            uint64_t allocation_size_bytes) {
  const size_t used = out_.size() - start_;
  const size_t padding = (8 - used % 8) % 8;
  const size_t needed = padding + kStreamEntryFixedSizeBytes + name_utf16le.size();
  if (used > limit_bytes_ || needed > limit_bytes_ - used) return false;
  out_.Zeros(padding);
  if (has_entries_) out_.PatchU32(last_entry_, static_cast<uint32_t>(out_.size() - last_entry_));
  has_entries_ = true;
  last_entry_ = out_.size();
  out_.U32(0);  // NextEntryOffset: the following entry sets it.
  out_.U32(static_cast<uint32_t>(name_utf16le.size()));
  out_.U64(size_bytes);
  out_.U64(allocation_size_bytes);
  out_.Append(name_utf16le);
  return true;
}

void EncodeFileCompressionInformation(const FileCompressionInformation& info, ByteWriter& out) {
  out.U64(info.compressed_size_bytes);
  out.U16(info.format);
  out.U8(info.compression_unit_shift);
  out.U8(info.chunk_shift);
  out.U8(info.cluster_shift);
  out.Zeros(3);  // Reserved.
}

void EncodeFileNetworkOpenInformation(const FileNetworkOpenInformation& info, ByteWriter& out) {
  WriteTimes(info.creation_time, info.last_access_time, info.last_write_time, info.change_time,
             out);
  out.U64(info.allocation_size_bytes);
  out.U64(info.end_of_file);
  out.U32(info.file_attributes);
  out.U32(0);  // Reserved.
}

void EncodeFileAttributeTagInformation(uint32_t file_attributes, uint32_t reparse_tag,
                                       ByteWriter& out) {
  out.U32(file_attributes);
  out.U32(reparse_tag);
}

void EncodeFileIdInformation(uint64_t volume_serial_number, const std::array<uint8_t, 16>& file_id,
                             ByteWriter& out) {
  out.U64(volume_serial_number);
  out.Append(file_id);
}

void EncodeFilePipeInformation(const FilePipeInformation& info, ByteWriter& out) {
  out.U32(info.read_mode);
  out.U32(info.completion_mode);
}

void EncodeFilePipeLocalInformation(const FilePipeLocalInformation& info, ByteWriter& out) {
  out.U32(info.named_pipe_type);
  out.U32(info.named_pipe_configuration);
  out.U32(info.maximum_instances);
  out.U32(info.current_instances);
  out.U32(info.inbound_quota);
  out.U32(info.read_data_available);
  out.U32(info.outbound_quota);
  out.U32(info.write_quota_available);
  out.U32(info.named_pipe_state);
  out.U32(info.named_pipe_end);
}

void EncodeFilePosixInformation(const FilePosixInformation& info, ByteWriter& out) {
  WriteTimes(info.creation_time, info.last_access_time, info.last_write_time, info.change_time,
             out);
  out.U64(info.end_of_file);
  out.U64(info.allocation_size_bytes);
  out.U32(info.file_attributes);
  out.U64(info.inode);
  out.U32(info.device_id);
  out.U32(0);
  out.U32(info.link_count);
  out.U32(info.reparse_tag);
  out.U32(info.mode);
  out.Append(info.owner_sid);
  out.Append(info.group_sid);
}

}  // namespace continuo::smbwire
