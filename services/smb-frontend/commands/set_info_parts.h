// What SET_INFO does, one function for each group of classes. Each decodes the request's buffer; the
// handler has checked size, credits and the rights of the class.
//
// Source: [MS-SMB2] 3.3.5.21, [MS-FSA] 2.1.5.15 and 2.1.5.17, [MS-FSCC] 2.4.
// Threading: coroutines on the connection's loop.
#pragma once

#include "common/smbwire/query_info.h"
#include "services/smb-frontend/dispatch/request_scope.h"

namespace continuo::commands {

net::Task<NtStatus> SetBasicInfo(dispatch::RequestScope& scope,
                                 const smbwire::SetInfoRequest& request);
// FileEndOfFileInformation and FileAllocationInformation.
net::Task<NtStatus> SetFileSize(dispatch::RequestScope& scope,
                                const smbwire::SetInfoRequest& request);
net::Task<NtStatus> SetFullEas(dispatch::RequestScope& scope,
                               const smbwire::SetInfoRequest& request);
// FilePositionInformation, FileModeInformation: facts of the open alone.
NtStatus SetOpenFacts(dispatch::RequestScope& scope, const smbwire::SetInfoRequest& request);
// FileDispositionInformation and FileDispositionInformationEx.
net::Task<NtStatus> SetDisposition(dispatch::RequestScope& scope,
                                   const smbwire::SetInfoRequest& request);
// FileRenameInformation and FileRenameInformationEx.
net::Task<NtStatus> SetRename(dispatch::RequestScope& scope,
                              const smbwire::SetInfoRequest& request);
// FileLinkInformation and FileLinkInformationEx.
net::Task<NtStatus> SetLink(dispatch::RequestScope& scope, const smbwire::SetInfoRequest& request);
net::Task<NtStatus> SetSecurity(dispatch::RequestScope& scope,
                                const smbwire::SetInfoRequest& request);

}  // namespace continuo::commands
