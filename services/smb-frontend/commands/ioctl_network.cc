// Control codes that name no open: about the connection, the server's addresses, and DFS.
#include "services/smb-frontend/commands/interfaces.h"
#include "services/smb-frontend/commands/ioctl.h"
#include "services/smb-frontend/commands/negotiate.h"
#include "services/smb-frontend/dispatch/smb_connection.h"

namespace continuo::commands {
namespace {

// Would this NEGOTIATE have come to where the connection is?
bool IsSameNegotiation(const RequestScope& scope,
                       const smbwire::ValidateNegotiateRequest& request) {
  const dispatch::NegotiatedState& negotiated = scope.connection.negotiated();
  smbwire::NegotiateRequest again;
  again.dialects = request.dialects;
  return ChooseDialect(again, scope.server.config()->global) == negotiated.dialect &&
         request.client_guid == negotiated.client_guid &&
         request.security_mode == negotiated.client_security_mode &&
         request.capabilities == negotiated.client_capabilities;
}

}  // namespace

// Source: [MS-SMB2] 3.3.5.15.12. Whatever differs was changed on the way: the connection ends.
net::Task<NtStatus> FsctlValidateNegotiate(RequestScope& scope,
                                           const smbwire::IoctlRequest& request,
                                           bytes::ByteWriter& out) {
  const auto wanted = smbwire::DecodeValidateNegotiateRequest(request.input);
  if (!wanted.ok() ||
      request.max_output_response_bytes < smbwire::kValidateNegotiateResponseSizeBytes ||
      !IsSameNegotiation(scope, *wanted)) {
    scope.connection.Disconnect("VALIDATE_NEGOTIATE_INFO does not match");
    co_return NtStatus::kAccessDenied;
  }
  const dispatch::NegotiatedState& negotiated = scope.connection.negotiated();
  smbwire::EncodeValidateNegotiateResponse(
      {.capabilities = negotiated.server_capabilities,
       .server_guid = scope.server.server_guid,
       .security_mode = ServerSecurityMode(scope.server.config()->global),
       .dialect = negotiated.dialect},
      out);
  co_return NtStatus::kSuccess;
}

// Source: [MS-SMB2] 3.3.5.15.11.
net::Task<NtStatus> FsctlNetworkInterfaces(RequestScope& scope,
                                           const smbwire::IoctlRequest& request,
                                           bytes::ByteWriter& out) {
  const dispatch::NegotiatedState& negotiated = scope.connection.negotiated();
  if (negotiated.dialect < smbwire::kDialect300) co_return NtStatus::kNotSupported;
  const std::vector<net::SocketAddress>& listening = scope.server.loops->ListeningAddresses();
  const auto find = [&listening] { return FindInterfaces(listening); };
  const std::vector<smbwire::NetworkInterface> interfaces = co_await scope.RunBlocking(find);
  if (interfaces.empty()) co_return NtStatus::kNotSupported;
  if (request.max_output_response_bytes <
      interfaces.size() * smbwire::kNetworkInterfaceInfoSizeBytes) {
    co_return NtStatus::kBufferTooSmall;
  }
  smbwire::EncodeNetworkInterfaces(interfaces, out);
  co_return NtStatus::kSuccess;
}

// [MS-SMB2] 3.3.5.15.2: a server without DFS.
net::Task<NtStatus> FsctlDfsReferrals(RequestScope& /*scope*/,
                                      const smbwire::IoctlRequest& /*request*/,
                                      bytes::ByteWriter& /*out*/) {
  co_return kStatusFsDriverRequired;
}

}  // namespace continuo::commands
