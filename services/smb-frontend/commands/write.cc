#include <limits>

#include "common/ntstatus/errno_status.h"
#include "common/smbwire/file_flags.h"
#include "common/smbwire/read_write.h"
#include "services/smb-frontend/commands/commands.h"
#include "services/smb-frontend/commands/file_change.h"
#include "services/smb-frontend/commands/persistent_open.h"
#include "services/smb-frontend/dispatch/credit_charge.h"
#include "services/smb-frontend/dispatch/smb_connection.h"
#include "services/smb-frontend/pipes/pipe_endpoint.h"

namespace continuo::commands {
namespace {

constexpr uint64_t kMaxFileOffset = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());

// [MS-SMB2] 3.3.5.13, in its order.
NtStatus CheckRequest(const RequestScope& scope, const smbwire::WriteRequest& request) {
  if (request.data.size() > scope.connection.negotiated().max_write_size_bytes) {
    return NtStatus::kInvalidParameter;
  }
  CONTINUO_RETURN_IF_ERROR(dispatch::CheckCreditCharge(scope, request.data.size()));
  if (request.channel != smbwire::kChannelNone) return NtStatus::kInvalidParameter;
  const open::OpenFile& open = *scope.open;
  if (open.is_directory()) return NtStatus::kInvalidDeviceRequest;
  if (!open.Has(security::kFileWriteData | security::kFileAppendData)) {
    return NtStatus::kAccessDenied;
  }
  if (request.offset > kMaxFileOffset || request.data.size() > kMaxFileOffset - request.offset) {
    return NtStatus::kInvalidParameter;
  }
  return NtStatus::kSuccess;
}

// Everything or an error: a client is never told of bytes that are not in the file.
net::Task<NtStatus> WriteFully(RequestScope& scope, const vfs::File& file,
                               std::span<const uint8_t> data, uint64_t offset) {
  size_t done = 0;
  while (done < data.size()) {
    net::TokenRef token = scope.token();
    const int64_t result = co_await scope.loop().WriteFile(file.fd.get(), data.subspan(done),
                                                           offset + done, std::move(token));
    if (result < 0) co_return NtStatusFromErrno(static_cast<int>(-result));
    if (result == 0) co_return NtStatus::kDiskFull;
    done += static_cast<size_t>(result);
  }
  co_return NtStatus::kSuccess;
}

// Who may only append writes at the end, whatever the offset says ([MS-FSA] 2.1.5.4; as NTFS).
bool AppendsOnly(const open::OpenFile& open) { return !open.Has(security::kFileWriteData); }

net::Task<NtStatus> Append(RequestScope& scope, open::OpenFile& open,
                           std::span<const uint8_t> data) {
  const auto append = [&open, data] {
    absl::MutexLock lock(&open.file_mutex());
    if (!open.is_stream()) return open.vfs().Append(*open.file, data);
    const NtResult<uint64_t> end = open.stream->SizeBytes();
    return end.ok() ? open.stream->Write(*end, data).status() : end.status();
  };
  co_return co_await scope.RunBlocking(append);
}

NtStatus WritePipe(RequestScope& scope, const smbwire::WriteRequest& request) {
  absl::MutexLock lock(&scope.open->mutex());
  const NtStatus written = scope.open->pipe->Write(request.data);
  if (!written.ok()) return written;
  smbwire::EncodeWriteResponse({.count_bytes = static_cast<uint32_t>(request.data.size())},
                               scope.body);
  return NtStatus::kSuccess;
}

bool IsSyncAsked(const open::OpenFile& open, const smbwire::WriteRequest& request) {
  return (request.flags & smbwire::kWriteFlagWriteThrough) != 0 ||
         (open.facts().create_options & smbwire::kOptionWriteThrough) != 0;
}

}  // namespace

net::Task<NtStatus> HandleWrite(RequestScope& scope) {
  const auto request = smbwire::DecodeWriteRequest(scope.message);
  if (!request.ok()) co_return request.status();
  if (scope.open->is_pipe()) co_return WritePipe(scope, *request);
  const NtStatus checked = CheckRequest(scope, *request);
  if (!checked.ok()) co_return checked;
  const std::shared_ptr<open::OpenFile> open = scope.open;
  const fsa::IoRange range{.kind = fsa::IoKind::kWrite,
                           .offset = request->offset,
                           .length_bytes = request->data.size()};
  const NtStatus allowed = scope.server.fsa->CheckIo(open->fsa_id(), range);
  if (!allowed.ok()) co_return allowed;
  // Before the data changes: who reads from a cache afterwards must know that it is stale.
  scope.server.fsa->BreakForWrite(open->fsa_id());

  NtStatus written = NtStatus::kSuccess;
  if (AppendsOnly(*open)) {
    written = co_await Append(scope, *open, request->data);
  } else if (open->is_stream()) {
    const auto write = [&] {
      const NtResult<size_t> result = open->stream->Write(request->offset, request->data);
      return result.status();
    };
    written = co_await scope.RunBlocking(write);
  } else {
    written = co_await WriteFully(scope, *open->file, request->data, request->offset);
  }
  if (!written.ok()) co_return written;
  if (IsSyncAsked(*open, *request) || IsWriteThrough(*open)) {
    const auto flush = [&open] {
      return open->stream != nullptr ? open->stream->Flush() : open->vfs().Flush(*open->file);
    };
    const NtStatus flushed = co_await scope.RunBlocking(flush);
    if (!flushed.ok()) co_return flushed;
  }
  co_await AfterDataChange(scope, open, DataChange::kWritten);
  scope.server.metrics.bytes_written.fetch_add(request->data.size(), std::memory_order_relaxed);
  {
    absl::MutexLock lock(&open->mutex());
    open->state().position = request->offset + request->data.size();
  }
  smbwire::EncodeWriteResponse({.count_bytes = static_cast<uint32_t>(request->data.size())},
                               scope.body);
  co_return NtStatus::kSuccess;
}

}  // namespace continuo::commands
