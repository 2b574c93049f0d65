// Awaiting the operations of the FSA that a command needs, with an interim response and CANCEL where
// one has to wait for others.
#pragma once

#include <utility>

#include "services/smb-frontend/dispatch/request_scope.h"
#include "services/smb-frontend/net/await_callback.h"

namespace continuo::commands {

// `begin(done)` starts the operation and returns what FsaHost returned.
// Errors: the operation's; Cancelled when the client cancelled, or no more requests may wait.
template <typename Begin>
net::Task<NtStatus> AwaitFsaStatus(dispatch::RequestScope& scope, Begin begin) {
  const auto start = [&](net::CompletionOf<NtStatus> done) {
    frontend::FsaHost* fsa = scope.server.fsa;
    const frontend::FsaHost::Started started = begin(frontend::FsaHost::StatusDone(done));
    if (!started.is_pending) return;
    const NtStatus async = scope.GoAsync([fsa, op = started.op] { fsa->Cancel(op); });
    if (!async.ok()) fsa->Cancel(started.op);
  };
  co_return co_await net::AwaitCallback<NtStatus>(scope.loop(), start);
}

// Never makes the client wait noticeably: a question, no interim response.
inline net::Task<bool> IsDeletePending(dispatch::RequestScope& scope, fsa::OpenId open) {
  const auto start = [&](net::CompletionOf<bool> done) {
    scope.server.fsa->IsDeletePending(open, std::move(done));
  };
  co_return co_await net::AwaitCallback<bool>(scope.loop(), start);
}

}  // namespace continuo::commands
