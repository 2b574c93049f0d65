#include <algorithm>
#include <utility>

#include "common/crypto/kdf.h"
#include "common/logging/log.h"
#include "common/smbwire/negotiate.h"
#include "common/smbwire/session_setup.h"
#include "services/smb-frontend/commands/commands.h"
#include "services/smb-frontend/commands/end_session.h"
#include "services/smb-frontend/dispatch/smb_connection.h"
#include "services/smb-frontend/dispatch/status_map.h"

namespace continuo::commands {
namespace {

using dispatch::NegotiatedState;
using dispatch::SessionBinding;
using dispatch::SmbConnection;
using session::Session;
using session::SessionState;

constexpr absl::Duration kLogonDeadline = absl::Seconds(30);
// Unfinished logons of one connection; one more drops the oldest.
constexpr size_t kMaxUnfinishedLogons = 16;
// What a message may be larger than the largest WRITE: headers and compound neighbours.
constexpr size_t kMessageOverheadBytes = 64 * 1024;

// What one leg is about; decided once at its begin.
enum class SetupKind { kLogon, kReauthentication, kBinding };

void DropOldestUnfinished(SmbConnection& connection) {
  const std::vector<smbwire::SessionId> unfinished = connection.UnfinishedLogons();
  if (unfinished.size() < kMaxUnfinishedLogons) return;
  SessionBinding* oldest = connection.FindBinding(unfinished.front());
  if (oldest->logon_context_id != 0) {
    connection.server().auth->AbandonLogon(oldest->logon_context_id);
  }
  if (!oldest->is_binding) {
    oldest->session->Close();
    connection.server().sessions.Remove(oldest->session->id());
  }
  connection.RemoveBinding(unfinished.front());
}

// STATUS_REQUEST_OUT_OF_SEQUENCE.
constexpr NtStatus kStatusRequestOutOfSequence(0xC000042Au);

// May a connection that negotiated `state` be a channel of `session`? [MS-SMB2] 3.3.5.5, with the
// order of refusals that smb2.session.bind_negative_* expects.
NtStatus CheckChannel(const NegotiatedState& state, const Session& session) {
  const session::SessionOrigin& origin = session.origin();
  const bool is_gmac = state.signing_algorithm == crypto::SigningAlgorithm::kAesGmac;
  const bool was_gmac = origin.signing_algorithm == crypto::SigningAlgorithm::kAesGmac;
  if (is_gmac && !was_gmac) return NtStatus::kNotSupported;
  if (was_gmac && !is_gmac) return kStatusRequestOutOfSequence;
  if (state.dialect < smbwire::kDialect300) return NtStatus::kRequestNotAccepted;
  if (origin.dialect != state.crypto_dialect() || origin.cipher != state.cipher) {
    return NtStatus::kInvalidParameter;
  }
  return NtStatus::kSuccess;
}

// [MS-SMB2] 3.3.5.5, binding of a channel to an existing session. Who can sign with its key belongs to
// it, whatever the client GUID of the new connection.
NtResult<SessionBinding*> BeginBinding(RequestScope& scope) {
  SmbConnection& connection = scope.connection;
  const std::shared_ptr<Session> session = scope.server.sessions.Find(scope.header.session_id);
  if (session == nullptr) return NtStatus::kUserSessionDeleted;
  if (!scope.header.is_signed()) return NtStatus::kInvalidParameter;
  if (session->state() == SessionState::kInProgress) return NtStatus::kRequestNotAccepted;
  if (session->state() == SessionState::kClosed) return NtStatus::kUserSessionDeleted;
  const std::shared_ptr<const session::SessionKeyring> keyring = session->keyring();
  if (keyring == nullptr) return NtStatus::kNotSupported;  // Guest or anonymous.
  // Both directions are signed with the session's key until the channel has its own; refusals, too.
  auto session_signer = std::make_shared<const crypto::Signer>(
      session->origin().signing_algorithm, keyring->keys.signing.view());
  if (!session_signer->Verify(scope.message)) {
    scope.server.metrics.bad_signatures.fetch_add(1, std::memory_order_relaxed);
    return NtStatus::kAccessDenied;
  }
  scope.response_signer = std::move(session_signer);
  CONTINUO_RETURN_IF_ERROR(CheckChannel(connection.negotiated(), *session));
  if (session->UpdateExpiry(absl::Now()) == SessionState::kExpired) {
    return NtStatus::kNetworkSessionExpired;
  }
  if (SessionBinding* known = connection.FindBinding(session->id())) {
    if (!known->is_binding) return NtStatus::kRequestNotAccepted;
    return known;
  }
  DropOldestUnfinished(connection);
  SessionBinding& binding = connection.AddBinding(session);
  binding.is_binding = true;
  return &binding;
}

NtResult<SessionBinding*> BeginLogon(RequestScope& scope) {
  SmbConnection& connection = scope.connection;
  const NegotiatedState& state = connection.negotiated();
  DropOldestUnfinished(connection);
  const session::SessionOrigin origin{.dialect = state.crypto_dialect(),
                                      .client_guid = state.client_guid,
                                      .signing_algorithm = state.signing_algorithm,
                                      .cipher = state.cipher};
  std::shared_ptr<Session> session =
      scope.server.sessions.Create(origin, scope.server.config()->global.sessions_max);
  if (session == nullptr) return NtStatus::kInsufficientResources;
  CONTINUO_CHECK(session->AddChannel(connection.id()));  // The first one of a new session.
  return &connection.AddBinding(std::move(session));
}

// The binding that this request belongs to, and what it is about.
NtResult<SessionBinding*> FindOrBegin(RequestScope& scope,
                                      const smbwire::SessionSetupRequest& request,
                                      SetupKind& kind) {
  if ((request.flags & smbwire::kSessionSetupFlagBinding) != 0) {
    kind = SetupKind::kBinding;
    return BeginBinding(scope);
  }
  kind = SetupKind::kLogon;
  if (scope.header.session_id.value() == 0) return BeginLogon(scope);
  SessionBinding* binding = scope.connection.FindBinding(scope.header.session_id);
  if (binding == nullptr || binding->is_binding ||
      binding->session->state() == SessionState::kClosed) {
    return NtStatus::kUserSessionDeleted;
  }
  if (binding->session->state() != SessionState::kInProgress) kind = SetupKind::kReauthentication;
  return binding;
}

crypto::SessionKeyInputs KeyInputs(const NegotiatedState& state, const SessionBinding& binding,
                                   const Bytes& key) {
  crypto::SessionKeyInputs inputs;
  inputs.dialect = state.crypto_dialect();
  inputs.session_key = crypto::ToSessionKey(key);
  inputs.full_session_key = crypto::SecretBytes(key);
  inputs.preauth_hash = binding.preauth_hash;
  inputs.cipher = state.cipher;
  return inputs;
}

std::shared_ptr<const session::SessionKeyring> MakeKeyring(const NegotiatedState& state,
                                                           const SessionBinding& binding,
                                                           const Bytes& key) {
  const crypto::SessionKeyInputs inputs = KeyInputs(state, binding, key);
  auto keyring = std::make_shared<session::SessionKeyring>();
  keyring->keys = crypto::DeriveSessionKeys(inputs);
  keyring->session_key = inputs.session_key;
  keyring->full_session_key = inputs.full_session_key;
  if (state.cipher != crypto::Cipher::kNone) {
    keyring->seal =
        std::make_unique<const crypto::Sealer>(state.cipher, keyring->keys.encryption.view());
    keyring->open =
        std::make_unique<const crypto::Sealer>(state.cipher, keyring->keys.decryption.view());
  }
  return keyring;
}

// Ends the session that the client had before it lost its connection. Only its own user may.
// [MS-SMB2] 3.3.5.5.3.
net::Task<void> EndPreviousSession(RequestScope& scope, smbwire::SessionId previous_id,
                                   const session::Identity& identity) {
  if (previous_id.value() == 0 || previous_id == scope.session->id()) co_return;
  const std::shared_ptr<Session> previous = scope.server.sessions.Find(previous_id);
  if (previous == nullptr) co_return;
  const std::shared_ptr<const session::Identity> owner = previous->identity();
  if (owner == nullptr || !(owner->token.user == identity.token.user)) co_return;
  co_await CloseSession(scope.server, scope.loop(), previous, DurableOpens::kKeep);
}

bool IsSigningRequired(const RequestScope& scope, const smbwire::SessionSetupRequest& request,
                       const config::Global& config) {
  return config.require_message_signing ||
         (request.security_mode & smbwire::kSecurityModeSigningRequired) != 0 ||
         (scope.connection.negotiated().client_security_mode &
          smbwire::kSecurityModeSigningRequired) != 0;
}

// A new logon is complete: keys, flags, the connection's limits.
NtStatus FinishLogon(RequestScope& scope, SessionBinding& binding,
                     const smbwire::SessionSetupRequest& request, const clients::LogonDone& done,
                     uint16_t& session_flags) {
  const std::shared_ptr<const config::Config> config = scope.server.config();
  const NegotiatedState& state = scope.connection.negotiated();
  const std::shared_ptr<const session::Identity> identity = session::MakeIdentity(done.identity);
  Session& session = *binding.session;
  const bool has_keys = !done.session_key.empty() && !identity->token.is_guest &&
                        !identity->token.is_anonymous;
  std::shared_ptr<const session::SessionKeyring> keyring;
  if (has_keys) {
    keyring = MakeKeyring(state, binding, done.session_key);
    binding.signer = std::make_shared<const crypto::Signer>(state.signing_algorithm,
                                                            keyring->keys.signing.view());
    session.SetSigningRequired(IsSigningRequired(scope, request, config->global));
  } else if (config->global.require_message_signing) {
    return NtStatus::kAccessDenied;  // Nobody who cannot sign may stay.
  }
  if (config->global.encrypt_data) {
    const bool can_encrypt = keyring != nullptr && keyring->seal != nullptr;
    if (can_encrypt) {
      session.SetEncryptionRequired(config->global.reject_unencrypted_access);
      session_flags |= smbwire::kSessionFlagEncryptData;
    } else if (config->global.reject_unencrypted_access) {
      return NtStatus::kAccessDenied;
    }
  }
  if (identity->token.is_guest) session_flags |= smbwire::kSessionFlagIsGuest;
  if (identity->token.is_anonymous) session_flags |= smbwire::kSessionFlagIsNull;
  session.Authenticate(identity, std::move(keyring));
  scope.connection.transport().MarkAuthenticated();
  scope.connection.transport().SetMaxMessageSize(
      std::max(state.max_write_size_bytes, state.max_transact_size_bytes) + kMessageOverheadBytes);
  return NtStatus::kSuccess;
}

NtStatus FinishBinding(RequestScope& scope, SessionBinding& binding,
                       const clients::LogonDone& done) {
  const std::shared_ptr<const session::Identity> owner = binding.session->identity();
  if (owner == nullptr || !(owner->token.user == done.identity.user_sid)) {
    return NtStatus::kAccessDenied;
  }
  const NegotiatedState& state = scope.connection.negotiated();
  const crypto::SecretBytes key =
      crypto::DeriveChannelSigningKey(KeyInputs(state, binding, done.session_key));
  binding.signer = std::make_shared<const crypto::Signer>(state.signing_algorithm, key.view());
  if (!binding.session->AddChannel(scope.connection.id())) return NtStatus::kInsufficientResources;
  binding.is_binding = false;
  scope.connection.transport().MarkAuthenticated();
  scope.connection.transport().SetMaxMessageSize(
      std::max(state.max_write_size_bytes, state.max_transact_size_bytes) + kMessageOverheadBytes);
  return NtStatus::kSuccess;
}

// A failed leg ends the logon; a failed re-authentication ends the session ([MS-SMB2] 3.3.5.5.3).
net::Task<void> Abandon(RequestScope& scope, SetupKind kind, std::shared_ptr<Session> session) {
  SessionBinding* binding = scope.connection.FindBinding(session->id());
  if (binding != nullptr && binding->session == session) {
    if (kind == SetupKind::kReauthentication && scope.header.is_signed() && !scope.is_encrypted) {
      scope.response_signer = binding->signer;
    }
    scope.connection.RemoveBinding(session->id());
  }
  if (kind == SetupKind::kBinding) co_return;
  scope.session = nullptr;
  co_await CloseSession(scope.server, scope.loop(), session);
}

net::Task<absl::StatusOr<clients::LogonOutcome>> CallAuth(RequestScope& scope,
                                                          clients::LogonLeg leg) {
  const auto start = [&](net::CompletionOf<absl::StatusOr<clients::LogonOutcome>> done) {
    scope.server.auth->Logon(std::move(leg), absl::Now() + kLogonDeadline, std::move(done));
  };
  co_return co_await net::AwaitCallback<absl::StatusOr<clients::LogonOutcome>>(scope.loop(), start);
}

// The client gets another leg: the response with the token is part of the preauthentication hash.
NtStatus Continue(RequestScope& scope, SessionBinding& binding,
                  const clients::LogonContinue& outcome) {
  binding.logon_context_id = outcome.context_id;
  smbwire::EncodeSessionSetupResponse({.security_buffer = outcome.token}, scope.body);
  scope.has_body_on_error = true;
  SmbConnection* connection = &scope.connection;
  const smbwire::SessionId id = binding.session->id();
  scope.on_encoded = [connection, id](std::span<const uint8_t> message) {
    if (SessionBinding* waiting = connection->FindBinding(id)) {
      waiting->preauth_hash = crypto::NextPreauthHash(waiting->preauth_hash, message);
    }
  };
  return NtStatus::kMoreProcessingRequired;
}

}  // namespace

net::Task<NtStatus> HandleSessionSetup(RequestScope& scope) {
  const auto request = smbwire::DecodeSessionSetupRequest(scope.message);
  if (!request.ok()) co_return request.status();
  SetupKind kind = SetupKind::kLogon;
  NtResult<SessionBinding*> found = FindOrBegin(scope, *request, kind);
  if (!found.ok()) co_return found.status();
  SessionBinding* binding = *found;
  if (binding->is_setup_running) co_return NtStatus::kRequestNotAccepted;
  const std::shared_ptr<Session> session = binding->session;
  scope.response_session_id = session->id();
  if (binding->logon_context_id == 0) {
    binding->preauth_hash = scope.connection.negotiated().preauth_hash;
  }
  binding->preauth_hash = crypto::NextPreauthHash(binding->preauth_hash, scope.message);

  clients::LogonLeg leg;
  leg.context_id = std::exchange(binding->logon_context_id, 0);
  leg.token.assign(request->security_buffer.begin(), request->security_buffer.end());
  leg.client_address = scope.connection.transport().peer_address().HostString();
  leg.connection_key = scope.connection.id();
  binding->is_setup_running = true;
  const absl::StatusOr<clients::LogonOutcome> outcome =
      co_await CallAuth(scope, std::move(leg));

  binding = scope.connection.FindBinding(session->id());
  if (binding == nullptr || binding->session != session ||
      session->state() == SessionState::kClosed) {
    co_return NtStatus::kUserSessionDeleted;  // Logged off, or the connection ended, meanwhile.
  }
  binding->is_setup_running = false;
  NtStatus status = NtStatus::kSuccess;
  if (!outcome.ok()) {
    logging::Warning("logon.unavailable", {{"status", outcome.status()}});
    status = dispatch::ToNtStatus(outcome.status());
  } else if (const auto* next = std::get_if<clients::LogonContinue>(&*outcome)) {
    co_return Continue(scope, *binding, *next);
  } else if (const auto* refused = std::get_if<clients::LogonRefused>(&*outcome)) {
    status = refused->nt_status;
  }
  if (!status.ok()) {
    co_await Abandon(scope, kind, session);
    co_return status;
  }

  const auto& done = std::get<clients::LogonDone>(*outcome);
  uint16_t session_flags = 0;
  switch (kind) {
    case SetupKind::kLogon:
      status = FinishLogon(scope, *binding, *request, done, session_flags);
      break;
    case SetupKind::kBinding:
      status = FinishBinding(scope, *binding, done);
      break;
    case SetupKind::kReauthentication:
      session->Reauthenticate(session::MakeIdentity(done.identity));
      break;
  }
  if (!status.ok()) {
    co_await Abandon(scope, kind, session);
    co_return status;
  }
  scope.session = session;
  if (!scope.is_encrypted) scope.response_signer = binding->signer;
  if (kind == SetupKind::kLogon) {
    if (scope.server.on_first_session != nullptr) {
      absl::call_once(scope.server.first_session, scope.server.on_first_session);
    }
    const std::shared_ptr<const session::Identity> identity = session->identity();
    co_await EndPreviousSession(scope, request->previous_session_id, *identity);
  }
  smbwire::EncodeSessionSetupResponse(
      {.session_flags = session_flags, .security_buffer = done.token}, scope.body);
  co_return NtStatus::kSuccess;
}

}  // namespace continuo::commands
