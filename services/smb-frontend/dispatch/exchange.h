// One transport message on its way through the server: its requests in order, and their responses.
//
// A coroutine of its own on the connection's loop. Requests of one compound run one after the other;
// exchanges of one connection run side by side. Responses of a compound leave together, unless one
// of them goes asynchronous: then what is answered so far and the interim response leave first.
//
// Source:    [MS-SMB2] 3.3.5.2.7 (compounds), 3.3.4.1.3 (compounding responses), 3.3.4.2 (interim
//            responses).
// Threading: the connection's loop.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include <absl/container/inlined_vector.h>

#include "common/crypto/signing.h"
#include "common/smbwire/compound.h"
#include "services/smb-frontend/dispatch/command_table.h"
#include "services/smb-frontend/dispatch/request_scope.h"
#include "services/smb-frontend/dispatch/smb_connection.h"
#include "services/smb-frontend/net/buffer_pool.h"
#include "services/smb-frontend/net/task.h"

namespace continuo::dispatch {

class Exchange {
 public:
  // `elements` borrow from `message`, which the exchange keeps. `sealed_by` is the session whose
  // key opened the message, null for a plain one. Runs at once up to its first wait.
  static void Start(std::shared_ptr<SmbConnection> connection, net::Buffer message,
                    smbwire::CompoundElements elements,
                    std::shared_ptr<session::Session> sealed_by);

  Exchange(std::shared_ptr<SmbConnection> connection, net::Buffer message,
           smbwire::CompoundElements elements, std::shared_ptr<session::Session> sealed_by);

  // Sends what is answered, then an interim response for `scope`.
  void SendInterim(RequestScope& scope);

  SmbConnection& connection() { return *connection_; }

  // Sets scope.open from the FileId at `file_id_offset` of the message, or from the request before
  // in a related compound. Errors: FILE_CLOSED, or what the request before failed with.
  // FILE_NOT_AVAILABLE for a change that comes too late.
  NtStatus AdmitOpen(RequestScope& scope, size_t file_id_offset);
  // The key that signs the response to `scope`, null for none.
  std::shared_ptr<const crypto::Signer> SignerFor(const RequestScope& scope);

 private:
  // One response that waits for the rest of its compound.
  struct Answer {
    smbwire::Header header;
    Bytes body;
    net::Buffer prepared;
    std::shared_ptr<const crypto::Signer> signer;
    std::function<void(std::span<const uint8_t>)> on_encoded;
  };

  static net::Task<void> Run(std::shared_ptr<Exchange> self);
  net::Task<void> HandleOne(size_t index);
  // Inherits the ids of the request before, as related requests do.
  NtStatus ResolveRelated(RequestScope& scope);
  // Finds and checks what the command needs.
  NtStatus Admit(RequestScope& scope, const CommandRule& rule);
  NtStatus AdmitSession(RequestScope& scope, const CommandRule& rule);
  void SignRefusal(RequestScope& scope);
  NtStatus CheckSignature(RequestScope& scope, const SessionBinding* binding);
  NtStatus AdmitTree(RequestScope& scope);
  NtStatus FindOpen(RequestScope& scope, size_t file_id_offset);
  void AddAnswer(RequestScope& scope, NtStatus status);
  void Flush();
  net::Buffer Assemble();
  static void Finish(Answer& answer, std::span<uint8_t> element);

  const std::shared_ptr<SmbConnection> connection_;
  net::Buffer message_;
  const smbwire::CompoundElements elements_;
  std::shared_ptr<session::Session> sealed_by_;
  CompoundState compound_;
  absl::InlinedVector<Answer, 1> answers_;
  bool is_chain_invalid_ = false;  // The first request claimed to be related.
  bool is_response_encrypted_ = false;
  std::shared_ptr<session::Session> encrypt_for_;
};

}  // namespace continuo::dispatch
