// The frontend's way to auth-service: asynchronous calls in plain C++ types.
//
//   auth->Logon({.token = blob, .client_address = "10.0.0.7", .connection_key = 42}, deadline,
//               [](absl::StatusOr<LogonOutcome> outcome) { ...hop to the connection's loop... });
//
// A refused logon is an outcome; an absl error means that auth-service could not answer
// (Unavailable, DeadlineExceeded), and the caller maps it to an NTSTATUS in one place.
//
// Threading: every method may be called from any thread and returns at once. `done` runs exactly
// once, on a gRPC thread, and must not block; callers hop to their own loop. Destroying the client
// cancels what is under way and waits for those callbacks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "common/base/bytes.h"
#include "common/ntstatus/ntstatus.h"
#include "common/security/sid.h"

namespace continuo::clients {

// Who logged on: everything that a session's security token is made of.
struct LogonIdentity {
  std::string user_name;
  std::string domain_name;
  security::Sid user_sid;
  security::Sid primary_group_sid;
  std::vector<security::Sid> group_sids;  // Groups, Everyone, Network, Authenticated Users, ...
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> supplementary_gids;
  std::vector<std::string> privileges;  // Names as in the privilege database.
  bool is_guest = false;
  bool is_anonymous = false;
  absl::Time expiry = absl::InfiniteFuture();
};

// STATUS_MORE_PROCESSING_REQUIRED: send the token and call again with the client's answer.
struct LogonContinue {
  uint64_t context_id = 0;
  Bytes token;
};

struct LogonDone {
  Bytes token;        // For the security buffer; empty for raw NTLMSSP.
  Bytes session_key;  // 16 to 32 bytes; empty when anonymous. The SMB session key is its first 16.
  LogonIdentity identity;
};

struct LogonRefused {
  NtStatus nt_status = NtStatus::kLogonFailure;
  Bytes token;
};

using LogonOutcome = std::variant<LogonContinue, LogonDone, LogonRefused>;

struct LogonLeg {
  uint64_t context_id = 0;  // 0 begins a logon.
  Bytes token;
  std::string client_address;
  uint64_t connection_key = 0;  // Any number that is unique to the connection.
};

// SID_NAME_USE, [MS-LSAT] 2.2.13.
enum class NameKind : uint8_t {
  kUser = 1,
  kGroup = 2,
  kDomain = 3,
  kAlias = 4,
  kWellKnownGroup = 5,
  kDeletedAccount = 6,
  kInvalid = 7,
  kUnknown = 8,
};

struct NamedSid {
  std::optional<security::Sid> sid;  // Absent when the name is unknown.
  std::string domain_name;
  std::string name;
  NameKind kind = NameKind::kUnknown;
};

enum class UnixIdKind : uint8_t { kNone, kUid, kGid, kBoth };

struct UnixId {
  UnixIdKind kind = UnixIdKind::kNone;
  uint32_t id = 0;
};

template <typename T>
using AuthCallback = std::function<void(absl::StatusOr<T>)>;

class AuthClient {
 public:
  virtual ~AuthClient() = default;

  // Connects to the Unix socket at `socket_path`, lazily and again after each loss.
  static std::unique_ptr<AuthClient> Create(const std::string& socket_path);

  // The security buffer of a NEGOTIATE response. The same for all clients until auth-service
  // restarts or reloads; callers may keep it for some seconds.
  virtual void InitialToken(absl::Time deadline, AuthCallback<Bytes> done) = 0;

  virtual void Logon(LogonLeg leg, absl::Time deadline, AuthCallback<LogonOutcome> done) = 0;

  // Tells auth-service to forget an unfinished logon; nothing is reported back.
  virtual void AbandonLogon(uint64_t context_id) = 0;

  // Results come in the order asked, one for each question.
  virtual void LookupSids(std::vector<security::Sid> sids, absl::Time deadline,
                          AuthCallback<std::vector<NamedSid>> done) = 0;
  virtual void LookupNames(std::vector<std::string> names, absl::Time deadline,
                           AuthCallback<std::vector<NamedSid>> done) = 0;
  virtual void MapSidsToUnixIds(std::vector<security::Sid> sids, absl::Time deadline,
                                AuthCallback<std::vector<UnixId>> done) = 0;
  virtual void MapUnixIdsToSids(std::vector<UnixId> ids, absl::Time deadline,
                                AuthCallback<std::vector<security::Sid>> done) = 0;
};

}  // namespace continuo::clients
