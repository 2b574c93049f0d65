#include "services/smb-frontend/commands/negotiate.h"

#include <algorithm>
#include <array>

#include "common/crypto/random.h"
#include "common/logging/log.h"
#include "services/smb-frontend/clients/auth_client.h"
#include "services/smb-frontend/commands/commands.h"
#include "services/smb-frontend/dispatch/status_map.h"

namespace continuo::commands {
namespace {

using dispatch::NegotiatedState;
using dispatch::SmbConnection;

constexpr absl::Duration kInitialTokenMaxAge = absl::Seconds(10);
constexpr absl::Duration kInitialTokenDeadline = absl::Seconds(5);
constexpr size_t kSaltSizeBytes = 32;
// Before 2.1 there is no multi-credit request: nothing larger than 64 KiB.
constexpr uint32_t kSmallMaxSizeBytes = 65536;

uint32_t Capabilities(uint16_t dialect, const NegotiatedState& state,
                      const dispatch::ServerContext& server, const config::Global& config) {
  uint32_t capabilities = 0;
  if (dialect >= smbwire::kDialect210) {
    capabilities |= smbwire::kCapLargeMtu;
    if (config.enable_oplock) capabilities |= smbwire::kCapLeasing;
  }
  if (dialect >= smbwire::kDialect300) {
    capabilities |= smbwire::kCapMultiChannel;
    if (config.enable_oplock) capabilities |= smbwire::kCapDirectoryLeasing;
    if (server.handles != nullptr &&
        (state.client_capabilities & smbwire::kCapPersistentHandles) != 0) {
      capabilities |= smbwire::kCapPersistentHandles;
    }
    // 3.1.1 says it in a negotiate context instead ([MS-SMB2] 3.3.5.4).
    if (dialect < smbwire::kDialect311 &&
        (state.client_capabilities & smbwire::kCapEncryption) != 0) {
      capabilities |= smbwire::kCapEncryption;
    }
  }
  return capabilities;
}

void FillLimits(NegotiatedState& state, const config::Global& config) {
  state.supports_multi_credit = state.dialect >= smbwire::kDialect210;
  const auto limited = [&state](uint32_t configured) {
    return state.supports_multi_credit ? std::max(configured, kSmallMaxSizeBytes)
                                       : kSmallMaxSizeBytes;
  };
  state.max_transact_size_bytes = limited(config.smb2_trans_max);
  state.max_read_size_bytes = limited(config.smb2_read_max);
  state.max_write_size_bytes = limited(config.smb2_write_max);
}

smbwire::NegotiateResponse MakeResponse(const dispatch::ServerContext& server,
                                        const NegotiatedState& state,
                                        const config::Global& config) {
  smbwire::NegotiateResponse response;
  response.security_mode = ServerSecurityMode(config);
  response.dialect = state.dialect;
  response.server_guid = server.server_guid;
  response.capabilities = state.server_capabilities;
  response.max_transact_size_bytes = state.max_transact_size_bytes;
  response.max_read_size_bytes = state.max_read_size_bytes;
  response.max_write_size_bytes = state.max_write_size_bytes;
  response.system_time = smbwire::ToFileTime(absl::Now());
  return response;
}

// The SPNEGO hint of auth-service; empty when it cannot be had: the client then begins by itself.
net::Task<Bytes> InitialToken(dispatch::ServerContext& server, net::EventLoop& loop) {
  Bytes token = server.initial_token.Get(absl::Now(), kInitialTokenMaxAge);
  if (!token.empty()) co_return token;
  const auto start = [&server](net::CompletionOf<absl::StatusOr<Bytes>> done) {
    server.auth->InitialToken(absl::Now() + kInitialTokenDeadline, std::move(done));
  };
  const absl::StatusOr<Bytes> fetched =
      co_await net::AwaitCallback<absl::StatusOr<Bytes>>(loop, start);
  if (!fetched.ok()) {
    static logging::RateLimit limit;
    limit.Log(logging::Severity::kWarning, "auth.initial_token_unavailable",
              {{"status", fetched.status()}});
    co_return Bytes();
  }
  server.initial_token.Put(*fetched, absl::Now());
  co_return *fetched;
}

// [MS-SMB2] 3.3.5.4: the contexts of 3.1.1.
NtStatus ChooseContexts(const smbwire::NegotiateContexts& offered, NegotiatedState& state) {
  const auto& hashes = offered.preauth_integrity->hash_algorithms;
  if (std::find(hashes.begin(), hashes.end(), smbwire::kHashSha512) == hashes.end()) {
    return NtStatus::kSmbNoPreauthIntegrityHashOverlap;
  }
  if (offered.ciphers) state.cipher = ChooseCipher(*offered.ciphers);
  state.signing_algorithm = crypto::SigningAlgorithm::kAesCmac;
  if (offered.signing_algorithms) {
    state.signing_algorithm =
        ChooseSigning(*offered.signing_algorithms, crypto::SigningAlgorithm::kAesCmac);
  }
  return NtStatus::kSuccess;
}

smbwire::NegotiateContexts AnswerContexts(const smbwire::NegotiateContexts& offered,
                                          const NegotiatedState& state,
                                          std::span<const uint8_t> salt) {
  smbwire::NegotiateContexts answer;
  answer.preauth_integrity = smbwire::PreauthIntegrityCapabilities{
      .hash_algorithms = {smbwire::kHashSha512}, .salt = salt};
  if (offered.ciphers) {
    answer.ciphers = smbwire::AlgorithmList{static_cast<uint16_t>(state.cipher)};
  }
  if (offered.signing_algorithms) {
    answer.signing_algorithms =
        smbwire::AlgorithmList{static_cast<uint16_t>(state.signing_algorithm)};
  }
  return answer;
}

void RememberClient(const smbwire::NegotiateRequest& request, NegotiatedState& state) {
  state.client_guid = request.client_guid;
  state.client_security_mode = request.security_mode;
  state.client_capabilities = request.capabilities;
  state.client_dialects.assign(request.dialects.begin(), request.dialects.end());
}

}  // namespace

uint16_t ServerSecurityMode(const config::Global& config) {
  return static_cast<uint16_t>(
      smbwire::kSecurityModeSigningEnabled |
      (config.require_message_signing ? smbwire::kSecurityModeSigningRequired : 0));
}

uint16_t ChooseDialect(const smbwire::NegotiateRequest& request, const config::Global& config) {
  uint16_t best = 0;
  for (const config::Dialect dialect : config.dialects) {
    const auto value = static_cast<uint16_t>(dialect);
    if (request.OffersDialect(value)) best = std::max(best, value);
  }
  return best;
}

crypto::Cipher ChooseCipher(const smbwire::AlgorithmList& offered) {
  constexpr std::array<uint16_t, 4> kPreferred = {
      smbwire::kCipherAes128Gcm, smbwire::kCipherAes256Gcm, smbwire::kCipherAes128Ccm,
      smbwire::kCipherAes256Ccm};
  for (const uint16_t cipher : kPreferred) {
    if (std::find(offered.begin(), offered.end(), cipher) != offered.end()) {
      // A client that lists AES-256 first asks for it; otherwise the cheaper one is as good.
      const bool prefers_256 = offered.front() == smbwire::kCipherAes256Gcm ||
                               offered.front() == smbwire::kCipherAes256Ccm;
      return static_cast<crypto::Cipher>(prefers_256 ? offered.front() : cipher);
    }
  }
  return crypto::Cipher::kNone;
}

crypto::SigningAlgorithm ChooseSigning(const smbwire::AlgorithmList& offered,
                                       crypto::SigningAlgorithm fallback) {
  constexpr std::array<uint16_t, 3> kPreferred = {
      smbwire::kSigningAesGmac, smbwire::kSigningAesCmac, smbwire::kSigningHmacSha256};
  for (const uint16_t algorithm : kPreferred) {
    if (std::find(offered.begin(), offered.end(), algorithm) != offered.end()) {
      return static_cast<crypto::SigningAlgorithm>(algorithm);
    }
  }
  return fallback;
}

net::Task<NtStatus> HandleNegotiate(RequestScope& scope) {
  const auto request = smbwire::DecodeNegotiateRequest(scope.message);
  if (!request.ok()) co_return request.status();
  const std::shared_ptr<const config::Config> config = scope.server.config();
  NegotiatedState state = scope.connection.negotiated();
  const uint16_t dialect = ChooseDialect(*request, config->global);
  if (dialect == 0) co_return NtStatus::kNotSupported;
  RememberClient(*request, state);
  state.dialect = dialect;
  state.signing_algorithm =
      crypto::DefaultSigningAlgorithm(static_cast<crypto::Dialect>(dialect));
  if (dialect == smbwire::kDialect311) {
    const NtStatus status = ChooseContexts(request->contexts, state);
    if (!status.ok()) co_return status;
    state.preauth_hash = crypto::NextPreauthHash(crypto::Sha512Digest{}, scope.message);
  } else if (dialect >= smbwire::kDialect300 &&
             (request->capabilities & smbwire::kCapEncryption) != 0) {
    state.cipher = crypto::Cipher::kAes128Ccm;
  }
  state.server_capabilities = Capabilities(dialect, state, scope.server, config->global);
  FillLimits(state, config->global);
  // From here on the next requests find a negotiated connection; a second NEGOTIATE disconnects.
  scope.connection.SetNegotiated(state);

  const Bytes token = co_await InitialToken(scope.server, scope.loop());
  smbwire::NegotiateResponse response = MakeResponse(scope.server, state, config->global);
  response.security_buffer = token;
  std::array<uint8_t, kSaltSizeBytes> salt{};
  if (dialect == smbwire::kDialect311) {
    crypto::SystemRandom().Fill(salt);
    response.contexts = AnswerContexts(request->contexts, state, salt);
    SmbConnection* connection = &scope.connection;
    scope.on_encoded = [connection](std::span<const uint8_t> message) {
      connection->ExtendPreauthHash(message);
    };
  }
  smbwire::EncodeNegotiateResponse(response, scope.body);
  co_return NtStatus::kSuccess;
}

namespace {

net::Task<void> AnswerSmb1(std::shared_ptr<SmbConnection> connection, uint16_t dialect) {
  dispatch::ServerContext& server = connection->server();
  const std::shared_ptr<const config::Config> config = server.config();
  NegotiatedState state;
  state.dialect = dialect;
  FillLimits(state, config->global);
  connection->SetNegotiated(state);
  const bool has_message_id_0 = connection->window().Consume(0, 1);
  if (!has_message_id_0) {
    connection->Disconnect("SMB1 negotiate after other messages");
    co_return;
  }
  const Bytes token = co_await InitialToken(server, connection->loop());
  smbwire::NegotiateResponse response = MakeResponse(server, state, config->global);
  response.security_buffer = token;
  bytes::ByteWriter body;
  smbwire::EncodeNegotiateResponse(response, body);
  smbwire::Header header;
  header.command = smbwire::Command::kNegotiate;
  header.flags = smbwire::kFlagServerToRedir;
  header.credits = static_cast<uint16_t>(connection->window().Grant(1));
  net::Buffer out = net::Buffer::Allocate(smbwire::kHeaderSizeBytes + body.size());
  smbwire::EncodeHeader(header, out.payload().first<smbwire::kHeaderSizeBytes>());
  std::copy(body.view().begin(), body.view().end(),
            out.payload().begin() + smbwire::kHeaderSizeBytes);
  connection->SendResponse(std::move(out), nullptr);
}

}  // namespace

void AnswerSmb1Negotiate(std::shared_ptr<SmbConnection> connection,
                         const smbwire::Smb1NegotiateRequest& request) {
  const std::shared_ptr<const config::Config> config = connection->server().config();
  const auto serves = [&config](config::Dialect dialect) {
    const auto& list = config->global.dialects;
    return std::find(list.begin(), list.end(), dialect) != list.end();
  };
  const bool serves_newer = config->global.dialects.back() > config::Dialect::kSmb202;
  uint16_t dialect = 0;
  if (request.offers_smb_2_any && serves_newer) {
    dialect = smbwire::kDialectWildcard;
  } else if (request.offers_smb_2_002 && serves(config::Dialect::kSmb202)) {
    dialect = smbwire::kDialect202;
  }
  if (dialect == 0) return connection->Disconnect("SMB1 client without a common SMB2 dialect");
  net::Spawn(AnswerSmb1(std::move(connection), dialect));
}

}  // namespace continuo::commands
