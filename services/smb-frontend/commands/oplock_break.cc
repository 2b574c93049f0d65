#include "common/smbwire/oplock_break.h"

#include <variant>

#include "services/smb-frontend/commands/commands.h"
#include "services/smb-frontend/commands/fsa_await.h"
#include "services/smb-frontend/dispatch/smb_connection.h"

namespace continuo::commands {
namespace {

// From the SMB2 header; only acknowledgements of oplocks have one.
constexpr size_t kFileIdOffset = smbwire::kHeaderSizeBytes + 8;

// [MS-SMB2] 3.3.5.22.1.
net::Task<NtStatus> AcknowledgeOplock(RequestScope& scope, smbwire::OplockBreak ack) {
  const NtStatus found = scope.FindOpen(kFileIdOffset);
  if (!found.ok()) co_return found;
  const std::shared_ptr<open::OpenFile> open = scope.open;
  if (open->is_pipe() || ack.oplock_level == smbwire::kOplockLease) {
    co_return NtStatus::kInvalidParameter;
  }
  const auto level = static_cast<fsa::OplockLevel>(ack.oplock_level);
  const auto start = [&](frontend::FsaHost& fsa, net::CompletionOf<NtStatus> done) {
    return fsa.AckOplockBreak(open->fsa_id(), level, std::move(done));
  };
  const NtStatus acknowledged = co_await AwaitFsa<NtStatus>(scope, start);
  if (!acknowledged.ok()) co_return acknowledged;
  {
    absl::MutexLock lock(&open->mutex());
    open->state().oplock = level;
  }
  smbwire::EncodeOplockBreak({.oplock_level = ack.oplock_level, .file_id = open->file_id()},
                             scope.body);
  co_return NtStatus::kSuccess;
}

// [MS-SMB2] 3.3.5.22.2: the lease is the client's, whichever session or connection it came by.
net::Task<NtStatus> AcknowledgeLease(RequestScope& scope, smbwire::LeaseBreakAck ack) {
  const smbwire::Guid client_guid = scope.connection.negotiated().client_guid;
  const auto start = [&](frontend::FsaHost& fsa, net::CompletionOf<NtResult<fsa::LeaseAck>> done) {
    return fsa.AckLeaseBreak(client_guid, ack.lease_key, ack.lease_state, std::move(done));
  };
  const NtResult<fsa::LeaseAck> answer = co_await AwaitFsa<NtResult<fsa::LeaseAck>>(scope, start);
  if (!answer.ok()) co_return answer.status();
  smbwire::EncodeLeaseBreakResponse({.lease_key = ack.lease_key, .lease_state = answer->state},
                                    scope.body);
  co_return NtStatus::kSuccess;
}

}  // namespace

net::Task<NtStatus> HandleOplockBreak(RequestScope& scope) {
  const auto request = smbwire::DecodeBreakAcknowledgement(scope.message);
  if (!request.ok()) co_return request.status();
  if (const auto* oplock = std::get_if<smbwire::OplockBreak>(&*request)) {
    co_return co_await AcknowledgeOplock(scope, *oplock);
  }
  co_return co_await AcknowledgeLease(scope, std::get<smbwire::LeaseBreakAck>(*request));
}

}  // namespace continuo::commands
