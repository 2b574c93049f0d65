// Server-side copies: data goes from one open to another without passing the client.
//
// Source: [MS-SMB2] 3.3.5.15.5 (resume key), 3.3.5.15.6 (copy), [MS-FSA] 2.1.5.10.4 (extents).
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>

#include "common/bytes/byte_reader.h"
#include "common/ntstatus/errno_status.h"
#include "services/smb-frontend/commands/file_change.h"
#include "services/smb-frontend/commands/ioctl.h"
#include "services/smb-frontend/commands/persistent_open.h"

namespace continuo::commands {
namespace {

using open::OpenFile;

smbwire::ResumeKey KeyOf(const OpenFile& open) {
  bytes::ByteWriter out;
  out.U64(open.file_id().persistent_id);
  out.U64(open.file_id().volatile_id);
  smbwire::ResumeKey key{};
  std::copy(out.view().begin(), out.view().end(), key.begin());
  return key;
}

// Null when the key names no open of this session.
std::shared_ptr<OpenFile> FindSource(const RequestScope& scope, const smbwire::FileId& id) {
  std::shared_ptr<OpenFile> source = scope.server.opens.Find(id);
  if (source == nullptr || source->session() != scope.session || source->is_closing()) {
    return nullptr;
  }
  return source;
}

smbwire::FileId FileIdOf(const smbwire::ResumeKey& key) {
  bytes::ByteReader in(key);
  smbwire::FileId id;
  id.persistent_id = in.U64();
  id.volatile_id = in.U64();
  return id;
}

bool IsWithinLimits(const smbwire::CopyChunkRequest& request) {
  if (request.chunk_count > smbwire::kCopyChunkMaxCount) return false;
  uint64_t total = 0;
  for (const smbwire::CopyChunk& chunk : request.chunks) {
    if (chunk.length_bytes == 0 || chunk.length_bytes > smbwire::kCopyChunkMaxSizeBytes) {
      return false;
    }
    total += chunk.length_bytes;
  }
  return total <= smbwire::kCopyChunkMaxTotalBytes;
}

NtStatus CheckAccess(const OpenFile& source, const OpenFile& target, uint32_t ctl_code) {
  if (source.is_pipe() || source.is_directory() || target.is_directory()) {
    return NtStatus::kInvalidDeviceRequest;
  }
  constexpr security::AccessMask kReading = security::kFileReadData | security::kFileExecute;
  if (!target.Has(security::kFileWriteData) || !source.Has(kReading)) {
    return NtStatus::kAccessDenied;
  }
  // FSCTL_SRV_COPYCHUNK wants to read what it has written, for which executing is not enough; its
  // sister does without.
  if (ctl_code == smbwire::kFsctlSrvCopychunk && !target.Has(security::kFileReadData)) {
    return NtStatus::kAccessDenied;
  }
  return NtStatus::kSuccess;
}

NtResult<uint64_t> SizeOf(const OpenFile& open) {
  if (open.is_stream()) return open.stream->SizeBytes();
  CONTINUO_ASSIGN_OR_RETURN(const vfs::FileStat stat, open.vfs().Stat(*open.file));
  return stat.size_bytes;
}

NtResult<size_t> ReadAt(const OpenFile& open, uint64_t offset, std::span<uint8_t> out) {
  if (open.is_stream()) return open.stream->Read(offset, out);
  return open.vfs().Read(*open.file, offset, out);
}

NtResult<size_t> WriteAt(const OpenFile& open, uint64_t offset, std::span<const uint8_t> data) {
  if (open.is_stream()) return open.stream->Write(offset, data);
  return open.vfs().Write(*open.file, offset, data);
}

// Blocks.
NtStatus CopyChunk(const OpenFile& source, const OpenFile& target,
                   const smbwire::CopyChunk& chunk) {
  CONTINUO_ASSIGN_OR_RETURN(const uint64_t size, SizeOf(source));
  if (chunk.source_offset > size || chunk.length_bytes > size - chunk.source_offset) {
    return kStatusInvalidViewSize;
  }
  if (!source.is_stream() && !target.is_stream()) {
    CONTINUO_ASSIGN_OR_RETURN(
        const uint64_t copied,
        target.vfs().CopyRange(*source.file, chunk.source_offset, *target.file,
                               chunk.target_offset, chunk.length_bytes));
    return copied == chunk.length_bytes ? NtStatus() : kStatusInvalidViewSize;
  }
  Bytes data(chunk.length_bytes);
  CONTINUO_ASSIGN_OR_RETURN(const size_t got, ReadAt(source, chunk.source_offset, data));
  if (got != data.size()) return kStatusInvalidViewSize;
  CONTINUO_ASSIGN_OR_RETURN(const size_t put, WriteAt(target, chunk.target_offset, data));
  return put == data.size() ? NtStatus() : NtStatus(NtStatus::kDiskFull);
}

NtStatus CheckLocks(const RequestScope& scope, const OpenFile& source, uint64_t source_offset,
                    const OpenFile& target, uint64_t target_offset, uint64_t length_bytes) {
  CONTINUO_RETURN_IF_ERROR(scope.server.fsa->CheckIo(source.fsa_id(),
                                                     {.kind = fsa::IoKind::kRead,
                                                      .offset = source_offset,
                                                      .length_bytes = length_bytes}));
  return scope.server.fsa->CheckIo(target.fsa_id(), {.kind = fsa::IoKind::kWrite,
                                                     .offset = target_offset,
                                                     .length_bytes = length_bytes});
}

NtStatus AnswerLimits(RequestScope& scope, bytes::ByteWriter& out) {
  smbwire::EncodeCopyChunkResponse({.chunks_written = smbwire::kCopyChunkMaxCount,
                                    .chunk_bytes_written = smbwire::kCopyChunkMaxSizeBytes,
                                    .total_bytes_written = smbwire::kCopyChunkMaxTotalBytes},
                                   out);
  scope.has_body_on_error = true;
  return NtStatus::kInvalidParameter;
}

NtStatus CloneRange(const OpenFile& source, const OpenFile& target,
                    const smbwire::DuplicateExtentsRequest& request) {
  CONTINUO_ASSIGN_OR_RETURN(const uint64_t size, SizeOf(source));
  if (request.source_offset > size || request.byte_count > size - request.source_offset) {
    return NtStatus::kNotSupported;
  }
  file_clone_range range{};
  range.src_fd = source.file->fd.get();
  range.src_offset = request.source_offset;
  range.src_length = request.byte_count;
  range.dest_offset = request.target_offset;
  if (::ioctl(target.file->fd.get(), FICLONERANGE, &range) == 0) return NtStatus::kSuccess;
  switch (errno) {
    case EOPNOTSUPP:
    case ENOTTY:
      return NtStatus::kInvalidDeviceRequest;  // Blocks cannot be shared here.
    case EXDEV:
    case EINVAL:
      return NtStatus::kInvalidParameter;
    default:
      return NtStatusFromErrno(errno);
  }
}

}  // namespace

net::Task<NtStatus> FsctlRequestResumeKey(RequestScope& scope,
                                          const smbwire::IoctlRequest& /*request*/,
                                          bytes::ByteWriter& out) {
  smbwire::EncodeResumeKeyResponse(KeyOf(*scope.open), out);
  co_return NtStatus::kSuccess;
}

net::Task<NtStatus> FsctlCopyChunk(RequestScope& scope, const smbwire::IoctlRequest& request,
                                   bytes::ByteWriter& out) {
  const auto copy = smbwire::DecodeCopyChunkRequest(request.input);
  if (!copy.ok()) co_return copy.status();
  const std::shared_ptr<OpenFile> target = scope.open;
  const std::shared_ptr<OpenFile> source = FindSource(scope, FileIdOf(copy->source_key));
  if (source == nullptr) co_return NtStatus::kObjectNameNotFound;
  if (!IsWithinLimits(*copy)) co_return AnswerLimits(scope, out);
  const NtStatus access = CheckAccess(*source, *target, request.ctl_code);
  if (!access.ok()) co_return access;
  smbwire::CopyChunkResponse done;
  NtStatus status = NtStatus::kSuccess;
  for (const smbwire::CopyChunk& chunk : copy->chunks) {
    status = CheckLocks(scope, *source, chunk.source_offset, *target, chunk.target_offset,
                        chunk.length_bytes);
    if (!status.ok()) break;
    scope.server.fsa->BreakForWrite(target->fsa_id());
    const auto work = [&] { return CopyChunk(*source, *target, chunk); };
    status = co_await scope.RunBlocking(work);
    if (!status.ok()) break;
    ++done.chunks_written;
    done.total_bytes_written += chunk.length_bytes;
  }
  if (done.chunks_written != 0) {
    co_await AfterDataChange(scope, target, DataChange::kWritten);
    scope.server.metrics.bytes_written.fetch_add(done.total_bytes_written,
                                                 std::memory_order_relaxed);
    const NtStatus stable = co_await Stabilize(scope, target);
    if (!stable.ok()) co_return stable;
  }
  // Also after a failure: how far it came.
  smbwire::EncodeCopyChunkResponse(done, out);
  scope.has_body_on_error = true;
  co_return status;
}

net::Task<NtStatus> FsctlDuplicateExtents(RequestScope& scope,
                                          const smbwire::IoctlRequest& request,
                                          bytes::ByteWriter& /*out*/) {
  const auto wanted = smbwire::DecodeDuplicateExtentsRequest(request.input);
  if (!wanted.ok()) co_return wanted.status();
  const std::shared_ptr<OpenFile> target = scope.open;
  const std::shared_ptr<OpenFile> source = FindSource(scope, wanted->source_file_id);
  if (source == nullptr) co_return NtStatus::kInvalidHandle;
  const NtStatus access = CheckAccess(*source, *target, request.ctl_code);
  if (!access.ok()) co_return access;
  if (source->is_stream() || target->is_stream()) co_return NtStatus::kInvalidDeviceRequest;
  if (wanted->byte_count == 0) co_return NtStatus::kSuccess;
  const NtStatus locks = CheckLocks(scope, *source, wanted->source_offset, *target,
                                    wanted->target_offset, wanted->byte_count);
  if (!locks.ok()) co_return locks;
  scope.server.fsa->BreakForWrite(target->fsa_id());
  const auto clone = [&] { return CloneRange(*source, *target, *wanted); };
  const NtStatus status = co_await scope.RunBlocking(clone);
  if (!status.ok()) co_return status;
  co_await AfterDataChange(scope, target, DataChange::kWritten);
  co_return co_await Stabilize(scope, target);
}

}  // namespace continuo::commands
