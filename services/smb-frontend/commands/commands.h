// The handlers of all SMB2 commands, one .cc file each. What a handler may rely on is its row in
// dispatch/command_table.cc; how it answers is described in dispatch/request_scope.h.
//
// Threading: the connection's loop.
#pragma once

#include "services/smb-frontend/dispatch/request_scope.h"

namespace continuo::commands {

using dispatch::RequestScope;

net::Task<NtStatus> HandleNegotiate(RequestScope& scope);       // [MS-SMB2] 3.3.5.4
net::Task<NtStatus> HandleSessionSetup(RequestScope& scope);    // 3.3.5.5
net::Task<NtStatus> HandleLogoff(RequestScope& scope);          // 3.3.5.6
net::Task<NtStatus> HandleTreeConnect(RequestScope& scope);     // 3.3.5.7
net::Task<NtStatus> HandleTreeDisconnect(RequestScope& scope);  // 3.3.5.8
net::Task<NtStatus> HandleCreate(RequestScope& scope);          // 3.3.5.9
net::Task<NtStatus> HandleClose(RequestScope& scope);           // 3.3.5.10
net::Task<NtStatus> HandleFlush(RequestScope& scope);           // 3.3.5.11
net::Task<NtStatus> HandleRead(RequestScope& scope);            // 3.3.5.12
net::Task<NtStatus> HandleWrite(RequestScope& scope);           // 3.3.5.13
net::Task<NtStatus> HandleLock(RequestScope& scope);            // 3.3.5.14
net::Task<NtStatus> HandleIoctl(RequestScope& scope);           // 3.3.5.15
net::Task<NtStatus> HandleEcho(RequestScope& scope);            // 3.3.5.17
net::Task<NtStatus> HandleQueryDirectory(RequestScope& scope);  // 3.3.5.18
net::Task<NtStatus> HandleChangeNotify(RequestScope& scope);    // 3.3.5.19
net::Task<NtStatus> HandleQueryInfo(RequestScope& scope);       // 3.3.5.20
net::Task<NtStatus> HandleSetInfo(RequestScope& scope);         // 3.3.5.21
net::Task<NtStatus> HandleOplockBreak(RequestScope& scope);     // 3.3.5.22

}  // namespace continuo::commands
