// All logons of the service: finds or makes the context of a leg, runs it, keeps what goes on.
//
//   LogonResult result = engine.Step({.context_id = 0, .token = blob, ...});
//   // kMoreProcessingRequired: answer with token and context id.
//   // kSuccess: identity and session key. Anything else: refused.
//   // Give the answer no sooner than result.delay from now.
//
// Threading: any thread; legs of different logons run side by side. An NTLM leg only computes; a
// Kerberos leg may read the keytab: ask MayBlock first and run such a leg on a worker.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/ntstatus/ntstatus.h"
#include "services/auth-service/logon/directory.h"
#include "services/auth-service/logon/pending_logons.h"
#include "services/auth-service/logon/rate_limiter.h"

namespace continuo::auth {

inline constexpr int kLegsMax = 8;

struct LogonInput {
  uint64_t context_id = 0;
  std::span<const uint8_t> token;
  std::string client_address;
  uint64_t connection_key = 0;
};

struct LogonResult {
  NtStatus status;
  uint64_t context_id = 0;
  Bytes token;
  MechOutcome outcome;  // On kSuccess.
  absl::Duration delay = absl::ZeroDuration();
  std::string claimed_user;  // For the log.
};

struct LogonCounters {
  uint64_t succeeded = 0;
  uint64_t refused = 0;
  uint64_t delayed = 0;
};

// Makes a Kerberos acceptor; null when there is no keytab.
using KerberosFactory =
    std::function<std::unique_ptr<LogonMechanism>(std::shared_ptr<const Directory>)>;

class LogonEngine {
 public:
  LogonEngine(base::RandomSource& random, base::Clock& clock);

  // Replaces what logons are decided by. Logons under way go on with the former.
  void SetDirectory(std::shared_ptr<const Directory> directory);
  std::shared_ptr<const Directory> directory() const;
  void SetKerberos(KerberosFactory kerberos);  // An empty function: no Kerberos.
  bool has_kerberos() const;

  Bytes InitialToken() const;
  bool MayBlock(std::span<const uint8_t> token) const;
  LogonResult Step(const LogonInput& input);
  void Abandon(uint64_t context_id) { pending_.Drop(context_id); }

  LogonCounters counters() const;
  const PendingLogons& pending() const { return pending_; }
  const RateLimiter& limiter() const { return limiter_; }

 private:
  PendingLogon Begin(const LogonInput& input);
  LogonResult Finish(const PendingLogon& logon, spnego::SpnegoStep step);

  base::RandomSource& random_;
  base::Clock& clock_;
  RateLimiter limiter_;
  PendingLogons pending_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<const Directory> directory_ ABSL_GUARDED_BY(mutex_);
  KerberosFactory kerberos_ ABSL_GUARDED_BY(mutex_);
  std::atomic<uint64_t> succeeded_{0};
  std::atomic<uint64_t> refused_{0};
  std::atomic<uint64_t> delayed_{0};
};

}  // namespace continuo::auth
