// Waiting for the FSA in a handler: whoever has to wait for others gets an interim response and can
// be cancelled.
//
//   const auto start = [&](frontend::FsaHost& fsa, net::CompletionOf<NtStatus> done) {
//     return fsa.Lock(std::move(wanted), std::move(done));
//   };
//   const NtStatus locked = co_await AwaitFsa<NtStatus>(scope, start);
//
// Source:    [MS-SMB2] 3.3.4.2 (interim responses), 3.3.5.16 (CANCEL).
// Threading: the connection's loop.
#pragma once

#include "services/smb-frontend/dispatch/request_scope.h"
#include "services/smb-frontend/fsa_host/fsa_host.h"
#include "services/smb-frontend/net/await_callback.h"

namespace continuo::commands {

// `start` is called once, with the host and the completion, and returns what the host returned. It is
// borrowed until the task has ended. Where no more requests may wait, the operation is cancelled.
template <typename T, typename Start>
net::Task<T> AwaitFsa(dispatch::RequestScope& scope, const Start& start) {
  const auto begin = [&scope, &start](net::CompletionOf<T> done) {
    frontend::FsaHost* fsa = scope.server.fsa;
    const frontend::FsaHost::Started started = start(*fsa, std::move(done));
    if (!started.is_pending) return;
    const NtStatus async = scope.GoAsync([fsa, op = started.op] { fsa->Cancel(op); });
    if (!async.ok()) fsa->Cancel(started.op);
  };
  co_return co_await net::AwaitCallback<T>(scope.loop(), begin);
}

}  // namespace continuo::commands
