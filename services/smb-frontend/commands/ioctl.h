// IOCTL: one function per control code, found in a table.
//
// Source:    [MS-SMB2] 3.3.5.15, [MS-FSCC] 2.3, [MS-FSA] 2.1.5.10.
// Threading: the connection's loop.
#pragma once

#include <cstdint>

#include "common/bytes/byte_writer.h"
#include "common/smbwire/fsctl.h"
#include "common/smbwire/ioctl.h"
#include "services/smb-frontend/commands/commands.h"

namespace continuo::commands {

// STATUS_INVALID_VIEW_SIZE: a copy reads beyond the source's end.
inline constexpr NtStatus kStatusInvalidViewSize(0xC000001Fu);
// STATUS_FS_DRIVER_REQUIRED: no DFS here.
inline constexpr NtStatus kStatusFsDriverRequired(0xC000019Cu);

// `out` gets the output buffer. A handler that answers with data although it fails sets
// scope.has_body_on_error.
using FsctlHandler = net::Task<NtStatus> (*)(RequestScope& scope,
                                             const smbwire::IoctlRequest& request,
                                             bytes::ByteWriter& out);

// ioctl_network.cc: codes that name no open.
net::Task<NtStatus> FsctlValidateNegotiate(RequestScope& scope,
                                           const smbwire::IoctlRequest& request,
                                           bytes::ByteWriter& out);
net::Task<NtStatus> FsctlNetworkInterfaces(RequestScope& scope,
                                           const smbwire::IoctlRequest& request,
                                           bytes::ByteWriter& out);
net::Task<NtStatus> FsctlDfsReferrals(RequestScope& scope, const smbwire::IoctlRequest& request,
                                      bytes::ByteWriter& out);

// ioctl_pipe.cc
net::Task<NtStatus> FsctlPipeWait(RequestScope& scope, const smbwire::IoctlRequest& request,
                                  bytes::ByteWriter& out);
net::Task<NtStatus> FsctlPipeTransceive(RequestScope& scope, const smbwire::IoctlRequest& request,
                                        bytes::ByteWriter& out);
net::Task<NtStatus> FsctlPipePeek(RequestScope& scope, const smbwire::IoctlRequest& request,
                                  bytes::ByteWriter& out);

// ioctl_copychunk.cc
net::Task<NtStatus> FsctlRequestResumeKey(RequestScope& scope,
                                          const smbwire::IoctlRequest& request,
                                          bytes::ByteWriter& out);
net::Task<NtStatus> FsctlCopyChunk(RequestScope& scope, const smbwire::IoctlRequest& request,
                                   bytes::ByteWriter& out);
net::Task<NtStatus> FsctlDuplicateExtents(RequestScope& scope,
                                          const smbwire::IoctlRequest& request,
                                          bytes::ByteWriter& out);

// ioctl_file.cc
net::Task<NtStatus> FsctlSetSparse(RequestScope& scope, const smbwire::IoctlRequest& request,
                                   bytes::ByteWriter& out);
net::Task<NtStatus> FsctlSetZeroData(RequestScope& scope, const smbwire::IoctlRequest& request,
                                     bytes::ByteWriter& out);
net::Task<NtStatus> FsctlQueryAllocatedRanges(RequestScope& scope,
                                              const smbwire::IoctlRequest& request,
                                              bytes::ByteWriter& out);
net::Task<NtStatus> FsctlGetCompression(RequestScope& scope, const smbwire::IoctlRequest& request,
                                        bytes::ByteWriter& out);
net::Task<NtStatus> FsctlSetCompression(RequestScope& scope, const smbwire::IoctlRequest& request,
                                        bytes::ByteWriter& out);
net::Task<NtStatus> FsctlObjectId(RequestScope& scope, const smbwire::IoctlRequest& request,
                                  bytes::ByteWriter& out);
net::Task<NtStatus> FsctlReparsePoint(RequestScope& scope, const smbwire::IoctlRequest& request,
                                      bytes::ByteWriter& out);
net::Task<NtStatus> FsctlNothingToDo(RequestScope& scope, const smbwire::IoctlRequest& request,
                                     bytes::ByteWriter& out);

}  // namespace continuo::commands
