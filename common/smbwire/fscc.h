// [MS-FSCC] file information classes: constants, encoders for QUERY_INFO, decoders for SET_INFO.
//
// Encoders append at the writer's end. Decoders take the whole SET_INFO buffer, ignore bytes after
// the structure, and answer InfoLengthMismatch for a buffer that is too short.
//
// Source: [MS-FSCC] 2.4; POSIX: the SMB3 POSIX extensions draft. Threading: pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/bytes/byte_writer.h"
#include "common/ntstatus/ntstatus.h"
#include "common/smbwire/filetime.h"

namespace continuo::smbwire {

// File information classes, [MS-FSCC] 2.4. Also the numbers of the directory classes.
inline constexpr uint8_t kFileDirectoryInformation = 1;
inline constexpr uint8_t kFileFullDirectoryInformation = 2;
inline constexpr uint8_t kFileBothDirectoryInformation = 3;
inline constexpr uint8_t kFileBasicInformation = 4;
inline constexpr uint8_t kFileStandardInformation = 5;
inline constexpr uint8_t kFileInternalInformation = 6;
inline constexpr uint8_t kFileEaInformation = 7;
inline constexpr uint8_t kFileAccessInformation = 8;
inline constexpr uint8_t kFileNameInformation = 9;
inline constexpr uint8_t kFileRenameInformation = 10;
inline constexpr uint8_t kFileLinkInformation = 11;
inline constexpr uint8_t kFileNamesInformation = 12;
inline constexpr uint8_t kFileDispositionInformation = 13;
inline constexpr uint8_t kFilePositionInformation = 14;
inline constexpr uint8_t kFileFullEaInformation = 15;
inline constexpr uint8_t kFileModeInformation = 16;
inline constexpr uint8_t kFileAlignmentInformation = 17;
inline constexpr uint8_t kFileAllInformation = 18;
inline constexpr uint8_t kFileAllocationInformation = 19;
inline constexpr uint8_t kFileEndOfFileInformation = 20;
inline constexpr uint8_t kFileAlternateNameInformation = 21;
inline constexpr uint8_t kFileStreamInformation = 22;
inline constexpr uint8_t kFilePipeInformation = 23;
inline constexpr uint8_t kFilePipeLocalInformation = 24;
inline constexpr uint8_t kFilePipeRemoteInformation = 25;
inline constexpr uint8_t kFileCompressionInformation = 28;
inline constexpr uint8_t kFileObjectIdInformation = 29;
inline constexpr uint8_t kFileQuotaInformation = 32;
inline constexpr uint8_t kFileReparsePointInformation = 33;
inline constexpr uint8_t kFileNetworkOpenInformation = 34;
inline constexpr uint8_t kFileAttributeTagInformation = 35;
inline constexpr uint8_t kFileIdBothDirectoryInformation = 37;
inline constexpr uint8_t kFileIdFullDirectoryInformation = 38;
inline constexpr uint8_t kFileValidDataLengthInformation = 39;
inline constexpr uint8_t kFileShortNameInformation = 40;
inline constexpr uint8_t kFileNormalizedNameInformation = 48;
inline constexpr uint8_t kFileStandardLinkInformation = 54;
inline constexpr uint8_t kFileIdInformation = 59;
inline constexpr uint8_t kFileIdExtdDirectoryInformation = 60;
inline constexpr uint8_t kFileDispositionInformationEx = 64;
inline constexpr uint8_t kFileRenameInformationEx = 65;
inline constexpr uint8_t kFileLinkInformationEx = 72;
inline constexpr uint8_t kFilePosixInformation = 100;  // Query and directory.

struct FileBasicInformation {
  FileTime creation_time;
  FileTime last_access_time;
  FileTime last_write_time;
  FileTime change_time;
  uint32_t file_attributes = 0;
};
inline constexpr size_t kFileBasicInformationSizeBytes = 40;
void EncodeFileBasicInformation(const FileBasicInformation& info, bytes::ByteWriter& out);
// Errors also: InvalidParameter for a time below -2.
NtResult<FileBasicInformation> DecodeFileBasicInformation(std::span<const uint8_t> buffer);

struct FileStandardInformation {
  uint64_t allocation_size_bytes = 0;
  uint64_t end_of_file = 0;
  uint32_t link_count = 0;
  bool is_delete_pending = false;
  bool is_directory = false;
};
inline constexpr size_t kFileStandardInformationSizeBytes = 24;
void EncodeFileStandardInformation(const FileStandardInformation& info, bytes::ByteWriter& out);

// Classes that are one number: FileInternalInformation (64-bit file id), FileEaInformation,
// FileAccessInformation, FilePositionInformation, FileModeInformation, FileAlignmentInformation.
inline void EncodeFileInternalInformation(uint64_t file_id, bytes::ByteWriter& out) {
  out.U64(file_id);
}
inline void EncodeFileEaInformation(uint32_t ea_size_bytes, bytes::ByteWriter& out) {
  out.U32(ea_size_bytes);
}
inline void EncodeFileAccessInformation(uint32_t access, bytes::ByteWriter& out) {
  out.U32(access);
}
inline void EncodeFilePositionInformation(uint64_t position, bytes::ByteWriter& out) {
  out.U64(position);
}
inline void EncodeFileModeInformation(uint32_t mode, bytes::ByteWriter& out) { out.U32(mode); }
inline void EncodeFileAlignmentInformation(uint32_t requirement, bytes::ByteWriter& out) {
  out.U32(requirement);
}
// Errors also: InvalidParameter for a negative position.
NtResult<uint64_t> DecodeFilePositionInformation(std::span<const uint8_t> buffer);
NtResult<uint32_t> DecodeFileModeInformation(std::span<const uint8_t> buffer);

// FileNameInformation, FileAlternateNameInformation, FileNormalizedNameInformation: a size and a
// name. `limit_bytes` is the output buffer's size. Returns false when the name was cut to it (the
// answer is then STATUS_BUFFER_OVERFLOW). Requires: limit_bytes >= 4.
bool EncodeFileNameInformation(std::span<const uint8_t> name_utf16le, size_t limit_bytes,
                               bytes::ByteWriter& out);

struct FileAllInformation {
  FileBasicInformation basic;
  FileStandardInformation standard;
  uint64_t file_id = 0;
  uint32_t ea_size_bytes = 0;
  uint32_t access = 0;
  uint64_t position = 0;
  uint32_t mode = 0;
  uint32_t alignment_requirement = 0;
  std::span<const uint8_t> name_utf16le;
};
inline constexpr size_t kFileAllInformationFixedSizeBytes = 100;  // Up to and with FileNameLength.
// As EncodeFileNameInformation. Requires: limit_bytes >= kFileAllInformationFixedSizeBytes.
bool EncodeFileAllInformation(const FileAllInformation& info, size_t limit_bytes,
                              bytes::ByteWriter& out);

// FileStreamInformation: a list of streams such as ":name:$DATA" and "::$DATA".
class StreamListBuilder {
 public:
  // `out` must outlive the builder and have no other user meanwhile.
  StreamListBuilder(size_t limit_bytes, bytes::ByteWriter& out);
  // False, and nothing written, when the entry does not fit: STATUS_BUFFER_OVERFLOW with what did.
  bool Add(std::span<const uint8_t> name_utf16le, uint64_t size_bytes,
           uint64_t allocation_size_bytes);

 private:
  bytes::ByteWriter& out_;
  size_t start_;
  size_t limit_bytes_;
  size_t last_entry_ = 0;
  bool has_entries_ = false;
};

struct FileCompressionInformation {
  uint64_t compressed_size_bytes = 0;
  uint16_t format = 0;
  uint8_t compression_unit_shift = 0;
  uint8_t chunk_shift = 0;
  uint8_t cluster_shift = 0;
};
void EncodeFileCompressionInformation(const FileCompressionInformation& info,
                                      bytes::ByteWriter& out);

struct FileNetworkOpenInformation {
  FileTime creation_time;
  FileTime last_access_time;
  FileTime last_write_time;
  FileTime change_time;
  uint64_t allocation_size_bytes = 0;
  uint64_t end_of_file = 0;
  uint32_t file_attributes = 0;
};
inline constexpr size_t kFileNetworkOpenInformationSizeBytes = 56;
void EncodeFileNetworkOpenInformation(const FileNetworkOpenInformation& info,
                                      bytes::ByteWriter& out);

void EncodeFileAttributeTagInformation(uint32_t file_attributes, uint32_t reparse_tag,
                                       bytes::ByteWriter& out);
// FileIdInformation: the volume's serial number and the 128-bit file id.
void EncodeFileIdInformation(uint64_t volume_serial_number, const std::array<uint8_t, 16>& file_id,
                             bytes::ByteWriter& out);

// FileDispositionInformation: DeletePending.
NtResult<bool> DecodeFileDispositionInformation(std::span<const uint8_t> buffer);
inline constexpr uint32_t kDispositionExDelete = 0x00000001;
inline constexpr uint32_t kDispositionExPosixSemantics = 0x00000002;
inline constexpr uint32_t kDispositionExForceImageSectionCheck = 0x00000004;
inline constexpr uint32_t kDispositionExOnClose = 0x00000008;
inline constexpr uint32_t kDispositionExIgnoreReadonly = 0x00000010;
NtResult<uint32_t> DecodeFileDispositionInformationEx(std::span<const uint8_t> buffer);

inline constexpr uint32_t kRenameReplaceIfExists = 0x00000001;
inline constexpr uint32_t kRenamePosixSemantics = 0x00000002;

// FileRenameInformation (SMB2 form), FileRenameInformationEx, FileLinkInformation (SMB2 form) and
// FileLinkInformationEx: [MS-FSCC] 2.4.42, 2.4.43, 2.4.27, 2.4.28.
struct FileRenameInformation {
  bool replace_if_exists = false;
  uint32_t flags = 0;  // The Ex classes; kRenameReplaceIfExists mirrors replace_if_exists.
  uint64_t root_directory = 0;  // Must be 0 over the network.
  std::span<const uint8_t> name_utf16le;
};
// Errors: InfoLengthMismatch for a short fixed part, InvalidParameter for a name outside the
// buffer, empty or of odd size, or a root directory other than 0.
NtResult<FileRenameInformation> DecodeFileRenameInformation(std::span<const uint8_t> buffer);
NtResult<FileRenameInformation> DecodeFileRenameInformationEx(std::span<const uint8_t> buffer);

// FileEndOfFileInformation, FileAllocationInformation, FileValidDataLengthInformation.
// Errors also: InvalidParameter for a negative size.
NtResult<uint64_t> DecodeFileSizeInformation(std::span<const uint8_t> buffer);

// FileShortNameInformation: the name, borrowed.
NtResult<std::span<const uint8_t>> DecodeFileShortNameInformation(
    std::span<const uint8_t> buffer);

struct FilePipeInformation {
  uint32_t read_mode = 0;
  uint32_t completion_mode = 0;
};
void EncodeFilePipeInformation(const FilePipeInformation& info, bytes::ByteWriter& out);
NtResult<FilePipeInformation> DecodeFilePipeInformation(std::span<const uint8_t> buffer);

struct FilePipeLocalInformation {
  uint32_t named_pipe_type = 0;
  uint32_t named_pipe_configuration = 0;
  uint32_t maximum_instances = 0;
  uint32_t current_instances = 0;
  uint32_t inbound_quota = 0;
  uint32_t read_data_available = 0;
  uint32_t outbound_quota = 0;
  uint32_t write_quota_available = 0;
  uint32_t named_pipe_state = 0;
  uint32_t named_pipe_end = 0;
};
void EncodeFilePipeLocalInformation(const FilePipeLocalInformation& info, bytes::ByteWriter& out);

struct FilePosixInformation {
  FileTime creation_time;
  FileTime last_access_time;
  FileTime last_write_time;
  FileTime change_time;
  uint64_t end_of_file = 0;
  uint64_t allocation_size_bytes = 0;
  uint32_t file_attributes = 0;
  uint64_t inode = 0;
  uint32_t device_id = 0;
  uint32_t link_count = 0;
  uint32_t reparse_tag = 0;
  uint32_t mode = 0;
  std::span<const uint8_t> owner_sid;
  std::span<const uint8_t> group_sid;
};
void EncodeFilePosixInformation(const FilePosixInformation& info, bytes::ByteWriter& out);

}  // namespace continuo::smbwire
