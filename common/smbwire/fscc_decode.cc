#include "common/smbwire/body.h"
#include "common/smbwire/fscc.h"

namespace continuo::smbwire {
namespace {

using bytes::ByteReader;

// The one number of a class that has only that.
NtResult<uint32_t> DecodeU32(std::span<const uint8_t> buffer) {
  ByteReader in(buffer);
  const uint32_t value = in.U32();
  if (!in.ok()) return NtStatus::kInfoLengthMismatch;
  return value;
}

NtResult<uint64_t> DecodeNonNegative64(std::span<const uint8_t> buffer) {
  ByteReader in(buffer);
  const uint64_t value = in.U64();
  if (!in.ok()) return NtStatus::kInfoLengthMismatch;
  if (value > INT64_MAX) return NtStatus::kInvalidParameter;
  return value;
}

// What follows the first 4 bytes in all forms of rename and link.
NtResult<FileRenameInformation> DecodeRenameTail(ByteReader& in, FileRenameInformation info) {
  info.root_directory = in.U64();
  const uint32_t name_size_bytes = in.U32();
  if (!in.ok()) return NtStatus::kInfoLengthMismatch;
  info.name_utf16le = in.Span(name_size_bytes);
  if (!in.ok() || name_size_bytes == 0 || name_size_bytes % 2 != 0 || info.root_directory != 0) {
    return NtStatus::kInvalidParameter;
  }
  return info;
}

}  // namespace

NtResult<FileBasicInformation> DecodeFileBasicInformation(std::span<const uint8_t> buffer) {
  ByteReader in(buffer);
  FileBasicInformation info;
  info.creation_time = internal::ReadFileTime(in);
  info.last_access_time = internal::ReadFileTime(in);
  info.last_write_time = internal::ReadFileTime(in);
  info.change_time = internal::ReadFileTime(in);
  info.file_attributes = in.U32();
  in.Skip(4);  // Reserved.
  if (!in.ok()) return NtStatus::kInfoLengthMismatch;
  for (const FileTime time : {info.creation_time, info.last_access_time, info.last_write_time,
                              info.change_time}) {
    if (time < kFileTimeThaw) return NtStatus::kInvalidParameter;
  }
  return info;
}

NtResult<uint64_t> DecodeFilePositionInformation(std::span<const uint8_t> buffer) {
  return DecodeNonNegative64(buffer);
}

NtResult<uint32_t> DecodeFileModeInformation(std::span<const uint8_t> buffer) {
  return DecodeU32(buffer);
}

NtResult<bool> DecodeFileDispositionInformation(std::span<const uint8_t> buffer) {
  if (buffer.empty()) return NtStatus::kInfoLengthMismatch;
  return buffer[0] != 0;
}

NtResult<uint32_t> DecodeFileDispositionInformationEx(std::span<const uint8_t> buffer) {
  return DecodeU32(buffer);
}

NtResult<FileRenameInformation> DecodeFileRenameInformation(std::span<const uint8_t> buffer) {
  ByteReader in(buffer);
  FileRenameInformation info;
  info.replace_if_exists = in.U8() != 0;
  info.flags = info.replace_if_exists ? kRenameReplaceIfExists : 0;
  in.Skip(7);  // Reserved.
  return DecodeRenameTail(in, info);
}

NtResult<FileRenameInformation> DecodeFileRenameInformationEx(std::span<const uint8_t> buffer) {
  ByteReader in(buffer);
  FileRenameInformation info;
  info.flags = in.U32();
  info.replace_if_exists = (info.flags & kRenameReplaceIfExists) != 0;
  in.Skip(4);  // Reserved.
  return DecodeRenameTail(in, info);
}

NtResult<uint64_t> DecodeFileSizeInformation(std::span<const uint8_t> buffer) {
  return DecodeNonNegative64(buffer);
}

NtResult<std::span<const uint8_t>> DecodeFileShortNameInformation(
    std::span<const uint8_t> buffer) {
  ByteReader in(buffer);
  const uint32_t name_size_bytes = in.U32();
  if (!in.ok()) return NtStatus::kInfoLengthMismatch;
  const auto name = in.Span(name_size_bytes);
  if (!in.ok() || name_size_bytes % 2 != 0) return NtStatus::kInvalidParameter;
  return name;
}

NtResult<FilePipeInformation> DecodeFilePipeInformation(std::span<const uint8_t> buffer) {
  ByteReader in(buffer);
  FilePipeInformation info;
  info.read_mode = in.U32();
  info.completion_mode = in.U32();
  if (!in.ok()) return NtStatus::kInfoLengthMismatch;
  return info;
}

}  // namespace continuo::smbwire
