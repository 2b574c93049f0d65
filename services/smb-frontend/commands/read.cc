#include <algorithm>
#include <limits>

#include "common/ntstatus/errno_status.h"
#include "common/smbwire/read_write.h"
#include "services/smb-frontend/commands/commands.h"
#include "services/smb-frontend/dispatch/credit_charge.h"
#include "services/smb-frontend/dispatch/smb_connection.h"
#include "services/smb-frontend/pipes/pipe_endpoint.h"

namespace continuo::commands {
namespace {

constexpr uint64_t kMaxFileOffset = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());

// [MS-SMB2] 3.3.5.12, in its order.
NtStatus CheckRequest(const RequestScope& scope, const smbwire::ReadRequest& request) {
  if (request.length_bytes > scope.connection.negotiated().max_read_size_bytes) {
    return NtStatus::kInvalidParameter;
  }
  CONTINUO_RETURN_IF_ERROR(dispatch::CheckCreditCharge(scope, request.length_bytes));
  if (request.channel != smbwire::kChannelNone) return NtStatus::kInvalidParameter;
  const open::OpenFile& open = *scope.open;
  if (open.is_directory()) return NtStatus::kInvalidDeviceRequest;
  // Reading to execute is reading: [MS-SMB2] 3.3.5.12 behaves so for opens over the network.
  if (!open.Has(security::kFileReadData | security::kFileExecute)) return NtStatus::kAccessDenied;
  if (request.offset > kMaxFileOffset || request.length_bytes > kMaxFileOffset - request.offset) {
    return NtStatus::kInvalidParameter;
  }
  return NtStatus::kSuccess;
}

// Fills scope.prepared from a pooled buffer into which `size` bytes were read.
void Reply(RequestScope& scope, net::Buffer buffer, size_t size) {
  buffer.Resize(smbwire::kReadResponseDataOffset + size);
  smbwire::EncodeReadResponseHead(
      static_cast<uint32_t>(size),
      buffer.payload()
          .subspan(smbwire::kHeaderSizeBytes)
          .first<smbwire::kReadResponseFixedSizeBytes>());
  scope.prepared = std::move(buffer);
  scope.server.metrics.bytes_read.fetch_add(size, std::memory_order_relaxed);
}

// The whole length unless the file ends before: pread may be short for reasons of its own.
net::Task<int64_t> ReadFully(RequestScope& scope, const vfs::File& file, std::span<uint8_t> out,
                             uint64_t offset) {
  size_t done = 0;
  while (done < out.size()) {
    net::TokenRef token = scope.token();
    const int64_t result = co_await scope.loop().ReadFile(file.fd.get(), out.subspan(done),
                                                          offset + done, std::move(token));
    if (result < 0) co_return done > 0 ? static_cast<int64_t>(done) : result;
    if (result == 0) break;
    done += static_cast<size_t>(result);
  }
  co_return static_cast<int64_t>(done);
}

NtStatus ReadPipe(RequestScope& scope, const smbwire::ReadRequest& request) {
  absl::MutexLock lock(&scope.open->mutex());
  pipes::PipeRead read = scope.open->pipe->Read(request.length_bytes);
  const bool has_data = read.status.ok() || read.status == NtStatus::kBufferOverflow;
  if (!has_data) return read.status;
  smbwire::EncodeReadResponse({.data = read.data}, scope.body);
  scope.has_body_on_error = true;
  return read.status;
}

}  // namespace

net::Task<NtStatus> HandleRead(RequestScope& scope) {
  const auto request = smbwire::DecodeReadRequest(scope.message);
  if (!request.ok()) co_return request.status();
  if (scope.open->is_pipe()) co_return ReadPipe(scope, *request);
  const NtStatus checked = CheckRequest(scope, *request);
  if (!checked.ok()) co_return checked;
  const std::shared_ptr<open::OpenFile> open = scope.open;
  const fsa::IoRange range{.kind = fsa::IoKind::kRead,
                           .offset = request->offset,
                           .length_bytes = request->length_bytes};
  const NtStatus allowed = scope.server.fsa->CheckIo(open->fsa_id(), range);
  if (!allowed.ok()) co_return allowed;

  net::Buffer buffer =
      net::Buffer::Allocate(smbwire::kReadResponseDataOffset + request->length_bytes);
  const std::span<uint8_t> out = buffer.payload().subspan(smbwire::kReadResponseDataOffset);
  size_t size = 0;
  if (open->is_stream()) {
    const auto read = [&] { return open->stream->Read(request->offset, out); };
    const NtResult<size_t> result = co_await scope.RunBlocking(read);
    if (!result.ok()) co_return result.status();
    size = *result;
  } else {
    const int64_t result = co_await ReadFully(scope, *open->file, out, request->offset);
    if (result < 0) co_return NtStatusFromErrno(static_cast<int>(-result));
    size = static_cast<size_t>(result);
  }
  const bool is_at_end = size == 0 && request->length_bytes > 0;
  if (is_at_end || size < request->minimum_count_bytes) co_return NtStatus::kEndOfFile;
  Reply(scope, std::move(buffer), size);
  {
    absl::MutexLock lock(&open->mutex());
    open->state().position = request->offset + size;
  }
  co_return NtStatus::kSuccess;
}

}  // namespace continuo::commands
