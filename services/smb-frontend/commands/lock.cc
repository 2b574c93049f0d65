#include "common/smbwire/lock.h"

#include "common/smbwire/negotiate.h"
#include "services/smb-frontend/commands/commands.h"
#include "services/smb-frontend/commands/fsa_await.h"
#include "services/smb-frontend/dispatch/smb_connection.h"

namespace continuo::commands {
namespace {

// [MS-SMB2] 3.3.5.14: LockSequence means something where a client may have to send a LOCK again.
bool IsSequenceChecked(const RequestScope& scope, open::OpenFile& open) {
  const dispatch::NegotiatedState& negotiated = scope.connection.negotiated();
  if (negotiated.dialect >= smbwire::kDialect300 &&
      (negotiated.server_capabilities & smbwire::kCapMultiChannel) != 0) {
    return true;
  }
  if (negotiated.dialect < smbwire::kDialect210) return false;
  absl::MutexLock lock(&open.mutex());
  return open.state().is_durable;
}

fsa::LockRequest MakeFsaRequest(const RequestScope& scope, const smbwire::LockRequest& request) {
  fsa::LockRequest wanted;
  wanted.open = scope.open->fsa_id();
  wanted.locks.reserve(request.elements.size());
  for (const smbwire::LockElement& element : request.elements) {
    wanted.locks.push_back({.offset = element.offset,
                            .length_bytes = element.length_bytes,
                            .flags = element.flags});
  }
  wanted.lock_sequence = (request.lock_sequence_index << 4) | request.lock_sequence_number;
  wanted.is_sequence_checked = IsSequenceChecked(scope, *scope.open);
  return wanted;
}

}  // namespace

net::Task<NtStatus> HandleLock(RequestScope& scope) {
  const auto request = smbwire::DecodeLockRequest(scope.message);
  if (!request.ok()) co_return request.status();
  const std::shared_ptr<open::OpenFile> open = scope.open;
  if (open->is_pipe()) co_return NtStatus::kInvalidDeviceRequest;
  // [MS-FSA] 2.1.5.7: byte ranges belong to data streams.
  if (open->is_directory()) co_return NtStatus::kInvalidParameter;
  // Who can neither read nor write the data shall not keep others from it.
  constexpr security::AccessMask kData = security::kFileReadData | security::kFileWriteData |
                                         security::kFileAppendData | security::kFileExecute;
  if (!open->Has(kData)) co_return NtStatus::kAccessDenied;
  fsa::LockRequest wanted = MakeFsaRequest(scope, *request);
  const auto start = [&](frontend::FsaHost& fsa, net::CompletionOf<NtStatus> done) {
    return fsa.Lock(std::move(wanted), std::move(done));
  };
  const NtStatus locked = co_await AwaitFsa<NtStatus>(scope, start);
  if (!locked.ok()) co_return locked;
  smbwire::EncodeLockResponse(scope.body);
  co_return NtStatus::kSuccess;
}

}  // namespace continuo::commands
