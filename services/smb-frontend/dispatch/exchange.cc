#include "services/smb-frontend/dispatch/exchange.h"

#include <utility>

#include "common/bytes/byte_reader.h"
#include "common/bytes/byte_writer.h"
#include "common/smbwire/error.h"
#include "common/smbwire/negotiate.h"

namespace continuo::dispatch {
namespace {

constexpr size_t kElementAlignment = 8;

size_t AlignedUp(size_t size_bytes) {
  return (size_bytes + kElementAlignment - 1) / kElementAlignment * kElementAlignment;
}

smbwire::Header ResponseHeader(const smbwire::Header& request) {
  smbwire::Header header;
  header.credit_charge = request.credit_charge;
  header.command = request.command;
  header.flags = smbwire::kFlagServerToRedir |
                 (request.flags & (smbwire::kFlagRelatedOperations | smbwire::kFlagPriorityMask));
  header.message_id = request.message_id;
  header.process_id = request.process_id;
  header.tree_id = request.tree_id;
  header.session_id = request.session_id;
  return header;
}

}  // namespace

Exchange::Exchange(std::shared_ptr<SmbConnection> connection, net::Buffer message,
                   smbwire::CompoundElements elements,
                   std::shared_ptr<session::Session> sealed_by)
    : connection_(std::move(connection)),
      message_(std::move(message)),
      elements_(std::move(elements)),
      sealed_by_(std::move(sealed_by)),
      is_response_encrypted_(sealed_by_ != nullptr),
      encrypt_for_(sealed_by_) {}

void Exchange::Start(std::shared_ptr<SmbConnection> connection, net::Buffer message,
                     smbwire::CompoundElements elements,
                     std::shared_ptr<session::Session> sealed_by) {
  net::Spawn(Run(std::make_shared<Exchange>(std::move(connection), std::move(message),
                                            std::move(elements), std::move(sealed_by))));
}

net::Task<void> Exchange::Run(std::shared_ptr<Exchange> self) {
  for (size_t index = 0; index < self->elements_.size(); ++index) {
    co_await self->HandleOne(index);
  }
  self->Flush();
}

net::Task<void> Exchange::HandleOne(size_t index) {
  // The splitter has decoded every header once.
  const NtResult<smbwire::Header> header = smbwire::DecodeHeader(elements_[index]);
  CONTINUO_CHECK(header.ok());
  RequestScope scope{.server = connection_->server(),
                     .connection = *connection_,
                     .exchange = *this,
                     .message = elements_[index],
                     .header = *header,
                     .compound = compound_,
                     .is_encrypted = sealed_by_ != nullptr,
                     .is_last_in_compound = index + 1 == elements_.size(),
                     .compound_size = elements_.size()};
  const CommandRule* rule = FindCommandRule(scope.header.command);
  if (index == 0 && scope.header.is_related()) is_chain_invalid_ = true;
  NtStatus status = ResolveRelated(scope);
  if (status.ok() && rule == nullptr) status = NtStatus::kInvalidParameter;
  if (status.ok()) status = Admit(scope, *rule);

  if (status.ok()) {
    CommandCounters& counters =
        scope.server.metrics.commands[static_cast<size_t>(scope.header.command)];
    counters.started.fetch_add(1, std::memory_order_relaxed);
    const net::MonotonicTime begin = scope.loop().now();
    net::Task<NtStatus> handling = rule->handler(scope);
    status = co_await std::move(handling);
    // What was withdrawn because it could not wait was not cancelled by the client.
    if (!scope.wait_refusal.ok() && status == NtStatus::kCancelled) status = scope.wait_refusal;
    scope.EndWait();
    if (scope.counted_by != nullptr) scope.counted_by->End(scope.header.channel_sequence());
    counters.completed.fetch_add(1, std::memory_order_relaxed);
    if (!status.ok()) counters.failed.fetch_add(1, std::memory_order_relaxed);
    counters.duration_ns.fetch_add(
        static_cast<uint64_t>(std::chrono::nanoseconds(scope.loop().now() - begin).count()),
        std::memory_order_relaxed);
  }

  compound_.session_id = scope.header.session_id;
  compound_.tree_id = scope.response_tree_id.value() != 0 ? scope.response_tree_id
                                                          : scope.header.tree_id;
  if (scope.response_session_id.value() != 0) compound_.session_id = scope.response_session_id;
  compound_.open = scope.open;
  compound_.previous_status = status;
  compound_.has_previous = true;
  AddAnswer(scope, status);
}

NtStatus Exchange::ResolveRelated(RequestScope& scope) {
  if (!scope.header.is_related()) {
    compound_ = CompoundState();
    is_chain_invalid_ = false;
    return NtStatus::kSuccess;
  }
  // Nothing comes before the first request that it, or what follows it, could be related to.
  if (is_chain_invalid_) return NtStatus::kInvalidParameter;
  scope.header.session_id = compound_.session_id;
  scope.header.tree_id = compound_.tree_id;
  return NtStatus::kSuccess;
}

NtStatus Exchange::Admit(RequestScope& scope, const CommandRule& rule) {
  const NtStatus session_status = AdmitSession(scope, rule);
  // What is related to a request without a session is malformed, [MS-SMB2] 3.3.5.2.7.2.
  if (session_status == NtStatus::kUserSessionDeleted && scope.header.is_related()) {
    return NtStatus::kInvalidParameter;
  }
  CONTINUO_RETURN_IF_ERROR(session_status);
  if (rule.needs >= Needs::kTree) CONTINUO_RETURN_IF_ERROR(AdmitTree(scope));
  if (rule.needs >= Needs::kOpen) CONTINUO_RETURN_IF_ERROR(AdmitOpen(scope, rule.file_id_offset));
  return NtStatus::kSuccess;
}

// [MS-SMB2] 3.3.5.2.4 (signature), 3.3.5.2.9 (session).
NtStatus Exchange::AdmitSession(RequestScope& scope, const CommandRule& rule) {
  if (sealed_by_ != nullptr && scope.header.session_id != sealed_by_->id()) {
    connection_->Disconnect("session id inside a sealed message differs from the transform's");
    return NtStatus::kUserSessionDeleted;
  }
  SessionBinding* binding = connection_->FindBinding(scope.header.session_id);
  if (binding != nullptr && binding->session->state() == session::SessionState::kClosed) {
    connection_->RemoveBinding(scope.header.session_id);
    binding = nullptr;
  }
  if (binding == nullptr) SignRefusal(scope);
  if (rule.needs == Needs::kNothing) {
    if (binding == nullptr || binding->is_binding) return NtStatus::kSuccess;
    scope.session = binding->session;
    return CheckSignature(scope, binding);
  }
  if (binding == nullptr || binding->signer == nullptr) {
    const bool is_anonymous = binding != nullptr && binding->session->is_usable() &&
                              !binding->is_binding && binding->session->keyring() == nullptr;
    if (!is_anonymous) return NtStatus::kUserSessionDeleted;
  }
  scope.session = binding->session;
  CONTINUO_RETURN_IF_ERROR(CheckSignature(scope, binding));
  const session::SessionState state = binding->session->UpdateExpiry(absl::Now());
  if (state == session::SessionState::kInProgress) return NtStatus::kUserSessionDeleted;
  if (state == session::SessionState::kExpired && !rule.is_allowed_when_expired) {
    return NtStatus::kNetworkSessionExpired;
  }
  if (binding->session->is_encryption_required() && !scope.is_encrypted) {
    return NtStatus::kAccessDenied;
  }
  scope.identity = binding->session->identity();
  return NtStatus::kSuccess;
}

// Who can sign with the key of a session that is not on this connection, or not any more, learns so in
// a signed response: others would not believe it.
void Exchange::SignRefusal(RequestScope& scope) {
  if (!scope.header.is_signed() || scope.is_encrypted) return;
  std::shared_ptr<const crypto::Signer> signer =
      connection_->FindEndedSigner(scope.header.session_id);
  if (signer == nullptr) {
    const auto session = scope.server.sessions.Find(scope.header.session_id);
    const auto keyring = session == nullptr ? nullptr : session->keyring();
    if (keyring == nullptr) return;
    signer = std::make_shared<const crypto::Signer>(session->origin().signing_algorithm,
                                                    keyring->keys.signing.view());
  }
  if (signer->Verify(scope.message)) scope.response_signer = std::move(signer);
}

NtStatus Exchange::CheckSignature(RequestScope& scope, const SessionBinding* binding) {
  if (scope.is_encrypted) return NtStatus::kSuccess;
  if (binding->signer == nullptr) {
    // Nothing to check with: an unfinished logon, or a guest's session.
    return NtStatus::kSuccess;
  }
  if (scope.header.is_signed()) {
    if (binding->signer->Verify(scope.message)) return NtStatus::kSuccess;
    scope.server.metrics.bad_signatures.fetch_add(1, std::memory_order_relaxed);
    return NtStatus::kAccessDenied;
  }
  if (binding->session->is_signing_required()) return NtStatus::kAccessDenied;
  return NtStatus::kSuccess;
}

// [MS-SMB2] 3.3.5.2.11.
NtStatus Exchange::AdmitTree(RequestScope& scope) {
  scope.tree = scope.session->FindTreeConnect(scope.header.tree_id);
  if (scope.tree == nullptr) return NtStatus::kNetworkNameDeleted;
  if (scope.tree->is_encryption_required && !scope.is_encrypted) return NtStatus::kAccessDenied;
  return NtStatus::kSuccess;
}

NtStatus Exchange::AdmitOpen(RequestScope& scope, size_t file_id_offset) {
  CONTINUO_RETURN_IF_ERROR(FindOpen(scope, file_id_offset));
  if (connection_->negotiated().dialect < smbwire::kDialect300) return NtStatus::kSuccess;
  // [MS-SMB2] 3.3.5.2.10.
  const auto& sequence = scope.open->facts().channel_sequence;
  if (scope.counted_by == sequence) return NtStatus::kSuccess;
  const auto verdict =
      sequence->Begin(scope.header.channel_sequence(), scope.header.is_replay());
  if (verdict == open::ChannelSequence::Verdict::kCounted) {
    scope.counted_by = sequence;
    return NtStatus::kSuccess;
  }
  const smbwire::Command command = scope.header.command;
  const bool is_change = command == smbwire::Command::kWrite ||
                         command == smbwire::Command::kSetInfo ||
                         command == smbwire::Command::kIoctl;
  return is_change ? NtStatus::kFileNotAvailable : NtStatus::kSuccess;
}

NtStatus Exchange::FindOpen(RequestScope& scope, size_t file_id_offset) {
  if (scope.header.is_related()) {
    if (compound_.open != nullptr && !compound_.open->is_closing()) {
      scope.open = compound_.open;
      return NtStatus::kSuccess;
    }
    // What the request before could not provide, this one cannot use.
    if (compound_.has_previous && !compound_.previous_status.ok() && compound_.open == nullptr) {
      return compound_.previous_status;
    }
  }
  bytes::ByteReader in(scope.message);
  in.Skip(file_id_offset);
  smbwire::FileId id;
  id.persistent_id = in.U64();
  id.volatile_id = in.U64();
  if (!in.ok()) return NtStatus::kInvalidParameter;
  std::shared_ptr<open::OpenFile> open = scope.server.opens.Find(id);
  if (open == nullptr || open->session() != scope.session || open->tree() != scope.tree) {
    return NtStatus::kFileClosed;
  }
  // Who knows the FileId has seen the CREATE's response: another CREATE of that GUID is a new one.
  if (open->EndReplay()) scope.server.opens.ForgetCreateGuid(*open);
  scope.open = std::move(open);
  return NtStatus::kSuccess;
}

std::shared_ptr<const crypto::Signer> Exchange::SignerFor(const RequestScope& scope) {
  if (scope.response_signer != nullptr) return scope.response_signer;
  if (is_response_encrypted_ || scope.session == nullptr) return nullptr;
  const SessionBinding* binding = connection_->FindBinding(scope.session->id());
  if (binding == nullptr || binding->signer == nullptr) return nullptr;
  if (scope.header.is_signed() || scope.session->is_signing_required()) return binding->signer;
  return nullptr;
}

void Exchange::AddAnswer(RequestScope& scope, NtStatus status) {
  Answer& answer = answers_.emplace_back();
  answer.header = ResponseHeader(scope.header);
  answer.header.status = status.value();
  if (scope.response_session_id.value() != 0) {
    answer.header.session_id = scope.response_session_id;
  }
  if (scope.response_tree_id.value() != 0) answer.header.tree_id = scope.response_tree_id;
  if (scope.is_async()) {
    answer.header.flags |= smbwire::kFlagAsyncCommand;
    answer.header.async_id = scope.async_id;
    answer.header.credits = 0;  // The interim response has granted them.
  } else {
    answer.header.credits = connection_->GrantCredits(
        scope.header, scope.session != nullptr && scope.session->is_usable());
  }
  if (scope.is_response_encrypted && scope.session != nullptr) {
    is_response_encrypted_ = true;
    encrypt_for_ = scope.session;
  }
  if (status.ok() || scope.has_body_on_error) {
    answer.body = std::move(scope.body).Take();
    answer.prepared = std::move(scope.prepared);
  } else {
    bytes::ByteWriter error;
    smbwire::EncodeErrorResponse(error);
    answer.body = std::move(error).Take();
  }
  answer.signer = SignerFor(scope);
  answer.on_encoded = std::move(scope.on_encoded);
}

void Exchange::SendInterim(RequestScope& scope) {
  // What is answered already goes first, as a message of its own: the Linux client forgets the rest
  // of a sealed compound that holds a STATUS_PENDING, and then waits for it for ever.
  Flush();
  Answer& answer = answers_.emplace_back();
  answer.header = ResponseHeader(scope.header);
  answer.header.status = NtStatus::kPending;
  answer.header.flags |= smbwire::kFlagAsyncCommand;
  answer.header.async_id = scope.async_id;
  answer.header.credits = connection_->GrantCredits(scope.header, true);
  bytes::ByteWriter error;
  smbwire::EncodeErrorResponse(error);
  answer.body = std::move(error).Take();
  // Not signed: GMAC's nonce is the MessageId, which the final response uses again.
  Flush();
}

void Exchange::Finish(Answer& answer, std::span<uint8_t> element) {
  if (answer.signer != nullptr) answer.header.flags |= smbwire::kFlagSigned;
  smbwire::EncodeHeader(answer.header, element.first<smbwire::kHeaderSizeBytes>());
  if (answer.signer != nullptr) answer.signer->Sign(element);
  if (answer.on_encoded) answer.on_encoded(element);
}

net::Buffer Exchange::Assemble() {
  if (answers_.size() == 1) {
    Answer& answer = answers_.front();
    net::Buffer out;
    if (answer.prepared.valid()) {
      out = std::move(answer.prepared);
    } else {
      out = net::Buffer::Allocate(smbwire::kHeaderSizeBytes + answer.body.size());
      std::copy(answer.body.begin(), answer.body.end(),
                out.payload().begin() + smbwire::kHeaderSizeBytes);
    }
    Finish(answer, out.payload());
    return out;
  }
  size_t total = 0;
  for (size_t i = 0; i < answers_.size(); ++i) {
    const Answer& answer = answers_[i];
    const size_t size = answer.prepared.valid() ? answer.prepared.size()
                                                : smbwire::kHeaderSizeBytes + answer.body.size();
    total += AlignedUp(size);
  }
  net::Buffer out = net::Buffer::Allocate(total);
  std::span<uint8_t> rest = out.payload();
  for (size_t i = 0; i < answers_.size(); ++i) {
    Answer& answer = answers_[i];
    const std::span<const uint8_t> body =
        answer.prepared.valid()
            ? std::span<const uint8_t>(answer.prepared.payload()).subspan(smbwire::kHeaderSizeBytes)
            : std::span<const uint8_t>(answer.body);
    const size_t size = smbwire::kHeaderSizeBytes + body.size();
    // The last one, too: clients have come to expect it ([MS-SMB2] 3.3.4.1.3).
    const size_t padded = AlignedUp(size);
    const std::span<uint8_t> element = rest.first(padded);
    std::copy(body.begin(), body.end(), element.begin() + smbwire::kHeaderSizeBytes);
    std::fill(element.begin() + static_cast<std::ptrdiff_t>(size), element.end(), uint8_t{0});
    if (i + 1 != answers_.size()) answer.header.next_command = static_cast<uint32_t>(padded);
    Finish(answer, element);
    rest = rest.subspan(padded);
  }
  return out;
}

void Exchange::Flush() {
  if (answers_.empty()) return;
  net::Buffer out = Assemble();
  answers_.clear();
  connection_->SendResponse(std::move(out), is_response_encrypted_ ? encrypt_for_.get() : nullptr);
}

// --- RequestScope ------------------------------------------------------------------------------

net::EventLoop& RequestScope::loop() const { return connection.loop(); }

NtStatus RequestScope::FindOpen(size_t file_id_offset) {
  return exchange.AdmitOpen(*this, file_id_offset);
}

NtStatus RequestScope::GoAsync(std::function<void()> on_cancel) {
  if (pending_id.value() != 0) {
    connection.ReplaceCancel(pending_id, std::move(on_cancel));
    return NtStatus::kSuccess;
  }
  // As Windows answers what would have to wait in the middle of a compound.
  if (!may_wait) return wait_refusal = NtStatus::kInternalError;
  pending_id = connection.RegisterPending(header.message_id, std::move(on_cancel),
                                          outlives_connection ? session : nullptr);
  if (pending_id.value() == 0) return wait_refusal = NtStatus::kInsufficientResources;
  // The session may be gone by the time of the answer, which its key signs all the same.
  if (response_signer == nullptr) response_signer = exchange.SignerFor(*this);
  const auto send = [this] {
    interim_timer = {};
    async_id = pending_id;
    server.metrics.async_requests.fetch_add(1, std::memory_order_relaxed);
    exchange.SendInterim(*this);
  };
  if (server.fsa->is_delegated()) {
    send();
  } else {
    interim_timer = loop().RunAfter(kInterimDelay, send);
  }
  return NtStatus::kSuccess;
}

void RequestScope::EndWait() {
  if (interim_timer != net::TimerId()) loop().CancelTimer(std::exchange(interim_timer, {}));
  if (pending_id.value() != 0) connection.UnregisterPending(pending_id);
}

}  // namespace continuo::dispatch
