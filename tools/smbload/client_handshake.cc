// NEGOTIATE, SESSION_SETUP and TREE_CONNECT of the client. [MS-SMB2] 3.2.4.2, 3.2.5.2 to 3.2.5.5.
#include <algorithm>
#include <array>
#include <utility>

#include <absl/strings/str_format.h>

#include "common/bytes/utf16.h"
#include "common/smbwire/client_messages.h"
#include "tools/smbload/client.h"

namespace continuo::smbload {
namespace {

absl::Status Refused(const char* what, NtStatus status) {
  return absl::FailedPreconditionError(
      absl::StrFormat("%s: %s (0x%08x)", what, std::string(status.name()), status.value()));
}

uint8_t SecurityMode(Protection protection) {
  return protection == Protection::kPlain ? smbwire::kSecurityModeSigningEnabled
                                          : smbwire::kSecurityModeSigningRequired;
}

}  // namespace

void Client::FinishStart(absl::Status status) {
  if (!ready_) return;
  const ReadyCallback ready = std::move(ready_);
  ready_ = nullptr;
  ready(std::move(status));
}

void Client::SendNegotiate() {
  smbwire::NegotiateRequest request;
  request.security_mode = SecurityMode(options_.protection);
  request.dialects = {options_.dialect};
  request.client_guid = options_.client_guid;
  if (request.client_guid == smbwire::Guid{}) random_.Fill(request.client_guid);
  if (options_.dialect >= smbwire::kDialect210) request.capabilities |= smbwire::kCapLargeMtu;
  if (options_.dialect >= smbwire::kDialect300) {
    request.capabilities |= smbwire::kCapLeasing | smbwire::kCapPersistentHandles |
                            smbwire::kCapEncryption;
  }
  std::array<uint8_t, 32> salt{};
  random_.Fill(salt);
  if (options_.dialect == smbwire::kDialect311) {
    request.contexts.preauth_integrity =
        smbwire::PreauthIntegrityCapabilities{{smbwire::kHashSha512}, salt};
    request.contexts.ciphers = options_.ciphers;
    request.contexts.signing_algorithms = options_.signing_algorithms;
  }
  Send(smbwire::Command::kNegotiate,
       [&](bytes::ByteWriter& out) { smbwire::EncodeNegotiateRequest(request, out); },
       [this](const Reply& reply) { OnNegotiated(reply); });
}

void Client::OnNegotiated(const Reply& reply) {
  if (!reply.status.ok()) return Fail(Refused("NEGOTIATE", reply.status));
  const auto response = smbwire::DecodeNegotiateResponse(reply.message);
  if (!response.ok()) return Fail(Refused("NEGOTIATE response", response.status()));
  if (response->dialect != options_.dialect) {
    return Fail(absl::FailedPreconditionError(
        absl::StrFormat("server chose dialect 0x%04x", response->dialect)));
  }
  dialect_ = response->dialect;
  is_hashing_preauth_ = dialect_ == smbwire::kDialect311;
  has_large_mtu_ = (response->capabilities & smbwire::kCapLargeMtu) != 0;
  const uint32_t max_io = has_large_mtu_ ? UINT32_MAX : uint32_t{kBytesPerCredit};
  max_read_size_bytes_ = std::min(response->max_read_size_bytes, max_io);
  max_write_size_bytes_ = std::min(response->max_write_size_bytes, max_io);
  server_requires_signing_ =
      (response->security_mode & smbwire::kSecurityModeSigningRequired) != 0;

  signing_algorithm_ = crypto::DefaultSigningAlgorithm(static_cast<crypto::Dialect>(dialect_));
  if (dialect_ == smbwire::kDialect311) {
    const auto& contexts = response->contexts;
    if (contexts.signing_algorithms && !contexts.signing_algorithms->empty()) {
      signing_algorithm_ =
          static_cast<crypto::SigningAlgorithm>(contexts.signing_algorithms->front());
    }
    if (contexts.ciphers && !contexts.ciphers->empty()) {
      cipher_ = static_cast<crypto::Cipher>(contexts.ciphers->front());
    }
  } else if ((response->capabilities & smbwire::kCapEncryption) != 0) {
    cipher_ = crypto::Cipher::kAes128Ccm;
  }
  if (options_.protection == Protection::kSealed && cipher_ == crypto::Cipher::kNone) {
    return Fail(absl::FailedPreconditionError("the server negotiated no cipher"));
  }
  SendSessionSetup(ntlm_.FirstToken());
}

void Client::SendSessionSetup(Bytes token) {
  smbwire::SessionSetupRequest request;
  request.security_mode = SecurityMode(options_.protection);
  request.previous_session_id = options_.previous_session_id;
  request.security_buffer = token;
  Send(smbwire::Command::kSessionSetup,
       [&](bytes::ByteWriter& out) { smbwire::EncodeSessionSetupRequest(request, out); },
       [this](const Reply& reply) { OnSessionSetup(reply); });
}

void Client::OnSessionSetup(const Reply& reply) {
  const bool has_more = reply.status == NtStatus::kMoreProcessingRequired;
  if (!has_more && !reply.status.ok()) return Fail(Refused("SESSION_SETUP", reply.status));
  const auto response = smbwire::DecodeSessionSetupResponse(reply.message);
  if (!response.ok()) return Fail(Refused("SESSION_SETUP response", response.status()));
  session_id_ = reply.header.session_id;
  if (!has_more) return InstallKeys(reply, response->session_flags);

  if (is_hashing_preauth_) preauth_hash_ = crypto::NextPreauthHash(preauth_hash_, reply.message);
  absl::StatusOr<Bytes> token = ntlm_.SecondToken(response->security_buffer);
  if (!token.ok()) return Fail(token.status());
  SendSessionSetup(std::move(*token));
}

void Client::InstallKeys(const Reply& reply, uint16_t session_flags) {
  is_hashing_preauth_ = false;
  crypto::SessionKeyInputs inputs;
  inputs.dialect = static_cast<crypto::Dialect>(dialect_);
  inputs.session_key = crypto::ToSessionKey(ntlm_.session_key());
  inputs.preauth_hash = preauth_hash_;
  inputs.cipher = cipher_;
  const crypto::SessionKeys keys = crypto::DeriveSessionKeys(inputs);
  const bool is_anybody =
      (session_flags & (smbwire::kSessionFlagIsGuest | smbwire::kSessionFlagIsNull)) != 0;
  if (!is_anybody) {
    signer_ = std::make_unique<crypto::Signer>(signing_algorithm_, keys.signing.view());
    // The last answer proves that the server has the same keys.
    if (reply.header.is_signed() && !signer_->Verify(reply.message)) {
      return Fail(absl::PermissionDeniedError("bad signature on the SESSION_SETUP response"));
    }
    if (dialect_ == smbwire::kDialect311 && !reply.header.is_signed()) {
      return Fail(absl::PermissionDeniedError("unsigned SESSION_SETUP response"));
    }
    is_signing_ = options_.protection == Protection::kSigned || server_requires_signing_;
  }
  const bool wants_sealing = options_.protection == Protection::kSealed ||
                             (session_flags & smbwire::kSessionFlagEncryptData) != 0;
  if (wants_sealing && cipher_ != crypto::Cipher::kNone && !is_anybody) {
    // Keys are named from the server's side.
    seal_ = std::make_unique<crypto::Sealer>(cipher_, keys.decryption.view());
    open_ = std::make_unique<crypto::Sealer>(cipher_, keys.encryption.view());
    is_sealing_ = true;
    is_signing_ = false;
  } else if (wants_sealing) {
    return Fail(absl::FailedPreconditionError("this session cannot be sealed"));
  }
  SendTreeConnect();
}

void Client::SendTreeConnect() {
  const Bytes path =
      bytes::Utf8ToUtf16Le("\\\\" + options_.server + "\\" + options_.share).value_or(Bytes{});
  smbwire::TreeConnectRequest request;
  request.path_utf16le = path;
  Send(smbwire::Command::kTreeConnect,
       [&](bytes::ByteWriter& out) { smbwire::EncodeTreeConnectRequest(request, out); },
       [this](const Reply& reply) { OnTreeConnected(reply); });
}

void Client::OnTreeConnected(const Reply& reply) {
  if (!reply.status.ok()) return Fail(Refused("TREE_CONNECT", reply.status));
  tree_id_ = reply.header.tree_id;
  FinishStart(absl::OkStatus());
}

}  // namespace continuo::smbload
