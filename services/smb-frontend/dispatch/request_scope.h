// What a command handler sees of one request, and where it puts its answer.
//
//   net::Task<NtStatus> HandleFlush(RequestScope& scope) {
//     const auto request = smbwire::DecodeFlushRequest(scope.message);
//     if (!request.ok()) co_return request.status();
//     const std::shared_ptr<open::OpenFile> open = scope.open;       // Found by dispatch.
//     auto work = [&] { return open->vfs().Flush(*open->file); };
//     const NtStatus status = co_await scope.RunBlocking(work);
//     if (!status.ok()) co_return status;
//     smbwire::EncodeFlushResponse(scope.body);
//     co_return NtStatus::kSuccess;
//   }
//
// Dispatch has checked what the command's row in the command table says (session, tree connect,
// open, signature, credits), and afterwards builds the header, signs, seals and sends. A handler
// returns the status and, for a success, has written the body.
//
// Threading: the connection's loop; the scope lives until the handler's task has ended.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>

#include "common/bytes/byte_writer.h"
#include "common/crypto/signing.h"
#include "common/ntstatus/ntstatus.h"
#include "common/smbwire/header.h"
#include "services/smb-frontend/dispatch/server_context.h"
#include "services/smb-frontend/net/await_callback.h"
#include "services/smb-frontend/net/buffer_pool.h"
#include "services/smb-frontend/net/event_loop.h"
#include "services/smb-frontend/net/task.h"
#include "services/smb-frontend/open/open_file.h"
#include "services/smb-frontend/session/session.h"

namespace continuo::dispatch {

class SmbConnection;
class Exchange;

// Handles on later requests of the same related compound. [MS-SMB2] 3.3.5.2.7.2.
struct CompoundState {
  smbwire::SessionId session_id;
  smbwire::TreeId tree_id;
  std::shared_ptr<open::OpenFile> open;
  // Of the request before: an error there fails what is related to it and needs its FileId.
  NtStatus previous_status;
  bool has_previous = false;
};

struct RequestScope {
  ServerContext& server;
  SmbConnection& connection;
  Exchange& exchange;
  // From this request's header to its end (with padding, when another follows).
  std::span<const uint8_t> message;
  smbwire::Header header;
  CompoundState& compound;
  bool is_encrypted = false;
  bool is_last_in_compound = true;
  size_t compound_size = 1;

  // Set as the command's table row asks.
  std::shared_ptr<session::Session> session;
  std::shared_ptr<const session::Identity> identity;
  std::shared_ptr<session::TreeConnect> tree;
  std::shared_ptr<open::OpenFile> open;
  // Of the open, which counts this request until it is answered; null when none does.
  std::shared_ptr<open::ChannelSequence> counted_by;

  // --- the answer ------------------------------------------------------------------------------
  // Body of the response: everything after the 64-byte header. Encoders start at its beginning.
  bytes::ByteWriter body;
  // Instead of `body`, for data that shall not be copied: a buffer whose payload is 64 unset
  // bytes for the header and then the whole body.
  net::Buffer prepared;
  // A status other than success that nevertheless carries the body: BUFFER_OVERFLOW,
  // MORE_PROCESSING_REQUIRED of SESSION_SETUP, an error response with data (BUFFER_TOO_SMALL).
  // Without it a failure gets an empty ERROR response and `body` is ignored.
  bool has_body_on_error = false;
  // SESSION_SETUP: signs this response with another key than the session's current one, and takes
  // the encoded response for the preauthentication hash.
  std::shared_ptr<const crypto::Signer> response_signer;
  std::function<void(std::span<const uint8_t>)> on_encoded;
  // The response header's session and tree, where they differ from the request's.
  smbwire::SessionId response_session_id;
  smbwire::TreeId response_tree_id;
  bool is_response_encrypted = false;

  // --- waiting -------------------------------------------------------------------------------------
  // The answer depends on somebody else (a break, a lock, an event). `on_cancel` runs on the loop when
  // the client sends CANCEL, or its connection ends; at most once and never after the
  // handler's end. A second call only replaces `on_cancel`. STATUS_PENDING goes out with everything of
  // the compound that is answered already: now, or, while fsa-state-service decides, only when the
  // answer takes longer than kInterimDelay, since most of its answers are on their way already.
  // Errors: InsufficientResources when the connection has kMaxAsyncRequests pending, InternalError
  // without may_wait: fail with it.
  NtStatus GoAsync(std::function<void()> on_cancel);
  // STATUS_PENDING was sent.
  bool is_async() const { return async_id.value() != 0; }
  smbwire::AsyncId async_id;
  smbwire::AsyncId pending_id;  // The same from GoAsync on, for CANCEL.
  net::TimerId interim_timer;
  // CHANGE_NOTIFY before the last of a compound: what comes after it would wait for ever.
  bool may_wait = true;
  NtStatus wait_refusal;  // GoAsync failed: the answer instead of CANCELLED.
  // A CREATE that its client can find again by its GUID: when its connection ends it goes on, as long
  // as the session has another channel.
  bool outlives_connection = false;

  // --- helpers -------------------------------------------------------------------------------------
  // For handlers whose row does not ask for an open: sets `open` as dispatch would, from the FileId
  // at `file_id_offset` of the message or, in a related compound, from the request before.
  // Errors: FILE_CLOSED, or what the request before failed with.
  NtStatus FindOpen(size_t file_id_offset);
  // The wait is over, whether or not STATUS_PENDING was sent.
  void EndWait();
  net::EventLoop& loop() const;
  // What RunBlocking and file operations run as: the session's user.
  net::TokenRef token() const { return identity == nullptr ? nullptr : identity->unix_token; }
  template <typename Fn>
  auto RunBlocking(Fn& fn) {
    return loop().RunBlocking(token(), std::ref(fn));
  }
};

// How long a request may wait for fsa-state-service before its client hears of it.
inline constexpr absl::Duration kInterimDelay = absl::Milliseconds(10);

// Requests of one connection that wait for something, at most. Windows' default, too.
inline constexpr size_t kMaxAsyncRequests = 512;

using Handler = net::Task<NtStatus> (*)(RequestScope& scope);

}  // namespace continuo::dispatch
