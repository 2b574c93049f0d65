#include "common/smbwire/session_setup.h"
#include "services/smb-frontend/commands/commands.h"
#include "services/smb-frontend/commands/end_session.h"
#include "services/smb-frontend/dispatch/smb_connection.h"

namespace continuo::commands {

net::Task<NtStatus> HandleLogoff(RequestScope& scope) {
  const NtStatus decoded = smbwire::DecodeLogoffRequest(scope.message);
  if (!decoded.ok()) co_return decoded;
  // The response is signed with the key of the session that is about to end.
  const dispatch::SessionBinding* binding = scope.connection.FindBinding(scope.session->id());
  const bool must_sign = scope.header.is_signed() || scope.session->is_signing_required();
  if (binding != nullptr && must_sign && !scope.is_encrypted) {
    scope.response_signer = binding->signer;
  }
  // Durable opens outlive a logoff, as in Windows (smb2.durable-open.reopen4).
  co_await CloseSession(scope.server, scope.loop(), scope.session, DurableOpens::kKeep);
  scope.connection.RemoveBinding(scope.session->id());
  smbwire::EncodeLogoffResponse(scope.body);
  co_return NtStatus::kSuccess;
}

}  // namespace continuo::commands
