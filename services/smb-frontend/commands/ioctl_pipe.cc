// Control codes of named pipes.
#include "common/bytes/utf16.h"
#include "services/smb-frontend/commands/ioctl.h"
#include "services/smb-frontend/pipes/pipe_endpoint.h"

namespace continuo::commands {
namespace {

// NamedPipeState of FSCTL_PIPE_PEEK, [MS-FSCC] 2.3.46.
constexpr uint32_t kPipeStateConnected = 3;
constexpr uint32_t kPeekReplySizeBytes = 16;

}  // namespace

// Our pipes always listen: the wait is over before it begins. [MS-SMB2] 3.3.5.15.7.
net::Task<NtStatus> FsctlPipeWait(RequestScope& scope, const smbwire::IoctlRequest& request,
                                  bytes::ByteWriter& /*out*/) {
  if (scope.tree->share->is_disk()) co_return NtStatus::kInvalidDeviceRequest;
  const auto wait = smbwire::DecodePipeWaitRequest(request.input);
  if (!wait.ok()) co_return wait.status();
  const auto name = bytes::Utf16LeToUtf8(wait->name_utf16le);
  if (!name || !pipes::IsKnownPipe(*name)) co_return NtStatus::kObjectNameNotFound;
  co_return NtStatus::kSuccess;
}

// [MS-SMB2] 3.3.5.15.10.
net::Task<NtStatus> FsctlPipeTransceive(RequestScope& scope, const smbwire::IoctlRequest& request,
                                        bytes::ByteWriter& out) {
  absl::MutexLock lock(&scope.open->mutex());
  const pipes::PipeRead read =
      scope.open->pipe->Transceive(request.input, request.max_output_response_bytes);
  if (!read.status.ok() && read.status != NtStatus::kBufferOverflow) co_return read.status;
  scope.has_body_on_error = true;
  out.Append(read.data);
  co_return read.status;
}

// [MS-SMB2] 3.3.5.15.4. Tells how much waits, never the data itself.
net::Task<NtStatus> FsctlPipePeek(RequestScope& scope, const smbwire::IoctlRequest& request,
                                  bytes::ByteWriter& out) {
  if (request.max_output_response_bytes < kPeekReplySizeBytes) {
    co_return NtStatus::kInvalidParameter;
  }
  absl::MutexLock lock(&scope.open->mutex());
  const auto readable = static_cast<uint32_t>(scope.open->pipe->ReadableBytes());
  out.U32(kPipeStateConnected);
  out.U32(readable);
  out.U32(static_cast<uint32_t>(scope.open->pipe->ReadableMessages()));
  out.U32(0);  // MessageLength: of data in this reply.
  scope.has_body_on_error = true;
  co_return readable == 0 ? NtStatus::kSuccess : NtStatus::kBufferOverflow;
}

}  // namespace continuo::commands
