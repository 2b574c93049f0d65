#include "common/smbwire/tree_connect.h"

#include "common/bytes/utf16.h"
#include "common/smbwire/negotiate.h"
#include "services/smb-frontend/commands/commands.h"
#include "services/smb-frontend/commands/end_session.h"
#include "services/smb-frontend/commands/persistent_open.h"
#include "services/smb-frontend/dispatch/smb_connection.h"

namespace continuo::commands {
namespace {

// "\\server\share" → "share". Clients also send "\server\share" and names with a trailing backslash.
NtResult<std::string> ShareNameOf(std::span<const uint8_t> path_utf16le) {
  const auto path = bytes::Utf16LeToUtf8(path_utf16le);
  if (!path) return NtStatus::kBadNetworkName;
  const size_t server = path->find_first_not_of('\\');
  if (server == std::string::npos || server == 0) return NtStatus::kBadNetworkName;
  const size_t separator = path->find('\\', server);
  if (separator == std::string::npos) return NtStatus::kBadNetworkName;
  std::string share = path->substr(separator + 1);
  while (!share.empty() && share.back() == '\\') share.pop_back();
  if (share.empty() || share.find('\\') != std::string::npos) return NtStatus::kBadNetworkName;
  return share;
}

uint32_t ShareFlags(bool is_encrypted) {
  uint32_t flags = smbwire::kShareFlagManualCaching;
  if (is_encrypted) flags |= smbwire::kShareFlagEncryptData;
  return flags;
}

}  // namespace

net::Task<NtStatus> HandleTreeConnect(RequestScope& scope) {
  const auto request = smbwire::DecodeTreeConnectRequest(scope.message);
  if (!request.ok()) co_return request.status();
  const NtResult<std::string> name = ShareNameOf(request->path_utf16le);
  if (!name.ok()) co_return name.status();
  const std::shared_ptr<const session::Share> share = scope.server.shares()->Find(*name);
  if (share == nullptr) co_return NtStatus::kBadNetworkName;

  const security::AccessMask maximal = share->MaximalAccessOf(scope.identity->token);
  if (maximal == 0) co_return NtStatus::kAccessDenied;
  const std::shared_ptr<const config::Config> config = scope.server.config();
  bool must_encrypt = false;
  bool may_encrypt = false;
  if (share->is_disk() && share->config.encrypt_data) {
    const auto keyring = scope.session->keyring();
    may_encrypt = keyring != nullptr && keyring->seal != nullptr;
    if (!may_encrypt && config->global.reject_unencrypted_access) co_return NtStatus::kAccessDenied;
    must_encrypt = may_encrypt && config->global.reject_unencrypted_access;
  }
  const auto tree = scope.session->AddTreeConnect(share, maximal, must_encrypt);
  if (tree == nullptr) co_return NtStatus::kInsufficientResources;
  scope.tree = tree;
  scope.response_tree_id = tree->id;

  smbwire::TreeConnectResponse response;
  response.share_type = share->is_disk() ? smbwire::kShareTypeDisk : smbwire::kShareTypePipe;
  response.share_flags = ShareFlags(may_encrypt);
  if (HasPersistentHandles(scope.server, *share)) {
    response.capabilities |= smbwire::kShareCapContinuousAvailability;
  }
  response.maximal_access = maximal;
  smbwire::EncodeTreeConnectResponse(response, scope.body);
  co_return NtStatus::kSuccess;
}

net::Task<NtStatus> HandleTreeDisconnect(RequestScope& scope) {
  const NtStatus decoded = smbwire::DecodeTreeDisconnectRequest(scope.message);
  if (!decoded.ok()) co_return decoded;
  const auto tree = scope.session->RemoveTreeConnect(scope.tree->id);
  if (tree == nullptr) co_return NtStatus::kNetworkNameDeleted;
  co_await CloseTreeConnect(scope.server, scope.loop(), scope.session, tree);
  smbwire::EncodeTreeDisconnectResponse(scope.body);
  co_return NtStatus::kSuccess;
}

}  // namespace continuo::commands
