#include "common/smbwire/close.h"

#include "services/smb-frontend/commands/commands.h"
#include "services/smb-frontend/commands/end_session.h"
#include "services/smb-frontend/commands/file_change.h"
#include "services/smb-frontend/commands/file_reply.h"

namespace continuo::commands {
namespace {

void FillAttributes(const FileReply& facts, smbwire::CloseResponse& response) {
  response.flags = smbwire::kCloseFlagPostqueryAttributes;
  response.creation_time = facts.creation_time;
  response.last_access_time = facts.last_access_time;
  response.last_write_time = facts.last_write_time;
  response.change_time = facts.change_time;
  response.allocation_size_bytes = facts.allocation_size_bytes;
  response.end_of_file = facts.end_of_file;
  response.file_attributes = facts.attributes;
}

}  // namespace

net::Task<NtStatus> HandleClose(RequestScope& scope) {
  const auto request = smbwire::DecodeCloseRequest(scope.message);
  if (!request.ok()) co_return request.status();
  const std::shared_ptr<open::OpenFile> open = scope.open;
  co_await StampWriteTime(scope, open);
  smbwire::CloseResponse response;
  const bool wants_attributes =
      (request->flags & smbwire::kCloseFlagPostqueryAttributes) != 0 && !open->is_pipe();
  if (wants_attributes) {
    FileReply facts;
    const auto describe = [&] {
      absl::MutexLock lock(&open->file_mutex());
      const NtStatus status = open->vfs().Refresh(*open->file);
      if (status.ok()) facts = DescribeFile(*open->file, open->stream.get());
      return status;
    };
    const NtStatus described = co_await scope.RunBlocking(describe);
    // Attributes are a courtesy of CLOSE: without them it still closes.
    if (described.ok()) FillAttributes(facts, response);
  }
  const NtStatus closed = co_await CloseOpen(scope.server, scope.loop(), open);
  if (!closed.ok()) co_return closed;
  smbwire::EncodeCloseResponse(response, scope.body);
  co_return NtStatus::kSuccess;
}

net::Task<NtStatus> HandleFlush(RequestScope& scope) {
  const auto request = smbwire::DecodeFlushRequest(scope.message);
  if (!request.ok()) co_return request.status();
  const std::shared_ptr<open::OpenFile> open = scope.open;
  if (!open->is_pipe()) {
    // [MS-SMB2] 3.3.5.11: who may not write has nothing to flush.
    if (!open->Has(security::kFileWriteData | security::kFileAppendData)) {
      co_return NtStatus::kAccessDenied;
    }
    const auto flush = [&open] {
      return open->stream != nullptr ? open->stream->Flush() : open->vfs().Flush(*open->file);
    };
    const NtStatus flushed = co_await scope.RunBlocking(flush);
    if (!flushed.ok()) co_return flushed;
    absl::MutexLock lock(&open->mutex());
    open->state().write_time.Settle();
  }
  smbwire::EncodeFlushResponse(scope.body);
  co_return NtStatus::kSuccess;
}

}  // namespace continuo::commands
