#include "services/smb-frontend/dispatch/smb_connection.h"

#include <algorithm>
#include <utility>

#include "common/bytes/byte_writer.h"
#include "common/logging/log.h"
#include "common/smbwire/transform.h"
#include "services/smb-frontend/commands/end_session.h"
#include "services/smb-frontend/commands/negotiate.h"
#include "services/smb-frontend/dispatch/exchange.h"

namespace continuo::dispatch {

namespace {

constexpr size_t kMaxEndedSigners = 16;

}  // namespace

// A request that waits for something, as CANCEL finds it.
struct PendingRequest {
  smbwire::MessageId message_id;
  std::function<void()> on_cancel;
  std::shared_ptr<session::Session> outlives_with;  // Null: ends with its connection.
};

SmbConnection::SmbConnection(ServerContext& server,
                             const std::shared_ptr<net::Connection>& connection)
    : server_(server),
      connection_(connection),
      id_(connection->id().value()),
      connected_(absl::Now()) {}

SmbConnection::~SmbConnection() = default;

void SmbConnection::Disconnect(std::string_view why) {
  static logging::RateLimit limit;
  limit.Log(logging::Severity::kInfo, "connection.protocol_error",
            {{"connection", id_}, {"peer", connection_->peer_address().ToString()}, {"why", why}});
  server_.metrics.protocol_disconnects.fetch_add(1, std::memory_order_relaxed);
  connection_->Close(net::CloseMode::kAbort);
}

void SmbConnection::OnMessage(net::Connection&, net::Buffer message) {
  switch (smbwire::ClassifyMessage(message.payload())) {
    case smbwire::MessageKind::kSmb2:
      return OnPlainMessage(std::move(message), nullptr);
    case smbwire::MessageKind::kEncrypted:
      return OnSealedMessage(std::move(message));
    case smbwire::MessageKind::kSmb1:
      return OnSmb1Message(message.payload());
    case smbwire::MessageKind::kCompressed:
    case smbwire::MessageKind::kUnknown:
      return Disconnect("not an SMB2 message");
  }
}

// [MS-SMB2] 3.3.5.3: only as the very first message.
void SmbConnection::OnSmb1Message(std::span<const uint8_t> message) {
  if (negotiated_.dialect != 0) return Disconnect("SMB1 message after NEGOTIATE");
  const auto request = smbwire::DecodeSmb1Negotiate(message);
  if (!request.ok()) return Disconnect("malformed SMB1 negotiate");
  commands::AnswerSmb1Negotiate(shared_from_this(), *request);
}

// [MS-SMB2] 3.3.5.2.1.1.
void SmbConnection::OnSealedMessage(net::Buffer message) {
  const auto sealed = smbwire::DecodeTransformHeader(message.payload());
  if (!sealed.ok()) return Disconnect("malformed transform header");
  SessionBinding* binding = FindBinding(sealed->header.session_id);
  if (binding == nullptr || binding->session->state() == session::SessionState::kClosed) {
    return Disconnect("sealed message for an unknown session");
  }
  const std::shared_ptr<session::Session> session = binding->session;
  const std::shared_ptr<const session::SessionKeyring> keyring = session->keyring();
  if (keyring == nullptr || keyring->open == nullptr) {
    return Disconnect("sealed message for a session without keys");
  }
  const auto plain = keyring->open->OpenInPlace(message.payload());
  if (!plain.ok()) {
    server_.metrics.bad_signatures.fetch_add(1, std::memory_order_relaxed);
    return Disconnect("sealed message does not verify");
  }
  message.TrimFront(smbwire::kTransformHeaderSizeBytes);
  if (smbwire::ClassifyMessage(message.payload()) != smbwire::MessageKind::kSmb2) {
    return Disconnect("sealed message holds no SMB2 message");
  }
  OnPlainMessage(std::move(message), session);
}

void SmbConnection::OnPlainMessage(net::Buffer message,
                                   std::shared_ptr<session::Session> sealed_by) {
  auto elements = smbwire::SplitCompound(message.payload());
  if (!elements.ok()) return Disconnect("malformed compound");
  for (const std::span<const uint8_t> element : *elements) {
    const auto header = smbwire::DecodeHeader(element);
    CONTINUO_CHECK(header.ok());
    if (header->is_response()) return Disconnect("a response was sent to the server");
    if (header->command == smbwire::Command::kCancel) {
      // CANCEL uses no credit and has no answer.
      OnCancel(*header, element, sealed_by != nullptr);
      if (elements->size() == 1) return;
      return Disconnect("CANCEL inside a compound");
    }
    if (header->command == smbwire::Command::kNegotiate) {
      if (negotiated_.is_complete()) return Disconnect("second NEGOTIATE");
      if (elements->size() != 1 || sealed_by != nullptr) return Disconnect("NEGOTIATE in a compound");
    } else if (!negotiated_.is_complete()) {
      return Disconnect("request before NEGOTIATE");
    }
    if (!ConsumeCredits(*header, element.size())) return Disconnect("message id out of window");
  }
  Exchange::Start(shared_from_this(), std::move(message), *std::move(elements),
                  std::move(sealed_by));
}

// [MS-SMB2] 3.3.5.2.3.
bool SmbConnection::ConsumeCredits(const smbwire::Header& header, size_t) {
  const uint32_t charge =
      negotiated_.supports_multi_credit ? std::max<uint32_t>(header.credit_charge, 1) : 1;
  return window_.Consume(header.message_id.value(), charge);
}

uint16_t SmbConnection::GrantCredits(const smbwire::Header& request, bool is_session_established) {
  const uint32_t charge =
      negotiated_.supports_multi_credit ? std::max<uint32_t>(request.credit_charge, 1) : 1;
  const uint32_t requested = std::max<uint32_t>(request.credits, 1);
  // Until somebody has logged on, a connection goes on one request at a time.
  const uint32_t wanted = is_session_established ? requested : std::min(requested, charge);
  const uint32_t granted = window_.Grant(std::min<uint32_t>(wanted, kMaxCredits));
  return static_cast<uint16_t>(granted);
}

void SmbConnection::OnCancel(const smbwire::Header& header, std::span<const uint8_t> message,
                             bool is_sealed) {
  if (!is_sealed && header.is_signed()) {
    const SessionBinding* binding = FindBinding(header.session_id);
    if (binding == nullptr || binding->signer == nullptr || !binding->signer->Verify(message)) {
      server_.metrics.bad_signatures.fetch_add(1, std::memory_order_relaxed);
      return;
    }
  }
  std::function<void()> on_cancel;
  for (auto& [async_id, pending] : pending_) {
    const bool is_meant = header.is_async() ? async_id == header.async_id
                                            : pending->message_id == header.message_id;
    if (is_meant) on_cancel = std::exchange(pending->on_cancel, nullptr);
    if (is_meant) break;
  }
  if (!on_cancel) return;  // Answered already, or never known: nothing to do.
  server_.metrics.cancelled_requests.fetch_add(1, std::memory_order_relaxed);
  on_cancel();
}

// The session's other channels may end at this moment, too. Then the request ends by itself, and finds
// that its session is gone.
bool SmbConnection::GoesOn(const PendingRequest& pending) const {
  if (pending.outlives_with == nullptr) return false;
  const std::vector<uint64_t> channels = pending.outlives_with->channels();
  return std::any_of(channels.begin(), channels.end(),
                     [this](uint64_t channel) { return channel != id_; });
}

smbwire::AsyncId SmbConnection::RegisterPending(smbwire::MessageId message_id,
                                                std::function<void()> on_cancel,
                                                std::shared_ptr<session::Session> outlives_with) {
  if (pending_.size() >= kMaxAsyncRequests) return smbwire::AsyncId(0);
  const smbwire::AsyncId id(++last_async_id_);
  auto pending = std::make_unique<PendingRequest>();
  pending->message_id = message_id;
  pending->on_cancel = std::move(on_cancel);
  pending->outlives_with = std::move(outlives_with);
  pending_.emplace(id, std::move(pending));
  if (is_closed_) {
    // Nobody will cancel it later: the connection is gone.
    loop().Post([self = shared_from_this(), id] {
      const auto found = self->pending_.find(id);
      if (found == self->pending_.end() || self->GoesOn(*found->second)) return;
      if (const auto cancel = std::exchange(found->second->on_cancel, nullptr)) cancel();
    });
  }
  return id;
}

void SmbConnection::ReplaceCancel(smbwire::AsyncId id, std::function<void()> on_cancel) {
  const auto found = pending_.find(id);
  if (found != pending_.end()) found->second->on_cancel = std::move(on_cancel);
}

void SmbConnection::UnregisterPending(smbwire::AsyncId id) { pending_.erase(id); }

void SmbConnection::SetNegotiated(NegotiatedState state) {
  negotiated_ = std::move(state);
  absl::MutexLock lock(&summary_mutex_);
  summary_.dialect = negotiated_.is_complete() ? negotiated_.dialect : 0;
  summary_.cipher = negotiated_.cipher;
  summary_.signing_algorithm = negotiated_.signing_algorithm;
}

void SmbConnection::ExtendPreauthHash(std::span<const uint8_t> message) {
  negotiated_.preauth_hash = crypto::NextPreauthHash(negotiated_.preauth_hash, message);
}

ConnectionSummary SmbConnection::summary() const {
  absl::MutexLock lock(&summary_mutex_);
  return summary_;
}

void SmbConnection::UpdateSessionCount() {
  absl::MutexLock lock(&summary_mutex_);
  summary_.session_count = static_cast<uint32_t>(bindings_.size());
}

SessionBinding* SmbConnection::FindBinding(smbwire::SessionId id) {
  const auto found = bindings_.find(id);
  return found == bindings_.end() ? nullptr : &found->second;
}

SessionBinding& SmbConnection::AddBinding(std::shared_ptr<session::Session> session) {
  SessionBinding& binding = bindings_[session->id()];
  binding.session = std::move(session);
  binding.order = ++last_binding_order_;
  UpdateSessionCount();
  return binding;
}

void SmbConnection::RemoveBinding(smbwire::SessionId id) {
  const auto found = bindings_.find(id);
  if (found == bindings_.end()) return;
  if (found->second.signer != nullptr && !found->second.is_binding) {
    if (ended_signers_.size() == kMaxEndedSigners) ended_signers_.pop_front();
    ended_signers_.emplace_back(id, found->second.signer);
  }
  bindings_.erase(found);
  UpdateSessionCount();
}

std::shared_ptr<const crypto::Signer> SmbConnection::FindEndedSigner(smbwire::SessionId id) const {
  for (const auto& [ended, signer] : ended_signers_) {
    if (ended == id) return signer;
  }
  return nullptr;
}

std::vector<smbwire::SessionId> SmbConnection::UnfinishedLogons() const {
  std::vector<const SessionBinding*> unfinished;
  for (const auto& [session_id, binding] : bindings_) {
    const bool is_new = binding.session->state() == session::SessionState::kInProgress;
    if (is_new || binding.is_binding) unfinished.push_back(&binding);
  }
  std::sort(unfinished.begin(), unfinished.end(),
            [](const SessionBinding* a, const SessionBinding* b) { return a->order < b->order; });
  std::vector<smbwire::SessionId> ids;
  for (const SessionBinding* binding : unfinished) ids.push_back(binding->session->id());
  return ids;
}

void SmbConnection::SendResponse(net::Buffer message, session::Session* sealed_for) {
  if (is_closed_) return;
  if (sealed_for == nullptr) return connection_->Send(std::move(message));
  const std::shared_ptr<const session::SessionKeyring> keyring = sealed_for->keyring();
  if (keyring == nullptr || keyring->seal == nullptr) return Disconnect("no key to seal with");
  message.Prepend(smbwire::kTransformHeaderSizeBytes);
  const absl::Status sealed =
      keyring->seal->SealInPlace(sealed_for->id().value(), message.payload());
  if (!sealed.ok()) return Disconnect(sealed.ToString());
  connection_->Send(std::move(message));
}

void SmbConnection::PostNotification(std::shared_ptr<session::Session> session, Bytes body) {
  loop().Post([self = shared_from_this(), session = std::move(session),
               body = std::move(body)]() mutable {
    net::Buffer out = net::Buffer::Allocate(smbwire::kHeaderSizeBytes + body.size());
    smbwire::Header header;
    header.command = smbwire::Command::kOplockBreak;
    header.flags = smbwire::kFlagServerToRedir;
    header.message_id = smbwire::kUnsolicitedMessageId;
    smbwire::EncodeHeader(header, out.payload().first<smbwire::kHeaderSizeBytes>());
    std::copy(body.begin(), body.end(), out.payload().begin() + smbwire::kHeaderSizeBytes);
    const bool is_sealed = session != nullptr && session->is_encryption_required();
    self->SendResponse(std::move(out), is_sealed ? session.get() : nullptr);
  });
}

void SmbConnection::OnClosed(net::Connection& connection, net::CloseReason reason) {
  is_closed_ = true;
  server_.metrics.closed_bytes_received.fetch_add(connection.received_bytes());
  server_.metrics.closed_bytes_sent.fetch_add(connection.sent_bytes());
  if (logging::Enabled(logging::Severity::kDebug)) {
    logging::Debug("connection.closed",
                   {{"connection", id_}, {"reason", net::CloseReasonName(reason)}});
  }
  std::vector<std::function<void()>> cancels;
  for (auto& [async_id, pending] : pending_) {
    if (GoesOn(*pending)) continue;
    if (auto cancel = std::exchange(pending->on_cancel, nullptr)) cancels.push_back(std::move(cancel));
  }
  for (const auto& cancel : cancels) cancel();
  std::vector<std::shared_ptr<session::Session>> sessions;
  for (auto& [session_id, binding] : bindings_) {
    if (binding.logon_context_id != 0) server_.auth->AbandonLogon(binding.logon_context_id);
    if (!binding.is_binding) sessions.push_back(binding.session);
  }
  bindings_.clear();
  server_.connections.Remove(id_);
  if (server_.on_connection_closed) server_.on_connection_closed(id_);
  commands::EndSessionsOf(server_, *this, sessions);
}

}  // namespace continuo::dispatch
