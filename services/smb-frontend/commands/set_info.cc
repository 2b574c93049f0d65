#include <algorithm>

#include "common/smbwire/fscc.h"
#include "common/smbwire/fscc_volume.h"
#include "common/smbwire/query_info.h"
#include "services/smb-frontend/commands/commands.h"
#include "services/smb-frontend/commands/info_rules.h"
#include "services/smb-frontend/commands/persistent_open.h"
#include "services/smb-frontend/commands/set_info_parts.h"
#include "services/smb-frontend/dispatch/credit_charge.h"
#include "services/smb-frontend/dispatch/smb_connection.h"

namespace continuo::commands {
namespace {

using smbwire::InfoType;

// STATUS_SHORT_NAMES_NOT_ENABLED_ON_VOLUME, [MS-FSA] 2.1.5.15.13: ours are computed from the names.
constexpr uint32_t kShortNamesNotEnabled = 0xC000019F;

// [MS-SMB2] 3.3.5.21, in its order.
NtStatus CheckRequest(const RequestScope& scope, const smbwire::SetInfoRequest& request) {
  if (request.buffer.size() > scope.connection.negotiated().max_transact_size_bytes) {
    return NtStatus::kInvalidParameter;
  }
  CONTINUO_RETURN_IF_ERROR(dispatch::CheckCreditCharge(scope, request.buffer.size()));
  if (request.info_type != InfoType::kFile) return NtStatus::kSuccess;
  if (IsUnsupportedFileClass(request.info_class)) return NtStatus::kNotSupported;
  const auto rights = FileSetRights(request.info_class);
  if (!rights) return NtStatus::kInvalidInfoClass;
  if (*rights != 0 && !scope.open->Has(*rights)) return NtStatus::kAccessDenied;
  return NtStatus::kSuccess;
}

// A pipe's modes can be asked for; ours works with messages whatever the client asks.
NtStatus SetPipeInfo(const smbwire::SetInfoRequest& request) {
  if (request.info_class != smbwire::kFilePipeInformation) return NtStatus::kInvalidParameter;
  CONTINUO_ASSIGN_OR_RETURN(const auto info, smbwire::DecodeFilePipeInformation(request.buffer));
  const bool is_known = info.read_mode <= 1 && info.completion_mode <= 1;
  return is_known ? NtStatus::kSuccess : NtStatus::kInvalidParameter;
}

net::Task<NtStatus> SetFileInfo(RequestScope& scope, const smbwire::SetInfoRequest& request) {
  switch (request.info_class) {
    case smbwire::kFileBasicInformation:
      co_return co_await SetBasicInfo(scope, request);
    case smbwire::kFileRenameInformation:
    case smbwire::kFileRenameInformationEx:
      co_return co_await SetRename(scope, request);
    case smbwire::kFileLinkInformation:
    case smbwire::kFileLinkInformationEx:
      co_return co_await SetLink(scope, request);
    case smbwire::kFileDispositionInformation:
    case smbwire::kFileDispositionInformationEx:
      co_return co_await SetDisposition(scope, request);
    case smbwire::kFileEndOfFileInformation:
    case smbwire::kFileAllocationInformation:
      co_return co_await SetFileSize(scope, request);
    case smbwire::kFileFullEaInformation:
      co_return co_await SetFullEas(scope, request);
    case smbwire::kFilePositionInformation:
    case smbwire::kFileModeInformation:
      co_return SetOpenFacts(scope, request);
    case smbwire::kFileValidDataLengthInformation:
      // Would show what was on the disk before: [MS-FSA] 2.1.5.15.16 asks for
      // SeManageVolumePrivilege, which nobody has here.
      co_return NtStatus::kPrivilegeNotHeld;
    case smbwire::kFileShortNameInformation:
      co_return NtStatus(kShortNamesNotEnabled);
    default:
      co_return NtStatus::kInvalidParameter;  // Pipe classes on a file.
  }
}

// [MS-SMB2] 3.3.5.21.2: nothing of the volume can be changed through a share.
NtStatus SetFileSystemInfo(const smbwire::SetInfoRequest& request) {
  switch (request.info_class) {
    case smbwire::kFileFsControlInformation:
    case smbwire::kFileFsObjectIdInformation:
    case smbwire::kFileFsLabelInformation:
      return NtStatus::kNotSupported;
    default:
      return NtStatus::kInvalidInfoClass;
  }
}

// Not of what is kept in the open, or in the FSA until it closes.
bool ChangesObject(const RequestScope& scope, const smbwire::SetInfoRequest& request) {
  if (scope.open->is_pipe()) return false;
  if (request.info_type == InfoType::kSecurity) return true;
  if (request.info_type != InfoType::kFile) return false;
  switch (request.info_class) {
    case smbwire::kFilePositionInformation:
    case smbwire::kFileModeInformation:
    case smbwire::kFileDispositionInformation:
    case smbwire::kFileDispositionInformationEx:
      return false;
    default:
      return true;
  }
}

net::Task<NtStatus> Dispatch(RequestScope& scope, const smbwire::SetInfoRequest& request) {
  switch (request.info_type) {
    case InfoType::kFile:
      if (scope.open->is_pipe()) co_return SetPipeInfo(request);
      co_return co_await SetFileInfo(scope, request);
    case InfoType::kFileSystem:
      co_return SetFileSystemInfo(request);
    case InfoType::kSecurity:
      if (scope.open->is_pipe()) co_return NtStatus::kNotSupported;
      co_return co_await SetSecurity(scope, request);
    case InfoType::kQuota:
      co_return NtStatus::kNotSupported;  // [MS-SMB2] 3.3.5.21.4: a store without quotas.
    default:
      co_return NtStatus::kInvalidParameter;
  }
}

}  // namespace

net::Task<NtStatus> HandleSetInfo(RequestScope& scope) {
  const auto request = smbwire::DecodeSetInfoRequest(scope.message);
  if (!request.ok()) co_return request.status();
  const NtStatus checked = CheckRequest(scope, *request);
  if (!checked.ok()) co_return checked;
  const NtStatus status = co_await Dispatch(scope, *request);
  if (!status.ok()) co_return status;
  if (ChangesObject(scope, *request)) {
    const NtStatus stable = co_await Stabilize(scope, scope.open);
    if (!stable.ok()) co_return stable;
  }
  smbwire::EncodeSetInfoResponse(scope.body);
  co_return NtStatus::kSuccess;
}

}  // namespace continuo::commands
