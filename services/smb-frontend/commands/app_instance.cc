#include "services/smb-frontend/commands/app_instance.h"

#include <utility>

#include "common/bytes/utf16.h"
#include "services/smb-frontend/commands/end_session.h"
#include "services/smb-frontend/dispatch/smb_connection.h"

namespace continuo::commands {
namespace {

bool IsFormer(const dispatch::RequestScope& scope, const CreatePlan& plan,
              const open::OpenFile& open) {
  if (open.is_closing() || open.is_pipe()) return false;
  if (open.facts().client_guid == scope.connection.negotiated().client_guid) return false;
  if (open.share().absolute_path != scope.tree->share->absolute_path) return false;
  const std::optional<std::string> stream = open.StreamName();
  if (stream.has_value() != plan.name.stream.has_value()) return false;
  if (stream && !bytes::EqualsIgnoringCase(*stream, *plan.name.stream)) return false;
  return bytes::EqualsIgnoringCase(open.PathInShare(), plan.name.Path());
}

}  // namespace

bool IsInstanceKept(const std::optional<smbwire::AppInstanceVersion>& held,
                    const std::optional<smbwire::AppInstanceVersion>& wanted) {
  if (!held || !wanted) return false;
  if (held->high != wanted->high) return held->high > wanted->high;
  return held->low >= wanted->low;
}

net::Task<NtStatus> CloseFormerInstance(dispatch::RequestScope& scope, const CreatePlan& plan) {
  if (!plan.app_instance_id) co_return NtStatus::kSuccess;
  for (auto& open : scope.server.opens.FindByAppInstance(*plan.app_instance_id)) {
    if (!IsFormer(scope, plan, *open)) continue;
    if (IsInstanceKept(open->facts().app_instance_version, plan.app_instance_version)) {
      co_return NtStatus::kFileForcedClosed;
    }
    {
      absl::MutexLock lock(&open->mutex());
      open->state().is_disconnected = false;  // Nobody can claim it any more.
    }
    const NtStatus closed = co_await CloseOpen(scope.server, scope.loop(), std::move(open));
    (void)closed;  // Its client was first: as good.
  }
  co_return NtStatus::kSuccess;
}

}  // namespace continuo::commands
