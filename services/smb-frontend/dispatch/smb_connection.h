// The SMB2 side of one client connection: negotiated state, credits, sessions seen on it, and the way
// of each message from the wire to its handlers and back.
//
//   frame → OnMessage → unseal → split → credits → for each request: session, signature, tree, open →
//   handler → response header → sign → (compound) → seal → net::Connection::Send
//
// Source:    [MS-SMB2] 3.3.1.7 (connection), 3.3.5.2 (receiving), 3.3.4.1 (sending).
// Threading: the connection's loop, except where said.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include <absl/container/flat_hash_map.h>
#include <absl/container/node_hash_map.h>

#include "common/crypto/algorithms.h"
#include "common/crypto/hash.h"
#include "common/crypto/signing.h"
#include "common/smbwire/compound.h"
#include "common/smbwire/header.h"
#include "services/smb-frontend/dispatch/message_window.h"
#include "services/smb-frontend/dispatch/server_context.h"
#include "services/smb-frontend/net/connection.h"
#include "services/smb-frontend/net/task.h"

namespace continuo::dispatch {

struct PendingRequest;

// What NEGOTIATE decided; fixed afterwards.
struct NegotiatedState {
  uint16_t dialect = 0;  // 0: not negotiated; 0x02FF: wildcard, a second NEGOTIATE follows.
  smbwire::Guid client_guid{};
  uint16_t client_security_mode = 0;
  uint32_t client_capabilities = 0;
  uint32_t server_capabilities = 0;
  std::vector<uint16_t> client_dialects;  // For VALIDATE_NEGOTIATE_INFO.
  crypto::Cipher cipher = crypto::Cipher::kNone;
  crypto::SigningAlgorithm signing_algorithm = crypto::SigningAlgorithm::kHmacSha256;
  crypto::Sha512Digest preauth_hash{};
  bool supports_multi_credit = false;
  bool supports_posix = false;  // Never negotiated: CREATE does not serve the extensions' context.
  uint32_t max_transact_size_bytes = 65536;
  uint32_t max_read_size_bytes = 65536;
  uint32_t max_write_size_bytes = 65536;

  bool is_complete() const { return dialect != 0 && dialect != 0x02FF; }
  crypto::Dialect crypto_dialect() const { return static_cast<crypto::Dialect>(dialect); }
};

// A session as this connection knows it.
struct SessionBinding {
  std::shared_ptr<session::Session> session;
  // This channel's key; null until the session is authenticated on this connection.
  std::shared_ptr<const crypto::Signer> signer;
  // While a SESSION_SETUP exchange is under way (logon, re-authentication or binding).
  uint64_t logon_context_id = 0;
  crypto::Sha512Digest preauth_hash{};
  bool is_setup_running = false;  // One leg at a time.
  bool is_binding = false;        // Not yet a channel of the session.
  uint64_t order = 0;             // Rises with each new binding of the connection.
};

// What other threads may know of a connection.
struct ConnectionSummary {
  uint16_t dialect = 0;
  crypto::Cipher cipher = crypto::Cipher::kNone;
  crypto::SigningAlgorithm signing_algorithm = crypto::SigningAlgorithm::kHmacSha256;
  uint32_t session_count = 0;
};

class SmbConnection final : public net::ConnectionHandler,
                            public std::enable_shared_from_this<SmbConnection> {
 public:
  SmbConnection(ServerContext& server, const std::shared_ptr<net::Connection>& connection);
  ~SmbConnection() override;

  // net::ConnectionHandler
  void OnMessage(net::Connection& connection, net::Buffer message) override;
  void OnClosed(net::Connection& connection, net::CloseReason reason) override;

  ServerContext& server() { return server_; }
  net::Connection& transport() { return *connection_; }
  net::EventLoop& loop() { return connection_->loop(); }
  uint64_t id() const { return id_; }                     // Any thread.
  absl::Time connected() const { return connected_; }     // Any thread.
  ConnectionSummary summary() const;                      // Any thread.

  const NegotiatedState& negotiated() const { return negotiated_; }
  void SetNegotiated(NegotiatedState state);
  // The hash goes on with the NEGOTIATE response.
  void ExtendPreauthHash(std::span<const uint8_t> message);

  SessionBinding* FindBinding(smbwire::SessionId id);
  SessionBinding& AddBinding(std::shared_ptr<session::Session> session);
  void RemoveBinding(smbwire::SessionId id);
  // The key of a session that ended on this connection not long ago; null when there is none. What
  // its client still asks is refused with a signature that it believes.
  std::shared_ptr<const crypto::Signer> FindEndedSigner(smbwire::SessionId id) const;
  // Sessions whose logon or binding is not complete, the oldest first.
  std::vector<smbwire::SessionId> UnfinishedLogons() const;

  MessageWindow& window() { return window_; }
  // Credits for a response: what the request asked for within the rules of [MS-SMB2] 3.3.1.2.
  uint16_t GrantCredits(const smbwire::Header& request, bool is_session_established);

  // --- asynchronous requests ---------------------------------------------------------------------
  // With a session the request is not cancelled when this connection ends, if the session has another
  // channel then. 0 when there are too many.
  smbwire::AsyncId RegisterPending(smbwire::MessageId message_id, std::function<void()> on_cancel,
                                   std::shared_ptr<session::Session> outlives_with);
  void ReplaceCancel(smbwire::AsyncId id, std::function<void()> on_cancel);
  void UnregisterPending(smbwire::AsyncId id);

  // Sends an oplock or lease break notification. `body` follows a header that is made here;
  // `sealed_for` names the session whose keys seal it where the session or the client asks for
  // encryption; notifications are never signed ([MS-SMB2] 3.3.4.6). Any thread.
  void PostNotification(std::shared_ptr<session::Session> sealed_for, Bytes body);

  // Seals what the exchange built, when `sealed_for` is given, and queues it.
  void SendResponse(net::Buffer message, session::Session* sealed_for);

  bool is_closed() const { return is_closed_; }
  void Disconnect(std::string_view why);

 private:
  void OnSmb1Message(std::span<const uint8_t> message);
  void OnSealedMessage(net::Buffer message);
  void OnPlainMessage(net::Buffer message, std::shared_ptr<session::Session> sealed_by);
  void UpdateSessionCount();
  bool ConsumeCredits(const smbwire::Header& header, size_t message_size_bytes);
  bool GoesOn(const PendingRequest& pending) const;
  void OnCancel(const smbwire::Header& header, std::span<const uint8_t> message, bool is_sealed);

  ServerContext& server_;
  const std::shared_ptr<net::Connection> connection_;
  const uint64_t id_;
  const absl::Time connected_;
  mutable absl::Mutex summary_mutex_;
  ConnectionSummary summary_ ABSL_GUARDED_BY(summary_mutex_);
  NegotiatedState negotiated_;
  MessageWindow window_;
  // Node-based: handlers keep pointers while others come and go.
  absl::node_hash_map<smbwire::SessionId, SessionBinding> bindings_;
  // The newest last, at most kMaxEndedSigners.
  std::deque<std::pair<smbwire::SessionId, std::shared_ptr<const crypto::Signer>>> ended_signers_;
  absl::flat_hash_map<smbwire::AsyncId, std::unique_ptr<PendingRequest>> pending_;
  uint64_t last_async_id_ = 0;
  uint64_t last_binding_order_ = 0;
  bool is_closed_ = false;
};

}  // namespace continuo::dispatch
