#include "common/smbwire/fscc_directory.h"

#include <algorithm>

#include "common/smbwire/body.h"
#include "common/smbwire/file_flags.h"

namespace continuo::smbwire {
namespace {

using bytes::ByteWriter;

constexpr size_t kEntryAlignment = 8;

// NextEntryOffset and FileIndex, then what all classes but Names and Posix start with.
void WriteCommon(const DirectoryEntry& entry, ByteWriter& out) {
  out.U32(0);  // NextEntryOffset: the following entry sets it.
  out.U32(entry.file_index);
  internal::WriteFileTime(entry.creation_time, out);
  internal::WriteFileTime(entry.last_access_time, out);
  internal::WriteFileTime(entry.last_write_time, out);
  internal::WriteFileTime(entry.change_time, out);
  out.U64(entry.end_of_file);
  out.U64(entry.allocation_size_bytes);
  out.U32(entry.file_attributes);
  out.U32(static_cast<uint32_t>(entry.name_utf16le.size()));
}

// [MS-FSCC] 2.4.8: EaSize holds the reparse tag when the entry is a reparse point.
uint32_t EaSizeOrTag(const DirectoryEntry& entry) {
  return (entry.file_attributes & kAttributeReparsePoint) != 0 ? entry.reparse_tag
                                                               : entry.ea_size_bytes;
}

void WriteShortName(const DirectoryEntry& entry, ByteWriter& out) {
  const auto name = entry.short_name_utf16le.first(
      std::min(entry.short_name_utf16le.size(), kMaxShortNameSizeBytes));
  out.U8(static_cast<uint8_t>(name.size()));
  out.U8(0);  // Reserved.
  out.Append(name);
  out.Zeros(kMaxShortNameSizeBytes - name.size());
}

void WritePosix(const DirectoryEntry& entry, ByteWriter& out) {
  out.U32(0);  // NextEntryOffset.
  out.U32(entry.file_index);
  FilePosixInformation info;
  info.creation_time = entry.creation_time;
  info.last_access_time = entry.last_access_time;
  info.last_write_time = entry.last_write_time;
  info.change_time = entry.change_time;
  info.end_of_file = entry.end_of_file;
  info.allocation_size_bytes = entry.allocation_size_bytes;
  info.file_attributes = entry.file_attributes;
  info.inode = entry.file_id;
  info.device_id = entry.device_id;
  info.link_count = entry.link_count;
  info.reparse_tag = entry.reparse_tag;
  info.mode = entry.mode;
  info.owner_sid = entry.owner_sid;
  info.group_sid = entry.group_sid;
  EncodeFilePosixInformation(info, out);
  out.U32(static_cast<uint32_t>(entry.name_utf16le.size()));
}

}  // namespace

std::optional<size_t> DirectoryEntryFixedSizeBytes(uint8_t info_class) {
  switch (info_class) {
    case kFileDirectoryInformation: return 64;
    case kFileFullDirectoryInformation: return 68;
    case kFileBothDirectoryInformation: return 94;
    case kFileIdBothDirectoryInformation: return 104;
    case kFileIdFullDirectoryInformation: return 80;
    case kFileNamesInformation: return 12;
    case kFileIdExtdDirectoryInformation: return 88;
    case kFilePosixInformation: return 92;  // Without the SIDs.
    default: return std::nullopt;
  }
}

DirectoryListBuilder::DirectoryListBuilder(uint8_t info_class, size_t limit_bytes, ByteWriter& out)
    : info_class_(info_class), out_(out), start_(out.size()), limit_bytes_(limit_bytes) {
  CONTINUO_CHECK(DirectoryEntryFixedSizeBytes(info_class).has_value());
}

bool DirectoryListBuilder::Add(const DirectoryEntry& entry) {
  size_t entry_size = *DirectoryEntryFixedSizeBytes(info_class_) + entry.name_utf16le.size();
  if (info_class_ == kFilePosixInformation) {
    entry_size += entry.owner_sid.size() + entry.group_sid.size();
  }
  const size_t used = out_.size() - start_;
  const size_t padding = (kEntryAlignment - used % kEntryAlignment) % kEntryAlignment;
  if (used > limit_bytes_ || padding + entry_size > limit_bytes_ - used) return false;

  out_.Zeros(padding);
  if (count_ > 0) out_.PatchU32(last_entry_, static_cast<uint32_t>(out_.size() - last_entry_));
  last_entry_ = out_.size();
  Encode(entry);
  CONTINUO_CHECK(out_.size() - last_entry_ == entry_size);
  ++count_;
  return true;
}

void DirectoryListBuilder::Encode(const DirectoryEntry& entry) {
  switch (info_class_) {
    case kFileDirectoryInformation:
      WriteCommon(entry, out_);
      break;
    case kFileFullDirectoryInformation:
      WriteCommon(entry, out_);
      out_.U32(EaSizeOrTag(entry));
      break;
    case kFileBothDirectoryInformation:
      WriteCommon(entry, out_);
      out_.U32(EaSizeOrTag(entry));
      WriteShortName(entry, out_);
      break;
    case kFileIdBothDirectoryInformation:
      WriteCommon(entry, out_);
      out_.U32(EaSizeOrTag(entry));
      WriteShortName(entry, out_);
      out_.U16(0);  // Reserved2.
      out_.U64(entry.file_id);
      break;
    case kFileIdFullDirectoryInformation:
      WriteCommon(entry, out_);
      out_.U32(EaSizeOrTag(entry));
      out_.U32(0);  // Reserved.
      out_.U64(entry.file_id);
      break;
    case kFileIdExtdDirectoryInformation:
      WriteCommon(entry, out_);
      out_.U32(entry.ea_size_bytes);
      out_.U32(entry.reparse_tag);
      out_.Append(entry.file_id_128);
      break;
    case kFileNamesInformation:
      out_.U32(0);  // NextEntryOffset.
      out_.U32(entry.file_index);
      out_.U32(static_cast<uint32_t>(entry.name_utf16le.size()));
      break;
    case kFilePosixInformation:
      WritePosix(entry, out_);
      break;
    default:
      CONTINUO_CHECK(false);  // The constructor checked the class.
  }
  out_.Append(entry.name_utf16le);
}

}  // namespace continuo::smbwire
