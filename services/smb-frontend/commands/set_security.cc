// SET_INFO of a security descriptor. [MS-SMB2] 3.3.5.21.3, [MS-FSA] 2.1.5.17.
#include "common/security/access_check.h"
#include "common/security/security_descriptor.h"
#include "services/smb-frontend/commands/file_change.h"
#include "services/smb-frontend/commands/set_info_parts.h"

namespace continuo::commands {
namespace {

// Worker thread.
NtStatus Apply(open::OpenFile& open, const security::SecurityToken& token,
               const security::SecurityDescriptor& update, uint32_t parts) {
  absl::MutexLock lock(&open.file_mutex());
  const vfs::Vfs vfs = open.vfs();
  CONTINUO_ASSIGN_OR_RETURN(const auto stored, vfs.GetSecurity(*open.file));
  const bool sets_owner =
      (parts & security::kOwnerSecurityInformation) != 0 && update.owner.IsValid();
  if (sets_owner && update.owner != stored->owner) {
    CONTINUO_RETURN_IF_ERROR(security::CheckNewOwner(update.owner, token));
  }
  CONTINUO_ASSIGN_OR_RETURN(auto merged, security::MergeSecurity(*stored, update, parts));
  return vfs.SetSecurity(*open.file, std::make_shared<const security::SecurityDescriptor>(
                                         std::move(merged)));
}

}  // namespace

net::Task<NtStatus> SetSecurity(dispatch::RequestScope& scope,
                                const smbwire::SetInfoRequest& request) {
  const std::shared_ptr<open::OpenFile> open = scope.open;
  const uint32_t parts = request.additional_information;
  const security::AccessMask needed = security::RightsToSetSecurity(parts);
  if ((open->granted_access() & needed) != needed) co_return NtStatus::kAccessDenied;
  const auto update = security::DecodeSecurityDescriptor(request.buffer);
  if (!update.ok()) co_return update.status();
  const auto work = [&] { return Apply(*open, scope.identity->token, *update, parts); };
  const NtStatus applied = co_await scope.RunBlocking(work);
  if (!applied.ok()) co_return applied;
  NotifyModified(scope, *open, fsa::kNotifySecurity);
  co_return NtStatus::kSuccess;
}

}  // namespace continuo::commands
