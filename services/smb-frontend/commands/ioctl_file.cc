// Control codes that look at or change one file.
#include <algorithm>

#include "common/bytes/byte_reader.h"
#include "services/smb-frontend/commands/file_change.h"
#include "services/smb-frontend/commands/ioctl.h"
#include "services/smb-frontend/commands/persistent_open.h"

namespace continuo::commands {
namespace {

constexpr uint16_t kCompressionFormatNone = 0;

NtResult<std::vector<vfs::ByteRange>> AllocatedRanges(open::OpenFile& open, vfs::ByteRange range,
                                                      size_t limit) {
  uint64_t size = 0;
  if (open.is_stream()) {
    CONTINUO_ASSIGN_OR_RETURN(size, open.stream->SizeBytes());
  } else {
    absl::MutexLock lock(&open.file_mutex());
    CONTINUO_RETURN_IF_ERROR(open.vfs().Refresh(*open.file));
    if ((open.file->Attributes() & vfs::kAttributeSparse) != 0) {
      return open.vfs().AllocatedRanges(*open.file, range, limit);
    }
    size = open.file->stat.size_bytes;
  }
  // What is not sparse is allocated up to its end ([MS-FSA] 2.1.5.10.22).
  if (range.offset >= size || range.length == 0) return std::vector<vfs::ByteRange>();
  return std::vector<vfs::ByteRange>{
      {.offset = range.offset, .length = std::min(range.length, size - range.offset)}};
}

}  // namespace

// [MS-FSA] 2.1.5.10.36.
net::Task<NtStatus> FsctlSetSparse(RequestScope& scope, const smbwire::IoctlRequest& request,
                                   bytes::ByteWriter& /*out*/) {
  const std::shared_ptr<open::OpenFile> open = scope.open;
  if (open->is_directory()) co_return NtStatus::kInvalidParameter;
  if (!open->Has(security::kFileWriteData | security::kFileAppendData |
                 security::kFileWriteAttributes)) {
    co_return NtStatus::kAccessDenied;
  }
  if (open->is_stream()) co_return NtStatus::kSuccess;  // Streams have no holes to keep.
  const bool is_sparse = smbwire::DecodeSetSparse(request.input);
  const auto set = [&] {
    absl::MutexLock lock(&open->file_mutex());
    const NtStatus fresh = open->vfs().Refresh(*open->file);
    return fresh.ok() ? open->vfs().SetSparse(*open->file, is_sparse) : fresh;
  };
  const NtStatus status = co_await scope.RunBlocking(set);
  if (!status.ok()) co_return status;
  NotifyModified(scope, *open, fsa::kNotifyAttributes);
  co_return co_await Stabilize(scope, open);
}

// [MS-FSA] 2.1.5.10.39.
net::Task<NtStatus> FsctlSetZeroData(RequestScope& scope, const smbwire::IoctlRequest& request,
                                     bytes::ByteWriter& /*out*/) {
  const std::shared_ptr<open::OpenFile> open = scope.open;
  if (open->is_directory()) co_return NtStatus::kInvalidParameter;
  if (!open->Has(security::kFileWriteData)) co_return NtStatus::kAccessDenied;
  const auto zero = smbwire::DecodeZeroDataRequest(request.input);
  if (!zero.ok()) co_return zero.status();
  const uint64_t offset = zero->file_offset;
  const uint64_t length = zero->beyond_final_zero - offset;
  if (length == 0) co_return NtStatus::kSuccess;
  const NtStatus allowed = scope.server.fsa->CheckIo(
      open->fsa_id(),
      {.kind = fsa::IoKind::kWrite, .offset = offset, .length_bytes = length});
  if (!allowed.ok()) co_return allowed;
  scope.server.fsa->BreakForWrite(open->fsa_id());
  const auto clear = [&] {
    if (open->is_stream()) return open->stream->Zero(offset, zero->beyond_final_zero);
    absl::MutexLock lock(&open->file_mutex());
    const NtStatus fresh = open->vfs().Refresh(*open->file);
    if (!fresh.ok()) return fresh;
    return open->vfs().ZeroRange(*open->file, {.offset = offset, .length = length});
  };
  const NtStatus status = co_await scope.RunBlocking(clear);
  if (!status.ok()) co_return status;
  co_await AfterDataChange(scope, open, DataChange::kWritten);
  co_return co_await Stabilize(scope, open);
}

// [MS-FSA] 2.1.5.10.22.
net::Task<NtStatus> FsctlQueryAllocatedRanges(RequestScope& scope,
                                              const smbwire::IoctlRequest& request,
                                              bytes::ByteWriter& out) {
  const std::shared_ptr<open::OpenFile> open = scope.open;
  if (open->is_directory()) co_return NtStatus::kInvalidParameter;
  if (!open->Has(security::kFileReadData)) co_return NtStatus::kAccessDenied;
  const auto wanted = smbwire::DecodeAllocatedRangeRequest(request.input);
  if (!wanted.ok()) co_return wanted.status();
  const vfs::ByteRange range{.offset = wanted->file_offset, .length = wanted->length_bytes};
  const size_t room = request.max_output_response_bytes / smbwire::kAllocatedRangeSizeBytes;
  const auto look = [&] { return AllocatedRanges(*open, range, room + 1); };
  const auto ranges = co_await scope.RunBlocking(look);
  if (!ranges.ok()) co_return ranges.status();
  const bool is_cut = ranges->size() > room;
  if (is_cut && room == 0) co_return NtStatus::kBufferTooSmall;
  for (size_t i = 0; i < std::min(room, ranges->size()); ++i) {
    const vfs::ByteRange& found = (*ranges)[i];
    smbwire::EncodeAllocatedRange({.file_offset = found.offset, .length_bytes = found.length},
                                  out);
  }
  scope.has_body_on_error = is_cut;
  co_return is_cut ? NtStatus::kBufferOverflow : NtStatus::kSuccess;
}

// [MS-FSCC] 2.3.20: nothing is compressed here.
net::Task<NtStatus> FsctlGetCompression(RequestScope& /*scope*/,
                                        const smbwire::IoctlRequest& /*request*/,
                                        bytes::ByteWriter& out) {
  out.U16(kCompressionFormatNone);
  co_return NtStatus::kSuccess;
}

net::Task<NtStatus> FsctlSetCompression(RequestScope& scope, const smbwire::IoctlRequest& request,
                                        bytes::ByteWriter& /*out*/) {
  bytes::ByteReader in(request.input);
  const uint16_t format = in.U16();
  if (!in.ok()) co_return NtStatus::kInvalidParameter;
  if (!scope.open->Has(security::kFileWriteData | security::kFileWriteAttributes)) {
    co_return NtStatus::kAccessDenied;
  }
  co_return format == kCompressionFormatNone ? NtStatus::kSuccess : NtStatus::kNotSupported;
}

// [MS-FSCC] 2.1.3: an id of the file that stays, made of its file system's UUID and its own id there.
net::Task<NtStatus> FsctlObjectId(RequestScope& scope, const smbwire::IoctlRequest& /*request*/,
                                  bytes::ByteWriter& out) {
  const fsa::FileKey& key = scope.open->facts().file_key;
  constexpr size_t kHalf = 8;
  const std::span<const uint8_t> fs(key.fs);
  out.U64(scope.open->file->stat.inode);
  out.Append(fs.first(kHalf));
  out.Append(fs);  // BirthVolumeId
  out.U64(scope.open->file->stat.inode);
  out.Append(fs.first(kHalf));
  out.Zeros(16);  // DomainId
  co_return NtStatus::kSuccess;
}

// Reading or removing what no file here has.
net::Task<NtStatus> FsctlReparsePoint(RequestScope& /*scope*/,
                                      const smbwire::IoctlRequest& /*request*/,
                                      bytes::ByteWriter& /*out*/) {
  co_return NtStatus::kNotAReparsePoint;
}

// FSCTL_IS_PATHNAME_VALID: always, [MS-FSA] 2.1.5.10.14.
net::Task<NtStatus> FsctlNothingToDo(RequestScope& /*scope*/,
                                     const smbwire::IoctlRequest& /*request*/,
                                     bytes::ByteWriter& /*out*/) {
  co_return NtStatus::kSuccess;
}

}  // namespace continuo::commands
