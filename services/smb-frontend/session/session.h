// An SMB2 session: a logged-on user, on one connection or, with multichannel, on several.
//
// Owned by SessionTable and by the connections that are its channels. Its tables are behind one short
// lock; what a request needs again and again (keys, identity) is handed out as shared pointers to
// immutable objects.
//
// | state       | logon done  | reauth starts | reauth done | logoff, last channel gone | ticket over |
// | kInProgress | kValid      | never         | never       | kClosed                   | never       |
// | kValid      | never       | kValid        | kValid      | kClosed                   | kExpired    |
// | kExpired    | never       | kExpired      | kValid      | kClosed                   | kExpired    |
// | kClosed     | never       | never         | never       | kClosed                   | kClosed     |
//
// Source:    [MS-SMB2] 3.3.1.8 (session), 3.3.1.14 (channel).
// Threading: any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include "common/crypto/algorithms.h"
#include "common/crypto/kdf.h"
#include "common/crypto/sealing.h"
#include "common/crypto/signing.h"
#include "common/smbwire/header.h"
#include "services/smb-frontend/session/identity.h"
#include "services/smb-frontend/session/tree_connect.h"

namespace continuo::session {

enum class SessionState : uint8_t { kInProgress, kValid, kExpired, kClosed };

// What a logon leaves behind; replaced as a whole, never changed.
struct SessionKeyring {
  crypto::SessionKeys keys;
  crypto::SecretBytes session_key;
  crypto::SecretBytes full_session_key;
  std::unique_ptr<const crypto::Sealer> seal;  // Server to client; null below 3.0.
  std::unique_ptr<const crypto::Sealer> open;  // Client to server.
};

// The facts of the connection on which the session was made; a channel must agree with them.
struct SessionOrigin {
  crypto::Dialect dialect = crypto::Dialect::kSmb311;
  smbwire::Guid client_guid{};
  crypto::SigningAlgorithm signing_algorithm = crypto::SigningAlgorithm::kHmacSha256;
  crypto::Cipher cipher = crypto::Cipher::kNone;
};

class Session {
 public:
  // Most tree connects of one session.
  static constexpr size_t kTreeConnectsMax = 65'535;
  // Most channels, as Windows and Samba have it.
  static constexpr size_t kChannelsMax = 32;

  Session(smbwire::SessionId id, const SessionOrigin& origin);

  smbwire::SessionId id() const { return id_; }
  const SessionOrigin& origin() const { return origin_; }
  absl::Time created() const { return created_; }
  SessionState state() const { return state_.load(std::memory_order_acquire); }
  bool is_usable() const { return state() == SessionState::kValid; }

  // The logon is complete (kInProgress → kValid), or a re-authentication is (keys stay as they are).
  void Authenticate(std::shared_ptr<const Identity> identity,
                    std::shared_ptr<const SessionKeyring> keyring);
  void Reauthenticate(std::shared_ptr<const Identity> identity);
  // kValid → kExpired once `now` has passed the ticket's end; returns the state then.
  SessionState UpdateExpiry(absl::Time now);

  // Null before the logon is complete.
  std::shared_ptr<const Identity> identity() const;
  std::shared_ptr<const SessionKeyring> keyring() const;

  // Set once when the logon completes.
  void SetSigningRequired(bool is_required) { is_signing_required_ = is_required; }
  bool is_signing_required() const { return is_signing_required_; }
  void SetEncryptionRequired(bool is_required) { is_encryption_required_ = is_required; }
  bool is_encryption_required() const { return is_encryption_required_; }

  // --- channels --------------------------------------------------------------------------------
  // False when kChannelsMax are there.
  bool AddChannel(uint64_t connection_id);
  // Returns how many are left.
  size_t RemoveChannel(uint64_t connection_id);
  std::vector<uint64_t> channels() const;

  // --- tree connects ---------------------------------------------------------------------------
  // Null when kTreeConnectsMax is reached.
  std::shared_ptr<TreeConnect> AddTreeConnect(std::shared_ptr<const Share> share,
                                              security::AccessMask maximal_access,
                                              bool is_encryption_required);
  std::shared_ptr<TreeConnect> FindTreeConnect(smbwire::TreeId id) const;
  std::shared_ptr<TreeConnect> RemoveTreeConnect(smbwire::TreeId id);
  std::vector<std::shared_ptr<TreeConnect>> tree_connects() const;

  // --- opens: the volatile ids, for LOGOFF and limits ---------------------------------------------
  void AddOpen(uint64_t volatile_id);
  void RemoveOpen(uint64_t volatile_id);
  std::vector<uint64_t> opens() const;
  size_t open_count() const;

  // The first call returns true: whoever gets it closes what the session has. No new tree connect
  // or open is accepted afterwards.
  bool Close();

 private:
  const smbwire::SessionId id_;
  const SessionOrigin origin_;
  const absl::Time created_;
  std::atomic<SessionState> state_{SessionState::kInProgress};
  std::atomic<bool> is_signing_required_{false};
  std::atomic<bool> is_encryption_required_{false};

  mutable absl::Mutex mutex_;
  std::shared_ptr<const Identity> identity_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const SessionKeyring> keyring_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint64_t> channels_ ABSL_GUARDED_BY(mutex_);
  uint32_t last_tree_id_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<smbwire::TreeId, std::shared_ptr<TreeConnect>> trees_
      ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<uint64_t> opens_ ABSL_GUARDED_BY(mutex_);
};

// All sessions of the node. Threading: any thread.
class SessionTable {
 public:
  // Null when `sessions_max` (0: unlimited) are there.
  std::shared_ptr<Session> Create(const SessionOrigin& origin, uint32_t sessions_max);
  std::shared_ptr<Session> Find(smbwire::SessionId id) const;
  void Remove(smbwire::SessionId id);
  std::vector<std::shared_ptr<Session>> all() const;
  // Of one client, the oldest first: whichever of them can, tells it of a lease break.
  std::vector<std::shared_ptr<Session>> OfClient(const smbwire::Guid& client_guid) const;
  size_t size() const;

 private:
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<smbwire::Guid, std::vector<smbwire::SessionId>> by_client_
      ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<smbwire::SessionId, std::shared_ptr<Session>> sessions_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace continuo::session
