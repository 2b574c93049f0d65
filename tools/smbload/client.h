// An SMB2/3 client connection for load and fault tests: non-blocking, pipelined, one session and
// one tree connect.
//
//   Client client(options, random);
//   client.Start([](absl::Status ready) { ... });      // Connects, logs on, connects the share.
//   // In an epoll loop: watch client.fd() for EPOLLIN, and EPOLLOUT while wants_write().
//   client.OnReadable(); client.OnWritable();
//   client.Send(smbwire::Command::kEcho, smbwire::EncodeEmptyRequest, [](const Reply& reply) { });
//   client.Flush();
//
// Source:    [MS-SMB2] 3.2. Not a full client: no DFS, no leases, one channel, and answers are
//            trusted to be well-formed only as far as the decoders check.
// Threading: none; a client belongs to one thread. Callbacks run inside OnReadable and OnWritable,
//            may send more, and must not destroy the client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/bytes/byte_writer.h"
#include "common/crypto/hash.h"
#include "common/crypto/kdf.h"
#include "common/crypto/sealing.h"
#include "common/crypto/signing.h"
#include "common/ntstatus/ntstatus.h"
#include "common/smbwire/header.h"
#include "common/smbwire/negotiate.h"
#include "tools/smbload/ntlm_client.h"

namespace continuo::smbload {

// Bytes of one I/O that one credit pays for: [MS-SMB2] 3.1.5.2.
inline constexpr size_t kBytesPerCredit = 65536;

enum class Protection { kPlain, kSigned, kSealed };

struct ClientOptions {
  std::string server = "127.0.0.1";
  uint16_t port = 445;
  std::string share;
  NtlmIdentity identity;
  Protection protection = Protection::kPlain;
  // The only dialect that is offered.
  uint16_t dialect = smbwire::kDialect311;
  // What 3.1.1 offers, best first.
  smbwire::AlgorithmList ciphers = {smbwire::kCipherAes128Gcm, smbwire::kCipherAes128Ccm,
                                    smbwire::kCipherAes256Gcm, smbwire::kCipherAes256Ccm};
  smbwire::AlgorithmList signing_algorithms = {smbwire::kSigningAesGmac, smbwire::kSigningAesCmac,
                                               smbwire::kSigningHmacSha256};
  smbwire::Guid client_guid{};  // Zero: a random one.
  // The session that this logon replaces, after a reconnect.
  smbwire::SessionId previous_session_id;
  uint16_t credits_wanted = 512;
};

// One answer. Borrowed: valid during the callback.
struct Reply {
  NtStatus status;
  smbwire::Header header;
  std::span<const uint8_t> message;  // The element, from its header on.
};
using ReplyCallback = std::function<void(const Reply&)>;
// Appends a request's body behind its header.
using EncodeBody = std::function<void(bytes::ByteWriter&)>;

struct Element {
  smbwire::Command command = smbwire::Command::kEcho;
  EncodeBody encode;
  ReplyCallback done;
  uint16_t credit_charge = 1;
};

class Client {
 public:
  using ReadyCallback = std::function<void(absl::Status)>;

  // `random` must outlive the client.
  Client(ClientOptions options, base::RandomSource& random);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Begins to connect. `ready` runs once, when the tree connect is done or with what failed.
  void Start(ReadyCallback ready);

  int fd() const { return fd_; }
  bool wants_write() const { return is_connecting_ || sent_bytes_ < out_.size(); }
  void OnReadable();
  void OnWritable();

  // Not OK once the connection is lost; nothing more is called back then.
  const absl::Status& failure() const { return failure_; }

  uint32_t credits() const { return credits_; }

  // Queues a request; Flush sends what is queued. Without enough credits it waits, and every later
  // one behind it, until answers have brought some.
  void Send(smbwire::Command command, EncodeBody encode, ReplyCallback done,
            uint16_t credit_charge = 1);
  // Queues a compound; every element after the first is related to the one before.
  void SendCompound(std::span<Element> elements);
  void Flush();

  smbwire::SessionId session_id() const { return session_id_; }
  uint16_t dialect() const { return dialect_; }
  uint32_t max_read_size_bytes() const { return max_read_size_bytes_; }
  uint32_t max_write_size_bytes() const { return max_write_size_bytes_; }
  size_t outstanding() const { return pending_.size(); }
  bool is_signing() const { return is_signing_; }
  bool is_sealing() const { return is_sealing_; }

 private:
  void Fail(absl::Status status);
  void Consume();
  void HandleFrame(std::span<uint8_t> frame);
  void HandleElement(std::span<const uint8_t> element, bool was_sealed);
  size_t AppendElement(Element& element, bool is_related, bool is_last, bytes::ByteWriter& out);
  bool MustSign(smbwire::Command command) const;
  void Emit(std::span<Element> elements);
  void EmitWaiting();

  // client_handshake.cc
  void SendNegotiate();
  void OnNegotiated(const Reply& reply);
  void SendSessionSetup(Bytes token);
  void OnSessionSetup(const Reply& reply);
  void InstallKeys(const Reply& reply, uint16_t session_flags);
  void SendTreeConnect();
  void OnTreeConnected(const Reply& reply);
  void FinishStart(absl::Status status);

  const ClientOptions options_;
  base::RandomSource& random_;
  NtlmClient ntlm_;
  ReadyCallback ready_;
  absl::Status failure_;
  int fd_ = -1;
  bool is_connecting_ = false;

  Bytes out_;
  size_t sent_bytes_ = 0;
  Bytes in_;
  size_t in_size_bytes_ = 0;

  absl::flat_hash_map<uint64_t, ReplyCallback> pending_;
  std::deque<std::vector<Element>> waiting_;  // For credits.
  uint64_t next_message_id_ = 0;
  uint32_t credits_ = 1;

  uint16_t dialect_ = 0;
  bool has_large_mtu_ = false;
  bool is_signing_ = false;
  bool is_sealing_ = false;
  bool is_hashing_preauth_ = true;
  crypto::Sha512Digest preauth_hash_{};
  crypto::SigningAlgorithm signing_algorithm_ = crypto::SigningAlgorithm::kHmacSha256;
  crypto::Cipher cipher_ = crypto::Cipher::kNone;
  std::unique_ptr<crypto::Signer> signer_;
  std::unique_ptr<crypto::Sealer> seal_;
  std::unique_ptr<crypto::Sealer> open_;
  bool server_requires_signing_ = false;
  smbwire::SessionId session_id_;
  smbwire::TreeId tree_id_;
  uint32_t max_read_size_bytes_ = 0;
  uint32_t max_write_size_bytes_ = 0;
};

// Charge for an I/O of this size.
constexpr uint16_t CreditCharge(size_t size_bytes) {
  return static_cast<uint16_t>(size_bytes == 0 ? 1 : (size_bytes - 1) / kBytesPerCredit + 1);
}

}  // namespace continuo::smbload
