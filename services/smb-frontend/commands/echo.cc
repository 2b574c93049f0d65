#include "common/smbwire/echo.h"

#include "services/smb-frontend/commands/commands.h"

namespace continuo::commands {

net::Task<NtStatus> HandleEcho(RequestScope& scope) {
  const NtStatus decoded = smbwire::DecodeEchoRequest(scope.message);
  if (!decoded.ok()) co_return decoded;
  smbwire::EncodeEchoResponse(scope.body);
  co_return NtStatus::kSuccess;
}

}  // namespace continuo::commands
